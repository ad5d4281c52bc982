"""Smoke that rises in a box and stirs the air: a buoyant plume."""

from functools import cached_property, reduce

import numpy as np
from phi import math
from phi.field import Field, resample
from phi.math import Tensor
from phi.math.extrapolation import ZERO, ZERO_GRADIENT, combine_sides

from ..errors import InputError, is_real, quoted
from ..grids.sampling import Intervals, gaussian_mean, seeded_field
from ..stepping.state import Fields, State
from .base import Flow
from .geometry import intervals, stretched
from .parameters import SEED

BLOBS = 4
SOURCE = {"y": (10, 20), "x": (40, 60), "z": (40, 60)}  # of smoke, in the usual domain


class BuoyantPlume(Flow):
    """
    Inviscid Boussinesq flow of hot smoke, marker and velocity coupled both ways:

        ∂u/∂t + u·∇u = -∇p + b d e_y,   ∇·u = 0,   ∂d/∂t + u·∇d = inflow

    u (`velocity`, staggered) in domain units per time, d (`marker`, centred) without unit, b (`buoyancy`) the
    acceleration of marker 1 along +y in domain units per time². The domain is y in [0, 200], x in [0, 100] and in 3D z
    in [0, 100]. All sides are walls at rest (u = 0, no flow through them; ∂d/∂n = 0), or the top is open (∂u/∂y = 0, p
    = 0; clear air comes in). At the start the air rests and holds four Gaussian blobs of smoke in the lower half, with
    positions, widths (5 to 12) and amounts (0.5 to 1) drawn from the parameter `seed`: one function of space, of which
    every grid has the cell means. With the option `inflow` a source adds smoke at this rate in y in [10, 20], x and z
    in [40, 60].

    One step: semi-Lagrangian advection of marker and velocity by u, buoyancy of the new marker, pressure projection.
    First order in time (Euler lookups; buoyancy after advection) and, by the advection, in space at a fixed CFL number.
    Advection gives the marker no new extrema, but does not keep its mass: per step that changes by at most a fraction
    dt |∇u|, in practice by a few per cent of this. Good values: buoyancy 0.01 to 0.1 with dt = 1; 64x32 (source) and
    256x128 (reference), in 3D 32x16x16 and 128x64x64.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.2; domain size and smoke volumes are phi_sol's.

    Examples:
        >>> plume = ps.BuoyantPlume(y=16, x=16)
        >>> plume.step(plume.initial_state(seed=0, buoyancy=0.1))
        State(velocity staggered 16x16, marker 16x16, ...
    """

    parameters = (SEED, "buoyancy")
    drawn = ("x", "z", "y")  # what rises goes upwards
    size = {"y": 200.0, "x": 100.0, "z": 100.0}
    top = "closed"
    inflow = 0.0

    def __init__(
        self,
        dt: float | None = None,
        advection: str | None = None,
        top: str | None = None,
        inflow: float | None = None,
        *,
        source: dict[str, tuple[float, float]] | None = None,
        size: dict[str, float] | None = None,
        obstacles=None,
        bodies=None,
        **resolution: int,
    ):
        """
        As `Flow`, and:

        Args:
            top: `closed` (the default) or `open`.
            inflow: Marker that the source adds per unit time; 0, the default, for no source.
            source: Where it adds it, by axis, e.g. `dict(y=(10, 20), x=(40, 60))`, the default in 2D. In a domain of
                another size its default and the blobs of smoke keep their places in proportion.

        Raises:
            InputError: as `Flow` does, for another top, for an inflow that is negative or not finite, and for a source
                that is no box in the domain.
        """
        super().__init__(dt, advection, size=size, obstacles=obstacles, bodies=bodies, **resolution)
        top, inflow = (self.top if top is None else top), (self.inflow if inflow is None else inflow)
        if top not in ("closed", "open"):
            raise InputError(f"The top of a {type(self).__name__} is closed or open, not {quoted(top)}.")
        if not (is_real(inflow) and inflow >= 0):
            raise InputError(f"The inflow must be finite and at least 0, not {quoted(inflow)}.")
        self.top, self.inflow = top, float(inflow)
        box = stretched(SOURCE, self._stretch)
        self._source = box if source is None else intervals(f"The source of a {type(self).__name__}", source, self.size)
        self.say(source=None if self._source == box else self._source)

    @property
    def boundaries(self):
        if self.top == "closed":
            return {"velocity": ZERO, "marker": ZERO_GRADIENT}
        sides, top = [d + end for d in self.size for end in "-+" if d + end != "y+"], "y+"
        velocity = combine_sides(dict.fromkeys(sides, ZERO) | {top: ZERO_GRADIENT})
        return {"velocity": velocity, "marker": combine_sides(dict.fromkeys(sides, ZERO_GRADIENT) | {top: ZERO})}

    @cached_property
    def source(self) -> Field:
        """Marker added per unit time: the covered fraction of each cell times `inflow`, the same on every grid."""
        return self.field("marker", self.inflow * self.covered_fraction(self._source))

    def initial_state(self, seed, buoyancy=0.03, **bodies) -> State:
        """Air at rest with blobs of smoke. Raises InputError for parameters that are not possible."""
        parameters = self.parameter_tensors({SEED: seed, "buoyancy": buoyancy, **bodies})
        marker = seeded_field(self.layouts["marker"], parameters[SEED], self._smoke)
        fields = {"velocity": self.field("velocity", 0.0), "marker": marker}
        shape = math.merge_shapes(*parameters.values())
        fields, parameters = ({n: math.expand(v, shape) for n, v in group.items()} for group in (fields, parameters))
        return State(fields, parameters)

    def _smoke(self, rng: np.random.Generator, component: str, where: Intervals) -> np.ndarray:
        amounts, widths = rng.uniform(0.5, 1, BLOBS), rng.uniform(5, 12, BLOBS)
        centers = {"y": rng.uniform(25, 90, BLOBS), "x": rng.uniform(25, 75, BLOBS), "z": rng.uniform(25, 75, BLOBS)}
        total = 0.0
        for i in range(BLOBS):
            width = widths[i] * min(self._stretch.values())
            factors = [gaussian_mean(*where[d], centers[d][i] * self._stretch[d], width) for d in where]
            total = total + amounts[i] * reduce(np.multiply.outer, factors)
        return np.asarray(total)

    def check_stability(self, dt: float, seed: float, buoyancy: float):
        """
        Raises InputError if sqrt(2 b H) dt, the way of a parcel of marker 1 that has risen freely through the height H,
        crosses the domain. (Semi-Lagrangian advection is stable at any CFL number.)
        """
        self.check_cfl(dt, (2 * buoyancy * self.size["y"]) ** 0.5)

    def buoyant_acceleration(self, marker: Field, buoyancy: Tensor) -> Field:
        """b d e_y on the faces, by the mean of the two cells of a face; second order."""
        direction = math.vec(**{d: float(d == "y") for d in self.size})
        return resample(marker * (buoyancy * direction), self.templates["velocity"])

    def acceleration(self, state: State) -> Field:
        """b d e_y."""
        return self.buoyant_acceleration(state.marker, state.buoyancy)

    def before_projection(self, state: State, dt: Tensor, correction: Fields | None = None) -> tuple[Field, Field]:
        """Velocity and marker after advection and buoyancy; the velocity is not divergence-free yet."""
        marker = state.marker.with_values(state.marker.values + self.source.values * dt)
        marker = self.corrected("marker", self.advect(marker, state.velocity, dt), correction)
        velocity = self.corrected("velocity", self.advect(state.velocity, state.velocity, dt), correction)
        acceleration = self.buoyant_acceleration(marker, state.buoyancy)
        return velocity.with_values(velocity.values + acceleration.values * dt), marker

    def rates(self, state: State) -> Fields:
        velocity = self.transport(state.velocity, state.velocity)
        velocity = velocity.with_values(
            velocity.values + self.buoyant_acceleration(state.marker, state.buoyancy).values
        )
        return {"velocity": velocity, "marker": self.transport(state.marker, state.velocity) + self.source}

    def physics(self, state: State, dt: Tensor, correction: Fields | None = None) -> State:
        velocity, marker = self.before_projection(state, dt, correction)
        velocity, _ = self.projection(velocity)
        return state.with_fields(velocity=velocity, marker=marker)

    def config(self) -> dict:
        return super().config() | {"top": self.top, "inflow": self.inflow}
