"""A flow of any boundaries, and boundaries of all kinds."""

import itertools

from phi import math
from phi.field import CenteredGrid, StaggeredGrid
from phi.geom import Box
from phi.math import channel, spatial
from phi.math.extrapolation import (
    PERIODIC,
    ZERO_GRADIENT,
    ConstantExtrapolation,
    Extrapolation,
    combine_by_direction,
    combine_sides,
)

from phi_sol import Flow
from phi_sol.stepping.state import State

SIZE = {"y": 6.0, "x": 5.0}


class Channel(Flow):
    """A velocity that advects itself and becomes divergence-free; its boundary is given."""

    fields = ("velocity",)
    size = SIZE

    def __init__(self, boundary=ZERO_GRADIENT, obstacles=(), **options):
        self._boundary, self._obstacles = boundary, obstacles
        super().__init__(**options)

    @property
    def boundaries(self):
        return {"velocity": self._boundary() if callable(self._boundary) else self._boundary}

    @property
    def obstacles(self):
        return self._obstacles

    def initial_state(self) -> State:
        return State({"velocity": self.field("velocity", lambda x: math.vec(y=math.sin(x.vector["x"]), x=0.1))})

    def physics(self, state, dt, correction=None):
        velocity = self.advect(state.velocity, state.velocity, dt)
        return state.with_fields(velocity=self.projection(velocity)[0])


class Inlet(ConstantExtrapolation):
    """A constant inflow with a name of its own."""

    def __init__(self, value: float):
        super().__init__(value)
        self.pad_rank = 4  # among sides of the same rank PhiML's order, which decides on corners, is by chance

    def __getitem__(self, item):
        return self


class Shear(Extrapolation):
    """A boundary that only has PhiML's methods."""

    shape = math.EMPTY_SHAPE
    is_flexible = False

    def __init__(self, value: float = 0.5):
        super().__init__(pad_rank=4)
        self.value = value

    def determines_boundary_values(self, boundary_key):
        return True

    def pad_values(self, value, width, dim, upper_edge, already_padded=None, **kwargs):
        return math.expand(math.wrap(self.value), value.shape.after_gather({dim: slice(0, width)}))

    def __getitem__(self, item):
        return self

    def spatial_gradient(self):
        return ConstantExtrapolation(0)

    def to_dict(self):
        return {"type": "shear"}

    def __eq__(self, other):
        return isinstance(other, Shear) and other.value == self.value

    def __hash__(self):
        return hash(Shear)


def profile(staggered: bool = True) -> Extrapolation:
    """An inflow along y that varies along x, as a field's boundary."""
    with math.NUMPY, math.precision(64):
        grid = StaggeredGrid if staggered else CenteredGrid
        values = lambda x: math.vec(y=0.5 + 0.3 * math.sin(x.vector["x"]), x=0.1 * x.vector["x"])  # noqa: E731
        return grid(values, ZERO_GRADIENT, Box(**SIZE), spatial(y=12, x=10)).as_boundary()


KINDS = {
    "open": (ZERO_GRADIENT, ZERO_GRADIENT),
    "closed": (combine_by_direction(0.25, 0.5), ConstantExtrapolation(0.0)),
    "open below": (ZERO_GRADIENT, ConstantExtrapolation(math.wrap((0.5, 0.25), channel(vector="y,x")))),
    "open above": (combine_by_direction(0.5, ZERO_GRADIENT), ZERO_GRADIENT),
    "periodic": (PERIODIC, PERIODIC),
}
"""Lower and upper side of an axis."""


def mixed(y: str, x: str) -> Extrapolation:
    return combine_sides({d + "-+"[k]: KINDS[name][k] for d, name in (("y", y), ("x", x)) for k in (0, 1)})


COMBINATIONS = list(itertools.product(KINDS, KINDS))
SPECIAL = {
    "profile": combine_sides({"y-": profile(), "y+": ZERO_GRADIENT, "x-": 0.0, "x+": combine_by_direction(0.0, 1.0)}),
    "centred profile": combine_sides({"y-": profile(False), "y+": ZERO_GRADIENT, "x-": 0.0, "x+": ZERO_GRADIENT}),
    "two profiles": combine_sides({"y-": profile(), "y+": profile(), "x-": 0.0, "x+": 0.25}),
    "own constant": combine_sides({"y-": Inlet(0.5), "y+": ZERO_GRADIENT, "x-": 0.0, "x+": 0.25}),
    "free slip": combine_sides(
        {"y-": combine_by_direction(0.5, 0.0), "y+": ZERO_GRADIENT}
        | {"x" + end: combine_by_direction(0.0, ZERO_GRADIENT) for end in "-+"}
    ),
}
OWN_CLASS = combine_sides({"y-": Shear(), "y+": ZERO_GRADIENT, "x-": 0.0, "x+": 0.25})
EVERYWHERE_FREE_SLIP = combine_by_direction(0.0, ZERO_GRADIENT)
