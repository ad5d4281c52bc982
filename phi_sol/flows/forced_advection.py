"""A velocity that carries itself, diffuses, and is driven by travelling waves: forced advection-diffusion."""

from functools import cached_property

import numpy as np
from phi import math
from phi.field import Field
from phi.math import Tensor, dual, instance, spatial
from phi.math.extrapolation import PERIODIC
from phi.physics import diffuse

from ..errors import InputError, positive
from ..grids.sampling import Intervals, seeded_field, wave_mean
from ..stepping.state import Fields, State
from .base import Flow
from .parameters import ROUNDED, SEED

WAVES, MODES, KNOWN_SEEDS = 20, 12, 1000


class ForcedAdvection(Flow):
    """
    Forced advection-diffusion without pressure (the viscous Burgers equation in 2D or 3D):

        ∂u/∂t + u·∇u = ν ∇²u + f,   f_c(x, t) = A Σ_{j=1..20} a_jc sin(k_j·x - ω_j t + φ_j)

    u (`velocity`, staggered) in domain units per time, f (`forcing`, staggered) in domain units per time², t (`time`,
    centred, the same in every cell). Parameters: ν (`viscosity`, domain units² per time), A (`amplitude`, as f) and
    `seed`, from which are drawn the waves: direction angles (uniform in [0, π], in 3D with a uniform cosine to z), wave
    numbers |k_j| (in [0.8, 1.6]), a_jc (in [-1, 1]), φ_j (in [0, 2π]) and ω_j (in [-0.4, 0.4]); and the initial
    velocity: 12 harmonics of the box with up to 3 periods, root mean square 0.5 per component. The domain is [0, 32]
    along y, x (and z), periodic. The waves, as in the paper, are not: f jumps where the box closes.

    The forcing, known beforehand, is stored with every frame; networks see it and never correct it. Each value is the
    exact mean of f over its face at the state's time, so that the reference's restricts to the source's.

    One step: semi-Lagrangian advection of u by itself, addition of dt f at the old time, explicit diffusion, forcing at
    the new time. First order in time and, by the advection, in space at a fixed CFL number. Diffusion is stable for ν
    dt Σ_d 1/dx_d² <= 1/2. Good values: ν = 0.1, A = 0.15, dt = 0.1; 32x32 (source) and 128x128 (reference).

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.3; the initial velocity is phi_sol's.

    Examples:
        >>> ps.ForcedAdvection(y=16, x=16).parameters
        ('seed', 'viscosity', 'amplitude')
    """

    fields = ("velocity", "forcing", "time")
    staggered = ("velocity", "forcing")
    prescribed = ("forcing", "time")
    inputs = ("forcing",)
    incompressible = False
    parameters = (SEED, "viscosity", "amplitude")
    size = {"y": 32.0, "x": 32.0, "z": 32.0}
    dt = 0.1
    speed = 0.5
    """Root mean square of each component of the initial velocity."""

    def __init__(
        self,
        dt: float | None = None,
        advection: str | None = None,
        *,
        size: dict[str, float] | None = None,
        speed: float | None = None,
        bodies=None,
        **resolution: int,
    ):
        """As `Flow`, and `speed`: root mean square of each component of the initial velocity, 0.5 by default."""
        super().__init__(dt, advection, size=size, bodies=bodies, **resolution)
        self.speed = self.speed if speed is None else positive(f"The speed of a {type(self).__name__}", speed)

    @property
    def boundaries(self):
        return dict.fromkeys(self.fields, PERIODIC)

    @cached_property
    def waves(self) -> dict[str, Tensor]:
        """
        Tables, so that a compiled step can look them up by the seed: wave vectors `k`, angular `frequency`, `phase`
        and, per component, `weight` (a_jc times the mean of the wave over a face relative to its centre).
        """
        dims = list(self.size)
        drawn = [_draw_waves(seed, dims) for seed in range(KNOWN_SEEDS)]
        k = np.stack([[w["k"][d] for d in dims] for w in drawn])  # seeds, axes, waves
        weight = np.stack([[w["a"][c] for c in dims] for w in drawn])
        for i, c in enumerate(dims):
            for j, d in enumerate(dims):
                if d != c:
                    weight[:, i] *= np.sinc(k[:, j] * self.spacing[d] / (2 * np.pi))
        table = instance("seeds"), dual(vector=dims), instance("waves")
        with math.NUMPY, math.precision(64):
            scalars = {n: np.stack([w[n] for w in drawn]) for n in ("frequency", "phase")}
            scalars = {n: math.wrap(values, instance("seeds,waves")) for n, values in scalars.items()}
            return scalars | {"k": math.wrap(k, *table), "weight": math.wrap(weight, *table)}

    @cached_property
    def positions(self) -> dict[str, dict[str, Tensor]]:
        """Coordinates of the face centres, per component and axis."""
        with math.NUMPY, math.precision(64):
            where = {c: self.layouts["forcing"].intervals(c).items() for c in self.size}
            return {c: {d: math.wrap((a + b) / 2, spatial(d)) for d, (a, b) in w} for c, w in where.items()}

    def forcing(self, seed: Tensor, amplitude: Tensor, time: Tensor) -> Field:
        """The forcing f at a time, as means over faces. Arguments without spatial dimensions."""
        index = math.to_int32(math.round(seed))
        components = []
        with math.precision(64):  # products in float32 are rounded to ten bits on some GPUs
            wave = {n: table[{"seeds": index}] for n, table in self.waves.items()}
            start = wave["phase"] - wave["frequency"] * math.to_float(time)
            for c in self.size:
                sine, cosine = (f(start) * wave["weight"][{"~vector": c}] for f in (math.sin, math.cos))
                angles = [wave["k"][{"~vector": d}] * x for d, x in self.positions[c].items()]
                *first, (s, k) = [(math.sin(a), math.cos(a)) for a in angles]
                for s_d, k_d in first:  # sines of sums, axis by axis; the sum over the waves comes with the last one
                    sine, cosine = sine * k_d + cosine * s_d, cosine * k_d - sine * s_d
                components.append(math.dot(sine, "waves", k, "waves") + math.dot(cosine, "waves", s, "waves"))
        values = amplitude * math.to_float(math.stack(components, dual(vector=list(self.size))))
        return self.templates["forcing"].with_values(values)

    def initial_state(self, seed, viscosity=0.1, amplitude=0.15, **bodies) -> State:
        """
        The random smooth velocity of a seed (0 to 999), and its forcing at t = 0. Raises InputError for parameters that
        are not possible.
        """
        parameters = self.parameter_tensors({SEED: seed, "viscosity": viscosity, "amplitude": amplitude, **bodies})
        self._check_seed(float(parameters[SEED].max))
        shape = math.merge_shapes(*parameters.values())
        parameters = {n: math.expand(p, shape) for n, p in parameters.items()}
        velocity = seeded_field(self.layouts["velocity"], parameters[SEED], self._smooth_velocity)
        forcing = self.forcing(parameters[SEED], parameters["amplitude"], math.wrap(0.0))
        fields = {"velocity": velocity, "forcing": forcing, "time": self.field("time", 0.0)}
        return State({n: math.expand(f, shape) for n, f in fields.items()}, parameters)

    def _smooth_velocity(self, rng: np.random.Generator, component: str, where: Intervals) -> np.ndarray:
        total: dict = {}
        for c in "yxz":  # all of them whatever the grid, so that every component has numbers of its own
            periods, phases = rng.integers(-3, 4, (MODES, 3)), rng.uniform(0, 2 * np.pi, MODES)
            parts = rng.uniform(0.5, 1, MODES)
            periods[~periods[:, :2].any(1), 0] = 1
            total[c] = 0.0
            for m, phase, part in zip(periods, phases, parts, strict=True):
                wave = np.exp(1j * phase)
                for n, d in zip(m, where, strict=False):
                    wave = wave[..., None] * wave_mean(*where[d], 2 * np.pi * n / self.size[d])
                total[c] = total[c] + part * wave.real
            total[c] = total[c] * self.speed / np.sqrt(np.sum(parts**2) / 2)
        return total[component]

    def check_stability(self, dt: float, seed: float, viscosity: float, amplitude: float):
        """
        Raises InputError as `check_diffusion`, for a seed beyond 999, or if a step crosses the domain at the speed
        2 + sqrt(20 A λ): four times the initial root mean square, and what half of the forcing's bound 20 A gives over
        a wave length λ = 2π / 0.8.
        """
        self._check_seed(seed)
        self.check_diffusion(dt, seed, viscosity, amplitude)
        self.check_cfl(dt, 4 * self.speed + (WAVES * amplitude * 2 * np.pi / 0.8) ** 0.5)

    def check_diffusion(self, dt: float, seed: float, viscosity: float, amplitude: float):
        """Raises InputError if ν dt Σ_d 1/dx_d² > 1/2, where explicit diffusion amplifies the shortest waves."""
        most = 0.5 / (dt * sum(1 / h**2 for h in self.spacing.values()))
        if viscosity > most * ROUNDED:
            needed = f"explicit diffusion needs viscosity <= {most:.4g} (or a smaller dt)"
            raise InputError(f"viscosity={viscosity:g} is too large for {self}: {needed}.")

    @staticmethod
    def _check_seed(seed: float):
        if seed >= KNOWN_SEEDS:
            raise InputError(f"seed={seed:g} is not possible: forced advection knows the seeds 0 to {KNOWN_SEEDS - 1}.")

    def acceleration(self, state: State) -> Field:
        """f."""
        return state.forcing

    def physics(self, state: State, dt: Tensor, correction: Fields | None = None) -> State:
        velocity = self.advect(state.velocity, state.velocity, dt) + state.forcing * dt
        velocity = self.corrected("velocity", velocity, correction)
        velocity = diffuse.explicit(velocity, state.viscosity, dt)
        time = state.time + dt
        forcing = self.forcing(state.seed, state.amplitude, time.values[dict.fromkeys(self.size, 0)])
        return state.with_fields(velocity=velocity, forcing=forcing, time=time)

    def config(self) -> dict:
        return super().config() | {"waves": WAVES, "speed": self.speed}


def _draw_waves(seed: int, dims: list[str]) -> dict:
    """Coefficients of the 20 waves of a seed, in domain units; those of 3D alone come last."""
    rng = np.random.default_rng([seed, 1])  # not the stream of the initial velocity
    angle, number = rng.uniform(0, np.pi, WAVES), rng.uniform(0.8, 1.6, WAVES)
    a = {d: rng.uniform(-1, 1, WAVES) for d in "yx"}
    phase, frequency = rng.uniform(0, 2 * np.pi, WAVES), rng.uniform(-0.4, 0.4, WAVES)
    a["z"], cosine = rng.uniform(-1, 1, WAVES), rng.uniform(-1, 1, WAVES)
    if "z" not in dims:
        cosine = np.zeros(WAVES)
    plane = number * np.sqrt(1 - cosine**2)
    k = {"y": plane * np.sin(angle), "x": plane * np.cos(angle), "z": number * cosine}
    return {"k": k, "a": a, "phase": phase, "frequency": frequency}
