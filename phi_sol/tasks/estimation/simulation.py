"""A simulation as a function of unknown numbers: predictions of several at once, and gradients through all steps."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...errors import InputError, quoted
from ...kernels.compiled import Arrays
from ...stepping.adjoint import Adjoint, Cost
from ...stepping.arrays import pack, unpack
from ...stepping.solver import Solver
from ...stepping.state import State
from .unknowns import Parameter, Unknown

BATCH_VALUES = 2**24  # of all arrays of the simulations that are stepped together


class Simulation:
    """
    A solver, the state that it begins from, and what of it is not known: numbers x, shape (n,), of all unknowns in
    order.

    Attributes:
        begin: x where the search begins.
        bounds: Least and greatest x, shape (2, n).
        prior: Mean and standard deviation of x, shape (2, n), of which the deviation may be infinite.
    """

    def __init__(self, solver: Solver, state: State, unknowns: Sequence | Unknown | str):
        """Raises InputError for unknowns that the solver does not have, or none."""
        self.solver = solver
        self.arrays, self.parameters, self.shape = pack(solver.flow, state)
        given = [unknowns] if isinstance(unknowns, str | Unknown) else list(unknowns)
        self.unknowns: list[Unknown] = [Parameter(u) if isinstance(u, str) else u for u in given]
        for u in self.unknowns:
            if not isinstance(u, Unknown):
                kinds = "a Parameter, InitialField, Profile or Weights"
                raise InputError(f"An unknown is a name of a parameter, or {kinds}, not {quoted(u)}.")
        names = [u.name for u in self.unknowns]
        if not names or len(set(names)) < len(names):
            raise InputError(f"The unknowns must be at least one, and each once, not {quoted(names)}.")
        begin = [u.begin(solver, self.arrays, self.parameters) for u in self.unknowns]
        self.begin = np.concatenate(begin)
        self.bounds = np.concatenate([u.bounds for u in self.unknowns], 1)
        self.prior = np.concatenate([u.prior for u in self.unknowns], 1)
        self._sizes = [len(b) for b in begin]
        self.variables = [v for u in self.unknowns for v in u.variables]
        self._adjoint = Adjoint(solver, self.variables)

    @property
    def size(self) -> int:
        return len(self.begin)

    def parts(self, x: np.ndarray) -> list[tuple[Unknown, np.ndarray]]:
        """Each unknown with its numbers, by the last axis of x."""
        return list(zip(self.unknowns, np.split(x, np.cumsum(self._sizes)[:-1], -1), strict=True))

    def values(self, x: np.ndarray) -> dict[str, Any]:
        """What x stands for, by name."""
        return {u.name: u.value(part) for u, part in self.parts(x)}

    def assign(self, x: np.ndarray):
        """Gives variables of the solver their values."""
        for unknown, part in self.parts(x):
            unknown.assign(part)

    def start(self, xs: Any) -> tuple[Arrays, Arrays]:
        """The states of several x, shape (m, n), one after the other."""
        count, first = int(xs.shape[0]), next(iter(self.arrays.values()))
        x = tf.repeat(tf.cast(xs, first.dtype), first.shape[0], 0)
        arrays, parameters = (
            {n: tf.tile(a, [count] + [1] * (len(a.shape) - 1)) for n, a in group.items()}
            for group in (self.arrays, self.parameters)
        )
        parts = zip(self.unknowns, tf.split(x, self._sizes, 1), strict=True)
        for unknown, part in sorted(parts, key=lambda p: p[0].late):
            arrays, parameters = unknown.enter(part, arrays, parameters)
        return arrays, parameters

    def state(self, x: np.ndarray) -> State:
        """The state at the start that belongs to x."""
        self.assign(x)
        return unpack(self.solver.flow, *self.start(tf.constant(x[None])), self.shape)

    def batches(self, xs: np.ndarray) -> list[np.ndarray]:
        """Several x in parts that may be stepped together: one by one where they are values of variables."""
        values = sum(int(np.prod(a.shape)) for a in self.arrays.values())
        parts = len(xs) if self.variables else min(len(xs), -(-len(xs) * values // BATCH_VALUES))
        return np.array_split(xs, parts)

    def frames(self, xs: np.ndarray, steps: Sequence[int]) -> Iterator[tuple[Arrays, Arrays]]:
        """
        What is kept after so many steps each, of several x: arrays and parameters, shape (m * simulations, ...), one x
        after the other.
        """
        self.assign(xs[0])
        arrays, parameters = self.start(tf.constant(xs))
        every = int(np.gcd.reduce(list(steps)))
        wanted, done = [s // every for s in steps], 0
        for block in self.solver.blocks(arrays, parameters, steps[-1], every):
            count = len(next(iter(block.values())))
            for frame in (w for w in wanted if done < w <= done + count):
                yield {n: a[frame - done - 1] for n, a in block.items()}, parameters
            done += count

    def gradient(
        self,
        x: np.ndarray,
        steps: Sequence[int],
        cost: Cost,
        show: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[float, np.ndarray]:
        """The sum of costs of frames after so many steps each, and its gradient; see `Adjoint`."""
        self.assign(x)
        point = tf.constant(x[None])
        with tf.GradientTape() as tape:
            tape.watch(point)
            arrays, parameters = self.start(point)
        value, *found, by_variable = self._adjoint(arrays, parameters, steps, cost, show)
        ends = [(g[n], d[n]) for g, d in zip((arrays, parameters), found, strict=True) for n in d if n in g]
        upstream = [d for _, d in ends]
        gradient = tape.gradient([a for a, _ in ends], point, upstream, unconnected_gradients="zero").numpy()[0]
        rest = iter(by_variable)
        for unknown, part in self.parts(gradient):  # views
            if unknown.variables:
                part += unknown.collect([next(rest).numpy() for _ in unknown.variables])
        return value, gradient
