"""Parameters and profiles against time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..arguments import checked
from ..errors import InputError, flag, quoted
from ..files import checksum
from ..kernels.compiled import Arrays
from ..stepping.system import System
from .controls import Control, When
from .values import faces_of


class TimeTable(Control):
    """
    A parameter or a profile against time: one value per step, or values at knots in time, linear between them. Before
    the first knot the first value holds, after the last one the last, and so after the end of values per step.

    Attributes:
        table: The values, shape (knots,) or (simulations, knots), of a profile (knots, *faces) or (simulations, knots,
            *faces): numbers, or a variable that can be trained.
        times: Of the knots, in domain units; None for one value per step.
        logarithms: Whether the values are logarithms.

    Examples:
        >>> ps.TimeTable([100.0, 400.0], times=[0.0, 50.0])
        TimeTable(2 values at knots)
    """

    @checked
    def __init__(self, values: Any, times: Sequence[float] | np.ndarray | None = None, *, logarithms: bool = False):
        """
        Args:
            values: Shape (knots,), for all simulations, or (simulations, knots); of a profile, such as what enters by
                face, also (knots, *faces) or (simulations, knots, *faces). Numbers, or a variable of TensorFlow or
                Keras, whose values of the moment hold in every rollout, and of which there are gradients.
            times: Of the knots, increasing; a step has the value at its start. None: value i is that of step i.
            logarithms: Whether the values are logarithms of the parameter, so that a training without bounds can't
                leave what is positive. Between knots these are linear.

        Raises:
            InputError: for values that are no numbers or not finite, of another shape, or times that do not increase
                or are not as many as the values.
        """
        self.logarithms = flag("logarithms of a TimeTable", logarithms)
        self.weights = (values,) if hasattr(values, "assign") else ()
        try:
            found = np.asarray(values)
        except (TypeError, ValueError):
            found = np.asarray(None)
        if found.dtype.kind not in "iuf" or found.ndim not in (1, 2, 3, 4) or not found.size:
            kind = "numbers of shape (knots,) or (simulations, knots), of a profile with its faces after that"
            raise InputError(f"The values of a TimeTable are {kind}, not {quoted(values)}.")
        if not np.isfinite(found).all():
            raise InputError(f"The values of a TimeTable must be finite, not {quoted(found.tolist())}.")
        self.table = values if self.weights else np.asarray(found, np.float64)
        self.times = None if times is None else _times(times, found.shape)

    def known(self) -> np.ndarray:
        with np.errstate(over="ignore"):
            table = np.asarray(self.table, np.float64)
            return np.exp(table) if self.logarithms else table

    def simulations(self, flow: System, name: str) -> int:
        """For how many simulations it has values; 1 where they hold for all. InputError for values of another shape."""
        shape, faces = tuple(int(n) for n in self.table.shape), faces_of(flow, name)
        fits = len(shape) in (1, 1 + len(faces), 2 + len(faces))
        fits &= len(shape) == 1 or shape[len(shape) - len(faces) :] == faces
        knots = shape[1] if len(shape) == 2 + len(faces) else shape[0]
        if not fits or (self.times is not None and len(self.times) != knots):
            end = "".join(f", {n}" for n in faces)
            count = "knots" if self.times is None else len(self.times)
            needed = f"({count}{end or ','}) or (simulations, {count}{end})"
            raise InputError(f"A TimeTable of {name!r} has the shape {needed}, not {shape}.")
        return shape[0] if len(shape) == 2 + len(faces) else 1

    def on(self, flow: System, name: str):
        self.simulations(flow, name)

    def values(self, flow: System, when: When, arrays: Arrays, parameters: Arrays) -> tf.Tensor:
        step, time, name, faces = when.step, when.time, when.name, faces_of(flow, when.name)
        table, count = tf.cast(tf.convert_to_tensor(self.table), time.dtype), int(time.shape[0])
        if (several := self.simulations(flow, name)) not in (1, count):
            raise InputError(f"A TimeTable has values for {several} simulations, but there are {count}.")
        if len(table.shape) == 1:  # the same on all faces
            table = tf.reshape(table, [-1] + [1] * len(faces))
        if len(table.shape) == 1 + len(faces):
            table = table[None]
        last = int(table.shape[1]) - 1
        table = tf.broadcast_to(table, [count, last + 1, *faces])
        if self.times is None or last == 0:
            result = tf.gather(table, tf.clip_by_value(step, 0, last), axis=1, batch_dims=1)
        else:
            knots = tf.constant(self.times, time.dtype)
            i = tf.reduce_sum(tf.cast(time[:, None] >= knots[1:-1], tf.int32), 1)
            before, after = tf.gather(knots, i), tf.gather(knots, i + 1)
            part = tf.clip_by_value((time - before) / (after - before), 0, 1)
            low, high = (tf.gather(table, j, axis=1, batch_dims=1) for j in (i, i + 1))
            result = low + tf.reshape(part, [-1] + [1] * len(faces)) * (high - low)
        return tf.exp(result) if self.logarithms else result

    def config(self) -> dict:
        times = None if self.times is None else checksum({"times": self.times})
        values = checksum({"values": np.asarray(self.table)})
        return {"type": type(self).__name__, "values": values, "times": times, "logarithms": self.logarithms}

    def __repr__(self):
        return f"TimeTable({int(np.prod(self.table.shape))} values{'' if self.times is None else ' at knots'})"


def _times(times: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        found = np.asarray(times, np.float64)
    except (TypeError, ValueError):
        found = np.asarray(np.nan)
    if found.ndim != 1 or len(found) not in shape[:2]:
        count = f"{shape[0]} values needs {shape[0]} times"
        needed = count if len(shape) == 1 else f"the shape {shape} needs as many times as knots"
        raise InputError(f"A TimeTable of {needed}, not {quoted(times)}.")
    if not (np.isfinite(found).all() and (np.diff(found) > 0).all()):
        raise InputError(f"The times of a TimeTable must be finite and increase, not {quoted(found.tolist())}.")
    return found
