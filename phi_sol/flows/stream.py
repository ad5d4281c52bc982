"""The sides of a domain through which a stream goes along y: what enters, what leaves, walls along the other axes."""

from functools import cached_property
from typing import Any

import numpy as np
from phi import math
from phi.math import Tensor, spatial
from phi.math.extrapolation import (
    PERIODIC,
    ZERO_GRADIENT,
    Extrapolation,
    as_extrapolation,
    combine_by_direction,
    combine_sides,
)

from ..errors import InputError
from ..grids.layout import by_side
from ..pressure.obstacles import covered_cells
from ..stepping.state import State
from .profile import Profile, face_means

OWN = "own"  # of `WakeFlow.obstacle`, where the constructor got obstacles


class StreamSides:
    """The boundaries of a `WakeFlow`, which has what they need."""

    size: Any
    resolution: Any
    speed: float
    obstacle: str
    obstacles: Any
    cells: Any
    _inlet: Any
    _walls: dict[str, str]

    @cached_property
    def entering(self) -> Tensor:
        """What enters at y = 0 per time: one number, or its mean over each face there."""
        dims = [d for d in self.size if d != "y"]
        with math.NUMPY, math.precision(64):
            if callable(self._inlet):
                where = {d: (self.size[d], self.resolution[d]) for d in dims}
                speed = face_means(where, {"y": 0.0}, self._inlet)
            else:
                speed = math.wrap(self.speed if self._inlet is None else float(self._inlet))
            if self.obstacle == OWN:
                solid = [c[0] for c in covered_cells(self.cells, list(self.obstacles))]
                if solid and np.any(solid):
                    speed = speed * math.wrap(~np.logical_or.reduce(solid), spatial(",".join(dims)))
        least, greatest = (float(f(speed, speed.shape)) for f in (math.min, math.max))
        if (self._inlet is not None or self.obstacle == OWN) and (least < 0 or greatest <= 0):
            kind = "at least 0 all over y = 0, and positive where no obstacle stands"
            raise InputError(f"The inlet of a {type(self).__name__} must be {kind}, not {least:g} to {greatest:g}.")
        return speed

    @property
    def profiles(self):
        return {"inlet": {d: n for d, n in self.resolution.items() if d != "y"}}

    def own_profile(self, name: str) -> np.ndarray:
        """What the flow itself has for a profile, by face."""
        dims = self.profiles[name]
        return np.broadcast_to(self.entering.numpy([d for d in dims if d in self.entering.shape]),
                               [self.resolution[d] for d in dims])  # fmt: skip

    @property
    def boundaries(self):
        with math.NUMPY, math.precision(64):
            sides = {side: self._wall(kind) for side, kind in self._walls.items()}
            marker = {side: e if e is PERIODIC else ZERO_GRADIENT for side, e in sides.items()}
            ends = {"y-": ZERO_GRADIENT, "y+": ZERO_GRADIENT}
            own = Profile(self.entering) if self.entering.shape else self.entering
            return {"velocity": self._around(own), "marker": combine_sides(ends | marker)}

    def _around(self, entering: Any) -> Extrapolation:
        """The boundary of the velocity, with what enters along y."""
        with math.NUMPY, math.precision(64):
            sides = {side: self._wall(kind) for side, kind in self._walls.items()}
            inlet = combine_by_direction(entering, 0.0)
            return combine_sides({"y-": inlet, "y+": ZERO_GRADIENT} | sides)

    def _wall(self, kind: str) -> Extrapolation:
        if kind in ("periodic", "free-slip"):
            return PERIODIC if kind == "periodic" else combine_by_direction(0.0, ZERO_GRADIENT)
        if kind == "no-slip":
            return as_extrapolation(0.0)
        if "z" not in self.size:
            return combine_by_direction(normal=0.0, tangential=self.speed)
        return as_extrapolation(math.vec(**{d: self.speed if d == "y" else 0.0 for d in self.size}))  # tangents differ

    def bounded(self, state: State) -> State:
        if "inlet" not in state.parameters:
            return state
        around = by_side(self._around(Profile(state.parameters["inlet"])), list(self.size))
        return state.with_fields(velocity=state.velocity.with_boundary(around))
