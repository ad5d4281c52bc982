"""Flow in a periodic box: decaying and forced turbulence."""

from collections.abc import Callable
from functools import cached_property
from operator import add, mul
from typing import Any

import numpy as np
from phi import math
from phi.field import Field
from phi.math import Tensor, dual, spatial
from phi.math.extrapolation import PERIODIC

from ..errors import InputError, integer, is_real, positive, quoted
from ..grids.components import by_component
from ..grids.fourier import half_of_space, series_means
from ..grids.sampling import Intervals, seeded_field, wave_mean
from ..stepping.state import Fields, State
from .advection import SCHEMES
from .base import Flow
from .diffusion import laplacian
from .given import given_velocity
from .parameters import ROUNDED, SEED
from .runge_kutta import METHODS

WAVES, TAYLOR_GREEN = "waves", "taylor_green"
KOLMOGOROV = "kolmogorov"


class PeriodicBox(Flow):
    """
    Incompressible flow in a periodic box:

        ∂u/∂t + u·∇u = -∇p + ν ∇²u + f - μ u,   ∇·u = 0   on [0, L]^d,   L = 2π

    u (`velocity`, staggered) in domain units per time, ν (`viscosity`, domain units² per time), μ (`drag`, per time), f
    (`forcing`) none, a function of position, or Kolmogorov's, f = A sin(2π k y / L) e_x. The axes are y, x (and z).

    At the start, by the option `initial`: `waves`, a random velocity of waves whose numbers |m| (periods per box) lie
    around `peak` with the width `spread` (amplitudes exp(-(|m| - peak)² / (2 spread²)) times normal numbers that the
    parameter `seed` defines), with a root mean square of `speed`; or `taylor_green`, u_x = U sin x cos y cos z, u_y =
    -U cos x sin y cos z, u_z = 0 with x in units of L / 2π and U = `speed` (without z in 2D, where u decays as
    exp(-2 ν t (2π / L)²)). Each value is the exact mean over its face, so that a reference's restricts to its source's,
    and the velocity is divergence-free on every grid.

    One step with fluxes (`central`, the default, or `van_leer`): the Runge-Kutta method `integrator` (`rk3`, `heun` or
    `rk4`) with a pressure projection of each stage; second order in space, third (second, fourth) in time. With lookups
    (`semi_lagrangian`, `mac_cormack`): explicit diffusion, advection, forces, projection; first order in time. The
    pressure comes from a Fourier transform. Fluxes are stable for Σ_d |u_d| dt / dx_d below 1.73 (`rk4`: 2.83;
    `heun`, which lets waves grow slowly, and `van_leer`: 1), diffusion for ν dt Σ_d 1/dx_d² <= 0.63 (`rk4`: 0.7, `heun`
    and lookups: 1/2), less half the Courant number with `van_leer`, which damps, too.

    Source: the forced case (A = 1, k = 4, μ = 0.1, ν = 1/1000) after Kochkov et al., PNAS 118 (2021, arXiv:2102.01010).

    Examples:
        >>> ps.PeriodicBox(y=16, x=16, forcing="kolmogorov", drag=0.1)
        PeriodicBox(y=16, x=16, dt=0.01, advection='central')
    """

    fields = ("velocity",)
    parameters = (SEED, "viscosity")
    size = {"y": 2 * np.pi, "x": 2 * np.pi, "z": 2 * np.pi}
    drawn = ("x", "y", "z")
    advection = "central"
    dt = 0.01
    speed = 1.0
    drag = 0.0
    amplitude = 1.0
    wave_number = 4
    initial = WAVES
    peak, spread = 4.0, 1.0

    def __init__(
        self,
        dt: float | None = None,
        advection: str | None = None,
        forcing: str | Callable[[Tensor], Any] | None = None,
        *,
        size: dict[str, float] | None = None,
        drag: float | None = None,
        amplitude: float | None = None,
        wave_number: int | None = None,
        initial: str | None = None,
        speed: float | None = None,
        peak: float | None = None,
        spread: float | None = None,
        integrator: str | None = None,
        bodies=None,
        **resolution: int,
    ):
        """
        As `Flow`, and what is None is as the class has it:

        Args:
            forcing: None, `kolmogorov`, or a function of position that gives a vector, such as
                `lambda p: math.vec(y=0, x=math.sin(p.vector["y"]))`, with the period of the box.
            drag: μ, at least 0.
            amplitude: A of Kolmogorov's forcing.
            wave_number: Its k, an integer.
            initial: `waves` or `taylor_green`.
            speed: Of the initial velocity, see above.
            peak: Of the wave numbers of `waves`, in periods per box.
            spread: Their width.
            integrator: `rk3`, `heun` or `rk4`.

        Raises:
            InputError: as `Flow` does, and for other names, numbers that are not possible, and a forcing that is not
                periodic.
        """
        super().__init__(dt, advection, size=size, bodies=bodies, **resolution)
        name = type(self).__name__
        for option, chosen, known in (
            ("initial state", initial, (WAVES, TAYLOR_GREEN)),
            ("integrator", integrator, tuple(METHODS)),
        ):
            if not (chosen is None or chosen in known):
                raise InputError(f"Unknown {option} {quoted(chosen)} of a {name}. Known: {', '.join(known)}.")
        numbers: dict = {"speed": speed, "amplitude": amplitude, "peak": peak, "spread": spread}
        for option, value in numbers.items():
            if value is not None:
                setattr(self, option, positive(f"The {option} of a {name}", value))
        if drag is not None:
            if not (is_real(drag) and drag >= 0):
                raise InputError(f"The drag of a {name} must be finite and at least 0, not {quoted(drag)}.")
            self.drag = float(drag)
        if wave_number is not None:
            self.wave_number = integer(f"The wave_number of a {name}", wave_number, 1)
        self.initial = self.initial if initial is None else initial
        self.integrator = self.integrator if integrator is None else integrator
        if not (forcing is None or forcing == KOLMOGOROV or callable(forcing)):
            kinds = f"{KOLMOGOROV!r}, a function of position, or None"
            raise InputError(f"The forcing of a {name} is {kinds}, not {quoted(forcing)}.")
        self._given_forcing = forcing
        if forcing == KOLMOGOROV and 2 * self.wave_number > self.resolution["y"]:
            most = f"{self.resolution['y']} cells along y resolve at most {self.resolution['y'] // 2} waves"
            raise InputError(f"The wave_number of a {name} is {self.wave_number}, but {most}.")
        if callable(forcing):
            self._check_periodic(forcing)

    @property
    def boundaries(self):
        return {"velocity": PERIODIC}

    # --- forces ---

    @cached_property
    def forcing(self) -> Field | None:
        """f on the faces: Kolmogorov's as means over them, a function's as values at their centres."""
        if self._given_forcing is None:
            return None
        with math.NUMPY:
            if callable(self._given_forcing):
                return self.field("velocity", self._given_forcing)
            layout, values = self.layouts["velocity"], []
            for c in layout.components:
                lower, upper = layout.intervals(c)["y"]
                wave = wave_mean(lower, upper, 2 * np.pi * self.wave_number / self.size["y"]).imag
                along = math.wrap(self.amplitude * wave * (c == "x"), spatial("y"))
                values.append(math.to_float(math.expand(along, self.shape)))
            return self.templates["velocity"].with_values(math.stack(values, dual(vector=layout.dims)))

    def _check_periodic(self, forcing: Callable):
        """InputError if a function of position differs between opposite sides, or gives no vector."""
        with math.NUMPY, math.precision(64):
            for d, length in self.size.items():
                points = self.templates["velocity"].vector[d].points
                shift = math.vec(**{e: length * (e == d) for e in self.size})
                try:
                    found = [forcing(p) for p in (points, points + shift)]
                    if any(set(v.shape.get_item_names("vector") or ()) != set(self.size) for v in found):
                        raise TypeError(f"it gives {found[0].shape or 'a number'}")
                    here, there = (math.stack([v.vector[c] for c in self.size], dual("c")) for v in found)
                except (AttributeError, KeyError, TypeError, ValueError, AssertionError) as e:
                    axes = ", ".join(f"{c}=..." for c in self.size)
                    raise InputError(f"The forcing of {self} must give a vector, math.vec({axes}): {e}") from None
                change = float(math.max(math.abs(here - there), lambda s: s))
                if not change <= 1e-6 * (1 + float(math.max(math.abs(here), lambda s: s))):
                    apart = f"it differs by {change:.3g} between places that are the period {length:.6g} apart"
                    raise InputError(f"The forcing of {self} is not periodic: along {d} {apart}.")

    # --- the start ---

    def initial_state(self, seed=0, viscosity=1e-3, *, velocity: Any = None, **bodies) -> State:
        """
        Waves or vortices, or another velocity.

        Args:
            seed: Of the waves.
            viscosity: ν, positive.
            velocity: A field or its values, a function of position, or a sequence of arrays, the values on the faces of
                each component in the order of the axes. What of it is not divergence-free is left out.

        Raises:
            InputError: for parameters that are not possible, arrays of another shape, or values that are not finite.
        """
        parameters = self.parameter_tensors({SEED: seed, "viscosity": viscosity, **bodies})
        if velocity is not None:
            field, _ = self.projection(given := given_velocity(self, velocity))
            arrays = self.layouts["velocity"].to_arrays(given, given.values.shape.batch).values()
            if not all(np.isfinite(a).all() for a in arrays if isinstance(a, np.ndarray)):
                raise InputError(f"The velocity of {self} has values that are not finite.")
        elif self.initial == WAVES:
            field = seeded_field(self.layouts["velocity"], parameters[SEED], self._waves)
        else:
            field = seeded_field(self.layouts["velocity"], parameters[SEED], self._taylor_green)
        shape = math.merge_shapes(field.values.shape.batch, *parameters.values())
        parameters = {n: math.expand(p, shape) for n, p in parameters.items()}
        return State({"velocity": math.expand(field, shape)}, parameters)

    def _waves(self, rng: np.random.Generator, component: str, where: Intervals) -> np.ndarray:
        """u = curl of a potential, per wave: û_m = i k × a_m, so that every grid's faces carry no net flow."""
        dims = list(where)
        most = int(np.ceil(self.peak + 4 * self.spread))
        axes = [np.arange(-most, most + 1)] * len(dims)
        periods = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(dims))
        normal = rng.normal(size=(len(periods), 3, 2)) @ (1, 1j)
        keep = half_of_space(periods)
        periods, normal, radius = periods[keep], normal[keep], np.linalg.norm(periods[keep], axis=1)
        k = np.stack([2 * np.pi * m / self.size[d] for m, d in zip(periods.T, dims, strict=True)], 1)
        k = np.concatenate([k, np.zeros((len(k), 3 - len(dims)))], 1)
        potential = normal if len(dims) == 3 else normal * (0, 0, 1)
        strength = np.exp(-((radius - self.peak) ** 2) / (2 * self.spread**2)) / np.linalg.norm(k, axis=1)
        velocity = 1j * np.cross(k, potential) * strength[:, None]
        velocity *= self.speed / np.sqrt(np.sum(np.abs(velocity) ** 2) / 2)
        return series_means(periods, velocity[:, dims.index(component)], self.size, where)

    def _taylor_green(self, rng: np.random.Generator, component: str, where: Intervals) -> np.ndarray:
        if component == "z":
            return np.zeros([len(lower) for lower, _ in where.values()])
        waves = {d: wave_mean(*where[d], 2 * np.pi / self.size[d]) for d in where}
        parts = [waves[d].imag if d == component else waves[d].real for d in where]
        # of opposite sign, and so that what flows in along x flows out along y in boxes of any shape
        scale = self.speed if component == "x" else -self.speed * self.size["y"] / self.size["x"]
        return scale * np.asarray(np.prod(np.meshgrid(*parts, indexing="ij"), axis=0))

    # --- the step ---

    @property
    def top_speed(self) -> float:
        """The greatest speed to be expected: of the start, and of what a forcing drives (three times its scale)."""
        start = self.speed * (3 if self.initial == WAVES else 1)
        if self.forcing is None:
            return start
        strength = float(math.max(math.abs(self.forcing.values), lambda s: s))
        return max(start, 3 * (strength * max(self.size.values()) / (2 * np.pi)) ** 0.5)

    def check_stability(self, dt: float, seed: float, viscosity: float):
        """
        Raises InputError if dt is too long for diffusion, for the scheme at the speeds that are to be expected, or for
        lookups that would cross the box within one step.
        """
        self.check_cfl(dt, self.top_speed)
        self._check_diffusion(dt, viscosity, self.top_speed)

    def check_diffusion(self, dt: float, seed: float, viscosity: float):
        """Raises InputError if ν dt Σ_d 1/dx_d² is beyond what the integrator keeps stable, see the class."""
        self._check_diffusion(dt, viscosity, 0.0)

    def _check_diffusion(self, dt: float, viscosity: float, speed: float):
        """With the damping of the scheme at a speed."""
        limit = METHODS[self.integrator].real if self.by_rates else 2.0
        damped = SCHEMES[self.advection].damping * speed / min(self.spacing.values())
        spread = 4 * sum(1 / h**2 for h in self.spacing.values())
        most = (limit / dt - damped) / spread
        if viscosity > most * ROUNDED:
            longest = f"diffusion needs viscosity <= {most:.4g}, or dt <= {limit / (viscosity * spread + damped):.3g}"
            raise InputError(f"viscosity={viscosity:g} is too large for {self}: {longest}.")

    def forces(self, velocity: Field, viscosity: Tensor) -> Tensor:
        """ν ∇²u + f - μ u."""
        total = by_component(mul, laplacian(velocity).values, viscosity)
        if self.forcing is not None:
            total = by_component(add, total, self.forcing.values)
        return by_component(lambda f, u: f - self.drag * u, total, velocity.values) if self.drag else total

    def acceleration(self, state: State) -> Field | None:
        """f - μ u."""
        return -self.drag * state.velocity + (0.0 if self.forcing is None else self.forcing)

    def rates(self, state: State) -> Fields:
        velocity = state.velocity
        change = by_component(add, self.transport(velocity, velocity).values, self.forces(velocity, state.viscosity))
        return {"velocity": velocity.with_values(change)}

    def physics(self, state: State, dt: Tensor, correction: Fields | None = None) -> State:
        velocity, forces = state.velocity, self.forces(state.velocity, state.viscosity)
        moved = by_component(lambda u, f: u + dt * f, self.advect(velocity, velocity, dt).values, forces)
        velocity = self.corrected("velocity", velocity.with_values(moved), correction)
        return state.with_fields(velocity=self.projection(velocity)[0])
