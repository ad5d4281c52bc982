"""The validation error of a corrector: that of rollouts."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ...metrics import mean_absolute_error
from ...stepping.solver import Solver
from ...storage.dataset import Dataset


def rollout_error(
    solver: Solver, data: Dataset, simulations: Sequence[int], frames: int, names: Sequence[str]
) -> float:
    """Mean absolute error of rollouts over components, faces, frames and simulations, infinite if it is not finite."""
    chosen = list(simulations)
    start = {n: tf.constant(a[chosen, 0]) for n, a in data.arrays.items()}
    parameters = {n: tf.constant(p[chosen]) for n, p in data.parameters.items()}
    total = 0.0
    for i, arrays in enumerate(solver.frames(start, parameters, frames), 1):
        values = {n: arrays[n].numpy() for n in names}
        total += mean_absolute_error(values, {n: data.arrays[n][chosen, i] for n in names}, list(names)).mean()
        if not np.isfinite(total):
            return float("inf")
    return float(total / frames)
