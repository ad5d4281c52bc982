"""Many steps in one compiled loop."""

import time
from collections.abc import Callable

import tensorflow as tf

from .choices import key_of, remember, remembered
from .compiled import Arrays, recording
from .settings import traced

Advance = Callable[[Arrays, Arrays, tf.Tensor], Arrays]
TRIALS, TRIAL_SECONDS = 5, 0.1  # of a measurement: the best of so many, each about so long
MARGIN = 1.05  # by which the other way must be faster than XLA to be chosen


class Loop:
    """
    Many steps in one compiled loop, traced once per batch size, precision and number of kept frames.

    Where `measured` names the computation, a loop that XLA would not compile as a whole is tried both ways, when it is
    asked to (`choose`), and the faster one is used from then on, on this machine also by later processes. For small
    networks XLA is several times faster on CPUs, for wide convolutions it is slower.
    """

    def __init__(
        self,
        advance: Advance,
        jit_compile: bool | None,
        keep: Callable[[Arrays, Arrays], Arrays],
        measured: str | None = None,
    ):
        """
        Args:
            advance: One step: arrays, from arrays, parameters and dt.
            jit_compile: Whether XLA compiles the loop as a whole.
            keep: What `frames` keeps of the arrays and parameters after a step, such as their restriction.
            measured: What tells the computation from others, if a measurement may choose XLA for it.
        """
        from phi.tf import TENSORFLOW  # noqa: F401  registers the backend, not as the default: in a trace this fails

        self.advance, self.keep, self.jit_compile, self.measured = advance, keep, jit_compile, measured
        self._functions: dict[tuple[Callable, bool | None], Callable] = {}

    def _compiled(self, function: Callable, way: bool | None) -> Callable:
        """A function, compiled in one of the ways."""
        if (function, way) not in self._functions:
            self._functions[function, way] = traced(function, way)
        return self._functions[function, way]

    def _key(self, arrays: Arrays) -> str:
        return key_of(self.measured, *((n, a.shape, a.dtype.name) for n, a in sorted(arrays.items())))

    def _way(self, arrays: Arrays) -> bool | None:
        if self.jit_compile or self.measured is None:
            return self.jit_compile
        return True if remembered(self._key(arrays)) else self.jit_compile

    def choose(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> bool | None:
        """Whether XLA compiles the whole loop for such arrays: by a measurement of some seconds, if there was none."""
        if self.jit_compile or self.measured is None:
            return self.jit_compile
        key = self._key(arrays)
        if remembered(key) is None:
            seconds = {way: self._seconds(way, arrays, parameters, dt) for way in (True, self.jit_compile)}
            remember(key, seconds[True] < MARGIN * seconds[self.jit_compile])
        return self._way(arrays)

    def seconds(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> float:
        """Least time of a step in the way that is chosen, over some repetitions."""
        return self._seconds(self.choose(arrays, parameters, dt), arrays, parameters, dt)

    def _seconds(self, way: bool | None, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> float:

        def run(steps: int) -> float:
            begin = time.perf_counter()
            for a in self._compiled(self._advance, way)(arrays, parameters, dt, tf.constant(steps)).values():
                a.numpy()
            return (time.perf_counter() - begin) / steps

        run(1)  # compiles
        steps = max(1, min(1000, int(TRIAL_SECONDS / run(3))))
        return min(run(steps) for _ in range(TRIALS))

    def step(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, by_units: bool = False) -> Arrays:
        """
        The arrays after one step. TensorFlow can differentiate it. `by_units`: whether XLA compiles what is inside of a
        step that a tape sees, but not the whole: if there are loops inside, whose gradient can't leave XLA.
        """
        way = None if by_units and recording() else self._way(arrays)
        return self._compiled(self.advance, way)(arrays, parameters, dt)

    def steps(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, steps: int) -> Arrays:
        """The arrays after `steps` steps."""
        return self._compiled(self._advance, self._way(arrays))(arrays, parameters, dt, tf.constant(steps))

    def kept(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        """What `keep` makes of arrays, compiled."""
        return self._compiled(self.keep, self._way(arrays))(arrays, parameters)

    def frames(
        self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, count: int, every: int, room: int
    ) -> tuple[Arrays, Arrays]:
        """
        The arrays after `count * every` steps, and what `keep` makes of them after every `every` of these, of shape
        (room, batch, *spatial); entries from `count` on mean nothing.
        """
        numbers = tf.constant(count), tf.constant(every), room
        return self._compiled(self._keep, self._way(arrays))(arrays, parameters, dt, *numbers)

    def _advance(self, arrays, parameters, dt, steps):
        def body(i, arrays):
            return i + 1, self.advance(arrays, parameters, dt)

        return tf.while_loop(lambda i, _: i < steps, body, (0, arrays), parallel_iterations=1)[1]

    def _keep(self, arrays, parameters, dt, count, every, room: int):
        likes = self.keep(arrays, parameters)
        kept = {n: tf.TensorArray(a.dtype, room, element_shape=a.shape) for n, a in likes.items()}

        def body(i, arrays, kept):
            arrays = self._advance(arrays, parameters, dt, every)
            return i + 1, arrays, {n: kept[n].write(i, a) for n, a in self.keep(arrays, parameters).items()}

        _, arrays, kept = tf.while_loop(lambda i, *_: i < count, body, (0, arrays, kept), parallel_iterations=1)
        return arrays, {n: k.stack() for n, k in kept.items()}
