"""Initial states in the place of recorded simulations, to time what a training or an evaluation will cost."""

import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf

from ..kernels.compiled import Arrays
from ..solvers.pair import SolverPair
from ..stepping.arrays import pack
from ..storage.dataset import Dataset


class Rehearsal(Dataset):
    """Stands in for a `Dataset`: simulations that stay as they begin, which makes no difference for a step's time."""

    def __init__(
        self,
        pair: SolverPair,
        simulations: Sequence[dict[str, float]],
        count: int,
        frames: int = 1,
        reference: bool = False,
    ):
        """So many of the given simulations, over again if there are fewer; states of the source or the reference."""
        self.pair, self.frames = pair, frames
        flow = pair.reference if reference else pair.source
        self.simulations = [simulations[i % len(simulations)] for i in range(count)]
        given = {n: [s[n] for s in self.simulations] for n in flow.parameters}
        arrays, parameters, _ = pack(flow, flow.initial_state(**given))
        self.start = {n: np.asarray(a, np.float32) for n, a in arrays.items()}
        shape = {n: (count, frames + 1, *a.shape[1:]) for n, a in self.start.items()}
        self.arrays = {n: np.broadcast_to(a[:, None], shape[n]) for n, a in self.start.items()}
        self.parameters = {n: np.asarray(p, np.float32) for n, p in parameters.items()}
        self.folders, self.fingerprints = [Path(f"sim_{i:06d}") for i in range(count)], [""] * count

    @property
    def names(self) -> list[str]:
        return [f.name for f in self.folders]

    @property
    def tensors(self) -> tuple[Arrays, Arrays]:
        """What a solver starts from: arrays of shape (count, *spatial), and parameters."""
        arrays, parameters = ({n: tf.constant(a) for n, a in g.items()} for g in (self.start, self.parameters))
        return arrays, parameters

    def __len__(self) -> int:
        return len(self.simulations)

    def moments(self, simulations: Sequence[int] | None = None) -> dict[str, tuple[float, float]]:
        return dict.fromkeys(self.arrays, (0.0, 1.0))


def median_seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Median time of a call that has run once before."""
    call()
    return median(timeit.repeat(call, number=1, repeat=repeats))
