"""The wake of a cylinder or a sphere in a free stream: a Karman vortex street."""

from functools import cached_property

import numpy as np
from phi import math
from phi.field import Field
from phi.geom import Box, Geometry, Sphere, cylinder
from phi.math import Tensor
from phi.math.extrapolation import PERIODIC, ZERO_GRADIENT, combine_by_direction, combine_sides
from phi.physics import diffuse

from ..errors import InputError
from ..stepping.state import Fields, State
from .base import Flow


class WakeFlow(Flow):
    """
    Incompressible flow around a cylinder or a sphere, with a passive marker:

        ∂u/∂t + u·∇u = -∇p + ν ∇²u,   ∇·u = 0,   ∂d/∂t + u·∇d = inflow,   ν = U L / Re

    u (`velocity`, staggered) in domain units per time, d (`marker`, centred), U = 1 the speed of the stream along +y
    and L = 10 the radius of the obstacle, both in domain units, so that Re by diameter is twice the parameter
    `reynolds`. The domain is y in [0, 200], x in [0, 100] (blockage 20 %) and in 3D z in [0, 100]; the obstacle stands
    at (50, 50) and in 3D in the middle of z. Boundaries: the stream enters at y = 0, leaves freely at y = 200 (∂u/∂y =
    0, p = 0); the side walls move with the stream (no flow through them). In 3D a `cylinder` stands along z, and the
    flow is periodic along z: it is the 2D flow as long as nothing disturbs it, and where the numerical viscosity of the
    semi-Lagrangian advection keeps the effective Reynolds number below about 190 by diameter, disturbances along z
    decay again. An `inclined` cylinder, turned by 20° from z towards x, sheds oblique vortices that are 3D for good.
    Around it and around a `sphere` (blockage 3 %) the sides along z are moving walls, too. Marker flows in at rate 1
    per unit time in y in [5, 10], x in [25, 75], where z is not periodic z in [25, 75].

    One step: explicit diffusion, no-slip on the faces of solid cells, semi-Lagrangian advection of marker and velocity,
    pressure projection. First order in time and, by the advection, in space. Diffusion is stable for ν dt Σ_d 1/dx_d²
    <= 1/2. Good values: Re from 97.65625 to 3125; 64x32 (source) and 256x128 (reference), in 3D 32x16x16 and 128x64x64,
    with dt = 1.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.1 (2D) and B.5 (3D).
    """

    parameters = ("reynolds",)
    drawn = ("y", "x", "z")  # streams go to the right
    size = {"y": 200.0, "x": 100.0, "z": 100.0}
    speed = 1.0
    radius = 10.0
    center = {"y": 50.0, "x": 50.0, "z": 50.0}
    obstacle = "cylinder"
    inclination = 20.0
    """Angle in degrees between an inclined cylinder and z, in the plane of x and z."""

    def __init__(
        self, dt: float | None = None, advection: str | None = None, obstacle: str | None = None, **resolution: int
    ):
        """
        As `Flow`, and `obstacle`: `cylinder` (along z in 3D, the default) or, in 3D, `inclined` (a cylinder) or
        `sphere`. Raises InputError for an obstacle that does not exist in this dimension, too.
        """
        super().__init__(dt, advection, **resolution)
        obstacle = self.obstacle if obstacle is None else obstacle
        known = ("cylinder", "inclined", "sphere") if "z" in self.size else ("cylinder",)
        if obstacle not in known:
            kind = f"{len(self.size)}D {type(self).__name__}"
            raise InputError(f"A {kind} has no obstacle {obstacle!r}. Known: {', '.join(known)}.")
        self.obstacle = obstacle
        self.center = {d: self.center[d] for d in self.size}

    @property
    def boundaries(self):
        with math.NUMPY, math.precision(64):
            wall, ends, marker = combine_by_direction(normal=0.0, tangential=self.speed), {}, ZERO_GRADIENT
            if "z" in self.size:  # the two tangential components of a wall differ
                wall = math.vec(**{d: self.speed if d == "y" else 0.0 for d in self.size})
                ends = dict.fromkeys(("z-", "z+"), PERIODIC if self.span_is_periodic else wall)
            if self.span_is_periodic:
                marker = combine_sides({"y": ZERO_GRADIENT, "x": ZERO_GRADIENT, "z": PERIODIC})
            inlet = combine_by_direction(normal=self.speed, tangential=0.0)
            velocity = combine_sides({"y-": inlet, "y+": ZERO_GRADIENT, "x-": wall, "x+": wall} | ends)
        return {"velocity": velocity, "marker": marker}

    @property
    def span_is_periodic(self) -> bool:
        """Whether the domain is periodic along z."""
        return "z" in self.size and self.obstacle == "cylinder"

    @cached_property
    def obstacles(self) -> tuple[Geometry, ...]:
        with math.NUMPY, math.precision(64):
            if "z" in self.size and self.obstacle != "sphere":
                angle = np.deg2rad(self.inclination)
                axis = "z" if self.span_is_periodic else math.vec(y=0.0, x=float(np.sin(angle)), z=float(np.cos(angle)))
                return (cylinder(math.vec(**self.center), radius=self.radius, depth=3 * self.size["z"], axis=axis),)
            return (Sphere(**self.center, radius=self.radius),)

    @cached_property
    def inflow(self) -> Field:
        """Marker added per unit time: the covered fraction of each cell, the same amount on every grid."""
        box = dict(y=(5, 10), x=(25, 75), z=(0, 100) if self.span_is_periodic else (25, 75))
        return self.field("marker", self.covered_fraction({d: box[d] for d in self.size}))

    def initial_state(self, reynolds, poke: float = 1.0, span: float = 0.2) -> State:
        """
        Uniform stream plus a sideways poke behind the obstacle that breaks the symmetry, made divergence-free.

        Args:
            reynolds: Positive.
            poke: Sideways speed behind the obstacle, in y in [62.5, 87.5], x in [44, 56], before the projection.
            span: In 3D the poke varies along z by this fraction, as Σ_m sin(2π m z / 100 + m²) / 2 for m = 1, 3, and so
                does a poke along z with cosines, so that the flow becomes 3D; 0 leaves the wake of a cylinder 2D.

        Raises:
            InputError: for a Reynolds number that is not positive and finite.
        """
        parameters = self.parameter_tensors({"reynolds": reynolds})
        y, x, r = self.center["y"], self.center["x"], self.radius
        poked = Box(y=(y + 1.25 * r, y + 3.75 * r), x=(x - 0.6 * r, x + 0.6 * r))

        def start(x):
            inside = poke * math.to_float(poked.lies_inside(x.vector["y,x"]))
            if "z" not in self.size:
                return math.vec(y=self.speed, x=inside)
            waves = [2 * np.pi * m / self.size["z"] * x.vector["z"] + m**2 for m in (1, 3)]
            along_x, along_z = (sum(f(w) for w in waves) / 2 for f in (math.sin, math.cos))
            return math.vec(y=self.speed, x=inside * (1 + span * along_x), z=inside * span * along_z)

        velocity, _ = self.projection(self.field("velocity", start))
        fields = {"velocity": velocity, "marker": self.field("marker", 0.0)}
        return State({n: math.expand(f, parameters["reynolds"].shape) for n, f in fields.items()}, parameters)

    def viscosity(self, reynolds: Tensor) -> Tensor:
        """Kinematic viscosity ν = U L / Re in domain units; independent of the resolution."""
        return self.speed * self.radius / reynolds

    def check_stability(self, dt: float, reynolds: float):
        """
        Raises InputError if ν dt Σ_d 1/dx_d² > 1/2, where explicit diffusion amplifies the shortest waves, or if
        what moves at twice the speed of the stream crosses the domain within one step.
        """
        self.check_cfl(dt, 2 * self.speed)
        least = 2 * self.speed * self.radius * dt * sum(1 / h**2 for h in self.spacing.values())
        if reynolds < least:
            needed = f"explicit diffusion needs reynolds >= {least:.4g} (or a smaller dt)"
            raise InputError(f"reynolds={reynolds:g} is too viscous for {self}: {needed}.")

    def physics(self, state: State, dt: Tensor, correction: Fields | None = None) -> State:
        velocity = diffuse.explicit(state.velocity, self.viscosity(state.reynolds), dt)
        velocity = self.projection.block(velocity)
        marker = self.corrected("marker", self.advect(state.marker + self.inflow * dt, velocity, dt), correction)
        velocity = self.corrected("velocity", self.advect(velocity, velocity, dt), correction)
        velocity, _ = self.projection(velocity)
        return state.with_fields(velocity=velocity, marker=marker)

    def config(self) -> dict:
        three_d: dict = {"obstacle": self.obstacle} if "z" in self.size else {}
        three_d |= {"inclination": self.inclination} if self.obstacle == "inclined" else {}
        return super().config() | {"speed": self.speed, "radius": self.radius, "center": dict(self.center)} | three_d
