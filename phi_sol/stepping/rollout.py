"""The states of a rollout."""

from collections.abc import Sequence
from typing import overload

import numpy as np
from phi.math import EMPTY_SHAPE, Shape
from phi.math.backend import choose_backend
from phi.math.magic import BoundDim

from ..arguments import checked
from ..displays import Displayed, drawn, facts, parameter_table, together
from ..errors import InputError, quoted
from .arrays import array_names, unpack
from .state import State
from .system import System


class Rollout(Displayed, Sequence[State]):
    """
    The states of a rollout, in order. They are kept as arrays, and become PhiFlow fields when they are asked for.
    `frames[2]` is a state, `frames[:2]` and of a batch `frames.batch[0]` are rollouts.

    Attributes:
        flow: The flow that the states belong to.
        arrays: By array name, shape (frames, batch, *spatial); NumPy's, or where a tape listened TensorFlow's.
        parameters: By parameter name, shape (batch,), of the same kind.
        times: Time of each frame since the start, in domain units.
        diagnostics: By name, shape (frames, batch), what the solver said of them, such as `iterations`.

    Examples:
        >>> frames
        Rollout(4 frames of WakeFlow(y=16, x=8, dt=1, advection='semi_lagrangian'), times 1 to 4)
        >>> frames[:2].times
        array([1., 2.])
        >>> frames.last
        State(velocity staggered 16x8, marker 16x8, reynolds=300)
    """

    @checked
    def __init__(
        self,
        flow: System,
        arrays: dict[str, np.ndarray],
        parameters: dict[str, np.ndarray],
        times: np.ndarray | Sequence[float],
        *,
        diagnostics: dict[str, np.ndarray] | None = None,
        batch: Shape = EMPTY_SHAPE,
    ):
        """Raises InputError for arrays or parameters that the flow does not have, or another number of frames."""
        times = np.asarray(times)  # of a list, too
        if times.ndim != 1 or times.dtype.kind not in "iuf":
            raise InputError(f"The times of a rollout are a list of numbers, not {quoted(times)}.")
        needed = {"array": array_names(flow) if len(times) else [], "parameter": list(flow.parameters)}
        for (kind, names), given in zip(needed.items(), (arrays, parameters), strict=True):
            if lacking := [n for n in names if n not in given]:
                raise InputError(f"A rollout of {flow} needs the {kind} {lacking[0]!r}, but has {quoted([*given])}.")
        for name, values in [*((n, arrays[n]) for n in needed["array"]), *(diagnostics or {}).items()]:
            if (shape := np.shape(values))[:1] != times.shape:
                raise InputError(f"{quoted(name)} has the shape {shape}, but the rollout {len(times)} frames.")
        self.flow, self.arrays, self.parameters = flow, arrays, parameters
        self.times: np.ndarray = times
        self.diagnostics, self._batch = diagnostics or {}, batch

    def __len__(self) -> int:
        return len(self.times)

    @overload
    def __getitem__(self, index: int) -> State: ...
    @overload
    def __getitem__(self, index: slice | dict) -> "Rollout": ...
    def __getitem__(self, index):
        if isinstance(index, dict):
            return self._of_batch(index)
        if isinstance(index, slice):
            parts = [{n: a[index] for n, a in group.items()} for group in (self.arrays, self.diagnostics)]
            return Rollout(
                self.flow, parts[0], self.parameters, self.times[index], diagnostics=parts[1], batch=self._batch
            )
        arrays = {n: a[range(len(self))[index]] for n, a in self.arrays.items()}
        return unpack(self.flow, arrays, self.parameters, self._batch)

    def __getattr__(self, name: str):
        if not name.startswith("_") and name in self._batch:
            return BoundDim(self, name)
        raise AttributeError(f"This rollout has no {name!r}.")

    def _of_batch(self, index: dict) -> "Rollout":
        """Some simulations, by what is taken of each batch dimension."""
        taken, batch = tuple(index.get(d, slice(None)) for d in self._batch.names), self._batch.after_gather(index)

        def part(array, axis: int):
            """Of an array with all batch dimensions along an axis."""
            reshape, (before, after) = choose_backend(array).reshape, (array.shape[:axis], array.shape[axis + 1 :])
            several = reshape(array, (*before, *self._batch.sizes, *after))
            return reshape(several[(slice(None),) * axis + taken], (*before, batch.volume, *after))

        groups = ((self.arrays, 1), (self.parameters, 0), (self.diagnostics, 1))
        arrays, parameters, numbers = ({n: part(a, axis) for n, a in g.items()} for g, axis in groups)
        return Rollout(self.flow, arrays, parameters, self.times, diagnostics=numbers, batch=batch)

    @property
    def batch_shape(self) -> Shape:
        """Batch dimensions of its states, which the second axis of the arrays holds together."""
        return self._batch

    def numpy(self) -> "Rollout":
        """The same with NumPy's arrays, for one that a tape has listened to."""
        groups = self.arrays, self.parameters, self.diagnostics
        arrays, parameters, numbers = ({n: np.asarray(a) for n, a in g.items()} for g in groups)
        return Rollout(self.flow, arrays, parameters, self.times, diagnostics=numbers, batch=self._batch)

    @property
    def last(self) -> State:
        """The state at the end."""
        return self[-1]

    def _shown(self) -> str:
        """What it is, its simulations, and pictures of some frames of the first of these."""
        times = f"{self.times[0]:g} to {self.times[-1]:g}" if len(self) else "no frames"
        known = {"frames": len(self), "times": times, "flow": repr(self.flow), "batch": str(self._batch)[1:-1]}
        numbers = {n: np.asarray(p) for n, p in self.parameters.items() if np.ndim(p) == 1}
        simulations = parameter_table(numbers) if self._batch and numbers else ""
        known |= {n: f"{float(p[0]):g}" for n, p in numbers.items() if not self._batch}
        return together(facts("Rollout", known), simulations, drawn(self))

    def __repr__(self):
        shown = f"times {self.times[0]:g} to {self.times[-1]:g}" if len(self) else "no frames"
        return f"Rollout({len(self)} frames of {self.flow}, {shown})"
