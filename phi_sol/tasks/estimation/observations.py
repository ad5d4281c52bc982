"""What is known of a simulation: parts of its frames, with their noise."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...arguments import checked
from ...errors import InputError, integer, is_real, positive, quoted, suggestion
from ...kernels.compiled import Arrays
from ...stepping.arrays import array_names, field_arrays
from ...stepping.rollout import Rollout
from ...stepping.system import System


class Observed(ABC):
    """
    What is known of a simulation, with independent Gaussian noise. Values that are not finite were not observed.

    Attributes:
        flow: The flow whose states were observed.
        times: Of each frame since the start, shape (frames,).
        values: By name, shape (frames, batch, ...), float64, NaN where nothing was observed.
        noise: Standard deviation by name, in the units of the values; None: it is not known, and estimated.
        lacking: Values within what is observed that were not finite.
    """

    flow: System
    times: np.ndarray
    values: dict[str, np.ndarray]
    noise: dict[str, float] | None
    lacking: int

    @abstractmethod
    def predicted(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        """What would be observed of states, by name: native tensors of shape (states, ...)."""

    @abstractmethod
    def check(self, flow: System, simulations: int):
        """Raises InputError unless the values can be those of so many simulations of a flow."""

    def steps(self, dt: float) -> list[int]:
        """Of each frame the number of steps since the start; InputError for times between steps, or in no order."""
        steps = np.rint(self.times / dt).astype(int)
        for time, step in zip(self.times, steps, strict=True):
            if step < 1 or abs(step * dt - time) > 1e-3 * dt:
                raise InputError(f"Something was observed at t = {time:g}, but steps of {dt:g} never end there.")
        if (np.diff(steps) < 1).any():
            raise InputError("The times of observations must increase.")
        return steps.tolist()

    def __len__(self) -> int:
        """The number of values that were observed."""
        return sum(int(np.isfinite(v).sum()) for v in self.values.values())

    def __repr__(self):
        what = f"{len(self)} values of {', '.join(self.values)} in {len(self.times)} frames"
        return f"{type(self).__name__}({what}{f', {self.lacking} lacking' if self.lacking else ''})"


class Observations(Observed):
    """
    Frames of a flow, or parts of them, with independent Gaussian noise. Values that are not finite were not observed.

    Attributes:
        flow: The flow whose states were observed.
        times: Time of each frame since the start, shape (frames,).
        values: By array name, shape (frames, batch, *spatial), float64, NaN where nothing was observed.
        noise: Standard deviation by array name, in the units of the values; None: it is not known, and estimated.
        lacking: Values within what is observed that were not finite.

    Examples:
        >>> ps.Observations(frames, "velocity", every=2, noise=0.01)
        Observations(480 values of velocity.y, velocity.x in 2 frames)
    """

    @checked
    def __init__(
        self,
        frames: Rollout,
        fields: str | Sequence[str] | None = None,
        *,
        every: int = 1,
        region: Mapping[str, Sequence] | None = None,
        noise: float | Mapping[str, float] | None = None,
    ):
        """
        Args:
            frames: A rollout of the flow, or measured values as one.
            fields: Fields, or components such as `velocity.x`; None: all that are not prescribed.
            every: Only every so many frames count.
            region: By axis (low, high), in domain units: where cells and faces are seen whose centres lie within.
            noise: Standard deviation in the units of the values, one for all or by field or component.

        Raises:
            InputError: for fields, axes or numbers that are not possible, or if nothing is observed.
        """
        flow: Any = frames.flow
        names = _names(flow, fields)
        chosen, self.flow, self.times = taken(frames, every)
        inside, self.values, self.lacking = _inside(flow, region), {}, 0
        for name in names:
            values = np.array(np.asarray(frames.arrays[name])[chosen], np.float64)
            self.lacking += int((~np.isfinite(values) & inside[name]).sum())
            values[~np.isfinite(values) | ~np.broadcast_to(inside[name], values.shape)] = np.nan
            self.values[name] = values
        if not len(self):
            place = "" if region is None else f" in the region {quoted(region)}"
            raise InputError(f"Nothing is observed{place}: there is no finite value of {', '.join(names)}.")
        self.noise = noise_of(names, noise)

    def predicted(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        return {n: arrays[n] for n in self.values}

    def check(self, flow: System, simulations: int):
        for name, values in self.values.items():
            layout = next((x for x in flow.layouts.values() if name in x.arrays), None)
            component = name.rpartition(".")[2] if layout is not None and layout.staggered else ""
            needed = layout and (len(self.times), simulations, *layout.shape(component))
            if values.shape != needed:
                raise InputError(f"{name} was observed with the shape {values.shape}, but {flow} has {needed}.")


def _names(flow: Any, fields: str | Sequence[str] | None) -> list[str]:
    """Array names of fields and components."""
    free = [f for f in flow.fields if f not in flow.prescribed]
    known = [*free, *(n for f in free for n in field_arrays(flow, f) if n not in free)]
    result: list[str] = []
    for name in free if fields is None else [fields] if isinstance(fields, str) else fields:
        if name not in known:
            hint = suggestion(name, known)
            raise InputError(f"Of {flow} {quoted(name)} can't be observed.{hint} Known: {', '.join(known)}.")
        result += field_arrays(flow, name) if name in free else [name]
    return [n for n in array_names(flow) if n in result]


def _inside(flow: Any, region: Mapping[str, Sequence] | None) -> dict[str, np.ndarray]:
    """By array name, where the centres of cells or faces lie in a region, shape (*spatial)."""
    given = {} if region is None else dict(region)
    for axis, ends in given.items():
        if axis not in flow.size:
            raise InputError(f"A region of {flow} has the axes {', '.join(flow.size)}, not {quoted(axis)}.")
        if isinstance(ends, str) or len(ends) != 2 or not all(map(is_real, ends)) or not ends[0] <= ends[1]:
            raise InputError(f"The region along {axis} is two numbers in order, (low, high), not {quoted(ends)}.")
    result = {}
    for layout in flow.layouts.values():
        for name, component in zip(layout.arrays, layout.components, strict=True):
            inside = np.ones(layout.shape(component), bool)
            for i, (d, (lower, upper)) in enumerate(layout.intervals(component).items()):
                low, high = given.get(d, (-np.inf, np.inf))
                centre = (lower + upper) / 2
                inside &= ((centre >= low) & (centre <= high)).reshape(
                    [-1 if j == i else 1 for j in range(inside.ndim)]
                )
            result[name] = inside
    return result


def taken(frames: Rollout, every: int) -> tuple[slice, System, np.ndarray]:
    """Which frames are observed, of which flow, and when; InputError if none is."""
    every = integer("every of observations", every, 1)
    chosen = slice(every - 1, None, every)
    times = np.asarray(frames.times, np.float64)[chosen]
    if not len(times):
        raise InputError(f"Of {len(frames)} frames none is observed with every={every}.")
    return chosen, frames.flow, times


def noise_of(names: list[str], noise: float | Mapping[str, float] | None) -> dict[str, float] | None:
    """The noise by name; InputError where it is not said of each, or not positive."""
    if noise is None:
        return None
    if not isinstance(noise, Mapping):
        return dict.fromkeys(names, positive("The noise of observations", noise))
    by_name = {n: noise.get(n, noise.get(n.partition(".")[0])) for n in names}
    if missing := [n for n, v in by_name.items() if v is None]:
        raise InputError(f"The noise of {missing[0]} is not said: {quoted(dict(noise))}.")
    return {n: positive(f"The noise of {n}", v) for n, v in by_name.items()}
