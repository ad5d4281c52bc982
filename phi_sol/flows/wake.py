"""The wake of a cylinder in a free stream: a Karman vortex street."""

from functools import cached_property

from phi import math
from phi.field import Field
from phi.geom import Box, Geometry, Sphere
from phi.math import Tensor
from phi.math.extrapolation import ZERO_GRADIENT, combine_by_direction, combine_sides
from phi.physics import diffuse

from ..errors import InputError
from .base import Flow
from .state import State


class WakeFlow(Flow):
    """
    Incompressible flow around a cylinder, with a passive marker:

        ∂u/∂t + u·∇u = -∇p + ν ∇²u,   ∇·u = 0,   ∂d/∂t + u·∇d = inflow,   ν = U L / Re

    u (`velocity`, staggered) in domain units per time, d (`marker`, centred), U = 1 the speed of the stream along +y and
    L = 10 the radius of the cylinder, both in domain units, so that Re by diameter is twice the parameter `reynolds`.
    The domain is y in [0, 200], x in [0, 100] (blockage 20 %), the cylinder stands at (50, 50). Boundaries: the stream
    enters at y = 0, leaves freely at y = 200 (∂u/∂y = 0, p = 0); the side walls move with the stream (no flow through
    them). Marker flows in at rate 1 per unit time in y in [5, 10], x in [25, 75].

    One step: explicit diffusion, no-slip on the faces of solid cells, semi-Lagrangian advection of marker and velocity,
    pressure projection. First order in time and, by the advection, in space. Diffusion is stable for
    ν dt (1/dy² + 1/dx²) <= 1/2. Good values: Re from 97.65625 to 3125; 64x32 (source) and 256x128 (reference) with dt = 1.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.1.
    """

    parameters = ("reynolds",)
    size = {"y": 200.0, "x": 100.0}
    speed = 1.0
    radius = 10.0
    center = {"y": 50.0, "x": 50.0}

    @property
    def boundaries(self):
        with math.NUMPY, math.precision(64):
            inlet = combine_by_direction(normal=self.speed, tangential=0.0)
            wall = combine_by_direction(normal=0.0, tangential=self.speed)
            velocity = combine_sides({"y-": inlet, "y+": ZERO_GRADIENT, "x-": wall, "x+": wall})
        return {"velocity": velocity, "marker": ZERO_GRADIENT}

    @cached_property
    def obstacles(self) -> tuple[Geometry, ...]:
        with math.NUMPY, math.precision(64):
            return (Sphere(**self.center, radius=self.radius),)

    @cached_property
    def inflow(self) -> Field:
        """Marker added per unit time: the covered fraction of each cell, the same amount on every grid."""
        return self.field("marker", self.covered_fraction(dict(y=(5, 10), x=(25, 75))))

    def initial_state(self, reynolds, poke: float = 1.0) -> State:
        """
        Uniform stream plus a sideways poke behind the cylinder that breaks the symmetry, made divergence-free.

        Args:
            reynolds: Number, list (a batch of simulations) or PhiML tensor; positive.
            poke: Sideways speed in y in [62.5, 87.5], x in [44, 56], before the projection.

        Raises:
            InputError: for a Reynolds number that is not positive and finite.
        """
        parameters = self.parameter_tensors({"reynolds": reynolds})
        poked = Box(y=(62.5, 87.5), x=(44, 56))
        velocity = self.field("velocity", lambda x: math.vec(y=self.speed, x=poke * math.to_float(poked.lies_inside(x))))
        velocity, _ = self.projection(velocity)
        fields = {"velocity": velocity, "marker": self.field("marker", 0.0)}
        return State({n: math.expand(f, parameters["reynolds"].shape) for n, f in fields.items()}, parameters)

    def viscosity(self, reynolds: Tensor) -> Tensor:
        """Kinematic viscosity ν = U L / Re in domain units; independent of the resolution."""
        return self.speed * self.radius / reynolds

    def check_stability(self, dt: float, reynolds: float):
        """
        Raises:
            InputError: if ν dt Σ_d 1/dx_d² > 1/2, where explicit diffusion amplifies the shortest waves.
        """
        inverse = sum(1 / h**2 for h in self.spacing.values())
        least = 2 * self.speed * self.radius * dt * inverse
        if reynolds < least:
            raise InputError(f"reynolds={reynolds:g} is too viscous for {self}: explicit diffusion needs reynolds >= {least:.4g} (or a smaller dt).")

    def physics(self, state: State, dt: Tensor) -> State:
        velocity = diffuse.explicit(state.velocity, self.viscosity(state.reynolds), dt)
        velocity = self.projection.block(velocity)
        marker = self.advect(state.marker + self.inflow * dt, velocity, dt)
        velocity = self.advect(velocity, velocity, dt)
        velocity, _ = self.projection(velocity)
        return state.with_fields(velocity=velocity, marker=marker)

    def config(self) -> dict:
        return super().config() | {"speed": self.speed, "radius": self.radius, "center": dict(self.center)}
