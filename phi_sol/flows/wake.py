"""The wake of a cylinder or a sphere in a free stream: a Karman vortex street."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from phi import math
from phi.field import CenteredGrid, Field
from phi.geom import Box, Geometry, Sphere, cylinder
from phi.math import Tensor, dual
from phi.physics import diffuse

from ..arguments import checked
from ..errors import InputError, is_real, positive, quoted
from ..pressure.obstacles import covered_cells, parts_of
from ..stepping.state import Fields, State
from .base import Flow
from .diffusion import laplacian
from .geometry import intervals, lengths, side_walls, stretched
from .parameters import ROUNDED
from .profile import profile_values
from .stream import StreamSides

OWN = "own"  # of `WakeFlow.obstacle`, where the constructor got obstacles


class WakeFlow(StreamSides, Flow):
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
    with dt = 1. All of this is what holds unless the constructor gets something else.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.1 (2D) and B.5 (3D).

    Examples:
        >>> wake = ps.WakeFlow(y=16, x=8)
        >>> wake.step(wake.initial_state(reynolds=300.0))
        State(velocity staggered 16x8, marker 16x8, reynolds=300)
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
        self,
        dt: float | None = None,
        advection: str | None = None,
        obstacle: str | None = None,
        *,
        obstacles=None,
        bodies=None,
        size: dict[str, float] | None = None,
        speed: float | None = None,
        radius: float | None = None,
        center: dict[str, float] | None = None,
        walls: str | dict[str, str] | None = None,
        inlet: float | Callable[[Tensor], Any] | None = None,
        inflow: dict[str, tuple[float, float]] | None = None,
        **resolution: int,
    ):
        """
        As `Flow`, and what is None is as the class has it:

        Args:
            obstacle: `cylinder` (along z in 3D, the default) or, in 3D, `inclined` (a cylinder) or `sphere`.
            obstacles: Others instead, see `Flow`; none with `()`. In 3D the flow then has walls along z, too.
            bodies: Others instead, see `Flow`, unless `obstacle` or `obstacles` say what stands there beside them.
            speed: U, of the stream that enters, of moving walls, and in the Reynolds number.
            radius: L in the Reynolds number, and of the obstacle where it is named.
            center: Where the named obstacle stands, and behind which the flow is poked at the start and measured. In a
                domain of another size its default keeps its place in proportion.
            walls: The sides along x (and z): `moving` with the stream, the default; `no-slip`, at rest; `free-slip`; or
                `periodic`. One for all of them (an upright cylinder stays periodic along z), or by axis or side:
                `{"x-": "no-slip", "x+": "free-slip", "z": "periodic"}`.
            inlet: Speed along y that enters at y = 0, instead of U: a number, or a function of position, e.g.
                `lambda p: 0.06 * p.vector["x"] * (1 - p.vector["x"] / 100)`, of which every face has the mean. Nothing
                enters where a solid cell of `obstacles` touches the inlet.
            inflow: Where marker flows in, by axis, e.g. `dict(y=(5, 10), x=(25, 75))`, the default in proportion.

        Raises:
            InputError: as `Flow` does; for a named obstacle that does not exist in this dimension, or does not fit into
                the domain; and for lengths, walls, boxes and profiles that are not possible.
        """
        super().__init__(dt, advection, size=size, obstacles=obstacles, bodies=bodies, **resolution)
        name, dims = f"{len(self.size)}D {type(self).__name__}", list(self.size)
        known = ("cylinder", "inclined", "sphere") if "z" in self.size else ("cylinder",)
        kind = self.obstacle if obstacle is None and obstacles is None and not self.bodies else obstacle or OWN
        if obstacles is not None and kind != OWN:
            raise InputError(f"A {name} has the obstacle {kind!r} or obstacles of your own, not both.")
        known = (OWN,) if kind == OWN and (obstacles is not None or self.bodies) else known
        if kind not in known:
            raise InputError(f"A {name} has no obstacle {quoted(kind)}. Known: {', '.join(known)}.")
        self.obstacle = kind
        self.speed = self.speed if speed is None else positive(f"The speed of a {name}", speed)
        self.radius = self.radius if radius is None else positive(f"The radius of a {name}", radius)
        usual = {d: self.center[d] * (self._stretch[d] if self._stretch[d] != 1 else 1) for d in dims}
        self.center = usual if center is None else lengths(f"The center of a {name}", center, usual, positive=False)
        if not (size is None and radius is None and center is None):
            self._check_place(name)
        usual_walls = dict.fromkeys((d + end for d in dims[1:] for end in "-+"), "moving")
        usual_walls |= dict.fromkeys(("z-", "z+"), "periodic") if "z" in dims and kind == "cylinder" else {}
        self._walls = side_walls(f"The walls of a {name}", walls, usual_walls)
        across = (0, 100) if self.span_is_periodic else (25, 75)
        box = stretched({"y": (5, 10), "x": (25, 75), "z": across}, self._stretch)
        self._inflow = box if inflow is None else intervals(f"The inflow of marker in a {name}", inflow, self.size)
        if not (inlet is None or callable(inlet) or is_real(inlet)):
            raise InputError(f"An inlet is a number or a function of position, not {quoted(inlet)}.")
        self._inlet = inlet
        said = {"walls": (self._walls, usual_walls), "inflow": (self._inflow, box), "inlet": (inlet, self.speed)}
        self.say(**{n: None if value == usual else value for n, (value, usual) in said.items()})
        _ = self.entering  # refuses what can't enter

    def _check_place(self, name: str):
        """Raises InputError if center or named obstacle is not in the domain, or too small for the cells."""
        reach = 0.0 if self.obstacle == OWN else self.radius
        for d, place in self.center.items():
            if d == "z" and self.obstacle in ("cylinder", "inclined"):
                continue
            if not reach <= place <= self.size[d] - reach or not 0 < place < self.size[d]:
                what = "Its center" if self.obstacle == OWN else f"The {self.obstacle} of radius {self.radius:g}"
                domain = f"[0, {self.size[d]:g}]"
                raise InputError(f"{what} at {d}={place:g} is not inside of the domain {domain} of the {name}.")
        if self.obstacle != OWN and type(self).obstacles is WakeFlow.obstacles:
            with math.NUMPY, math.precision(64):
                covered_cells(self.cells, list(self.obstacles))

    @cached_property
    def cells(self) -> Field:
        """The grid of cells, without values."""
        with math.NUMPY, math.precision(64):
            return CenteredGrid(0.0, 0.0, self.bounds, self.shape)

    @property
    def span_is_periodic(self) -> bool:
        """Whether the domain is periodic along z."""
        return self._walls.get("z-") == "periodic"

    @cached_property
    def obstacles(self) -> tuple[Geometry, ...]:
        """The cylinder or sphere, unless the constructor got others."""
        if self.obstacle == OWN:  # bodies, and no obstacles
            return ()
        with math.NUMPY, math.precision(64):
            if "z" in self.size and self.obstacle != "sphere":
                angle = np.deg2rad(self.inclination)
                inclined = self.obstacle == "inclined"
                axis = math.vec(y=0.0, x=float(np.sin(angle)), z=float(np.cos(angle))) if inclined else "z"
                return (cylinder(math.vec(**self.center), radius=self.radius, depth=3 * self.size["z"], axis=axis),)
            return (Sphere(**self.center, radius=self.radius),)

    @cached_property
    def inflow(self) -> Field:
        """Marker added per unit time: the covered fraction of each cell, the same amount on every grid."""
        return self.field("marker", self.covered_fraction(self._inflow))

    @checked
    def initial_state(self, reynolds, poke: float = 1.0, span: float = 0.2, inlet=None, **bodies) -> State:
        """
        What enters, everywhere, plus a sideways poke behind the obstacle that breaks the symmetry, made
        divergence-free. Where there are no obstacles there is no poke.

        Args:
            reynolds: Positive.
            poke: Sideways speed behind the obstacle, in y in [62.5, 87.5], x in [44, 56], before the projection.
            span: In 3D the poke varies along z by this fraction, as Σ_m sin(2π m z / 100 + m²) / 2 for m = 1, 3, and so
                does a poke along z with cosines, so that the flow becomes 3D; 0 leaves the wake of a cylinder 2D.
            inlet: Speed along y that enters, by face of y = 0: shape (x,), in 3D (x, z), or with several simulations in
                front; instead of the flow's own, from now on. Steps are differentiable with respect to it.

        Raises:
            InputError: for a Reynolds number that is not positive and finite, or an inlet of another shape.
        """
        parameters = self.parameter_tensors({"reynolds": reynolds} | bodies)
        if inlet is not None:
            parameters["inlet"] = profile_values("inlet", inlet, self.profiles["inlet"])
        entering = parameters.get("inlet", self.entering)
        y, x, r = self.center["y"], self.center["x"], self.radius
        speed = self.speed if entering.shape or self._inlet is None else float(entering)
        poked = Box(y=(y + 1.25 * r, y + 3.75 * r), x=(x - 0.6 * r, x + 0.6 * r))

        def start(x):
            inside = (poke if parts_of(self.obstacles) or self.bodies else 0.0) * math.to_float(
                poked.lies_inside(x.vector["y,x"])
            )
            if "z" not in self.size:
                return math.vec(y=speed, x=inside)
            waves = [2 * np.pi * m / self.size["z"] * x.vector["z"] + m**2 for m in (1, 3)]
            along_x, along_z = (sum(f(w) for w in waves) / 2 for f in (math.sin, math.cos))
            return math.vec(y=speed, x=inside * (1 + span * along_x), z=inside * span * along_z)

        velocity = self.field("velocity", start)
        if entering.shape:
            y, *others = velocity.vector
            parts = [math.expand(math.to_float(entering), y.values.shape), *(c.values for c in others)]
            velocity = velocity.with_values(math.stack(parts, dual(vector=list(self.size))))
        state = self.bounded(State({"velocity": velocity}, parameters))
        fields = {"velocity": self.projection(state.velocity)[0], "marker": self.field("marker", 0.0)}
        return self.started(fields, parameters)

    def viscosity(self, reynolds: Tensor) -> Tensor:
        """Kinematic viscosity ν = U L / Re in domain units; independent of the resolution."""
        return self.speed * self.radius / reynolds

    def check_stability(self, dt: float, reynolds: float):
        """
        Raises InputError as `check_diffusion`, or if what moves at twice the speed of the stream, or at twice the
        greatest that enters, crosses the domain within one step.
        """
        self.check_cfl(dt, 2 * max(self.speed, float(math.max(self.entering, self.entering.shape))))
        self.check_diffusion(dt, reynolds)

    def check_diffusion(self, dt: float, reynolds: float):
        """Raises InputError if ν dt Σ_d 1/dx_d² > 1/2, where explicit diffusion amplifies the shortest waves."""
        least = 2 * self.speed * self.radius * dt * sum(1 / h**2 for h in self.spacing.values())
        if reynolds * ROUNDED < least:
            needed = f"explicit diffusion needs reynolds >= {least:.4g} (or a smaller dt)"
            raise InputError(f"reynolds={reynolds:g} is too viscous for {self}: {needed}.")

    def rates(self, state: State) -> Fields:
        velocity = state.velocity
        change = self.transport(velocity, velocity).values
        change = change + self.viscosity(state.reynolds) * laplacian(velocity).values
        return {
            "velocity": velocity.with_values(change),
            "marker": self.transport(state.marker, velocity) + self.inflow,
        }

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
