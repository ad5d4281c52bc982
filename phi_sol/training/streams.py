"""The batches of one stage of a training, and what is computed with them."""

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from .members import Turns
from .optimization import Optimization
from .task import Task
from .windows import Windows


class Streams:
    """
    Endless windows of one task, or of several that share their variables: every iteration is of one of them. What it
    compiles is kept as long as the stage lasts, also where the training is taken up again.

    Attributes:
        tasks: Whose windows are drawn.
        windows: The stream of each.
        compiled: Whether what the iteration of each needs is compiled.
    """

    def __init__(self, task: Task, unroll: int, seed: int, simulations: list[int], optimization: Optimization):
        self.tasks, self.optimization = list(task.members), optimization
        self.windows = [
            Windows(t.data, t.frames(unroll) + 1, seed, t.arrays, t.extra, used)
            for t, used in zip(self.tasks, task.split(simulations), strict=True)
        ]
        self.turns = Turns(task.weights, seed)
        self.compiled = [False] * len(self.tasks)
        self._gradients = [optimization.gradients(self._losses(t, unroll)) for t in self.tasks]

    @staticmethod
    def _losses(task: Task, unroll: int) -> Callable:
        return lambda *given: task.losses(unroll, *given)

    def batches(self, batch: int, start: int) -> Iterator[tuple[int, tuple]]:
        """From an iteration on the number of the task whose turn it is, and its batch (see `Windows.batches`)."""
        begun: dict[int, Any] = {}
        before, strategy = self.turns.before(start), self.optimization.strategy
        for k in self.turns.after(start):
            if k not in begun:
                stream, first = self.windows[k], before[k]

                def part(context, stream=stream, first=first) -> tf.data.Dataset:
                    return stream.batches(batch, first, 2**31, context)

                begun[k] = iter(strategy.distribute_datasets_from_function(part))
            yield k, next(begun[k])

    def gradients_of(self, k: int, given: tuple) -> Callable:
        """
        What computes loss and gradients of a task, see `Optimization.gradients`; at the first time compiled, by one
        iteration on such a batch that changes nothing.
        """
        if not self.compiled[k]:
            self.optimization.compile(self._gradients[k], *given)
            self.compiled[k] = True
        return self._gradients[k]
