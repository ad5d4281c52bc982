"""What tests of searches share."""

import numpy as np

from phi_sol import Rollout


def noisy(frames: Rollout, deviation: float, seed: int = 0) -> Rollout:
    rng = np.random.default_rng(seed)
    arrays = {n: a + deviation * rng.normal(size=a.shape) for n, a in frames.arrays.items()}
    return Rollout(frames.flow, arrays, frames.parameters, frames.times)


def quiet(done, total):
    """Nothing is shown."""
