"""Better numerics without a network, which a corrector has to beat: the source on a finer grid, and with second-order advection."""

import inspect

import numpy as np

from ..data.dataset import Dataset
from ..experiment import Experiment
from ..pair import SolverPair
from ..stepping import CompiledFlow, Loop

SECOND_ORDER = "mac_cormack"


class FinerSource:
    """
    The source flow on a grid that is `factor` times finer along every axis; its frames are restricted to the source grid, to be compared there.

    Attributes:
        flow: The flow on the finer grid.
        factor: Cells per source cell and axis.
        loop: Compiled loops, which keep restricted frames.
    """

    def __init__(self, experiment: Experiment, factor: int):
        source = experiment.pair.source.resolution
        self.factor, self.pair = factor, SolverPair(experiment.flow, source, factor, **experiment.options)
        finer = {d: n * factor for d, n in source.items()}
        self._from_reference = SolverPair(experiment.flow, finer, experiment.pair.ratio // factor, **experiment.options)
        self.flow = self.pair.reference
        self.loop = Loop(self.flow.compiled, self.pair.restrict_arrays)

    def start(self, data: Dataset) -> dict[str, np.ndarray]:
        """The full-resolution reference of frame 0, restricted to the finer grid: shape (simulations, *spatial) each."""
        frames = [data.reference_frame(s, 0) for s in range(len(data))]
        arrays = {n: np.stack([f[n] for f in frames]).astype(np.float32) for n in frames[0]}
        return {n: np.asarray(a) for n, a in self._from_reference.restrict_arrays(arrays, data.parameters).items()}


def baselines(experiment: Experiment) -> dict[str, CompiledFlow | FinerSource]:
    """
    The source with second-order advection (`SRC-MC`), if the flow has it and does not use it already, and on a finer grid (`SRC-2x`, by the smallest
    factor that divides the pair's ratio), if there is one between source and reference.
    """
    result, source, ratio = {}, experiment.pair.source, experiment.pair.ratio
    if "advection" in inspect.signature(experiment.flow).parameters and source.advection != SECOND_ORDER:
        result["SRC-MC"] = experiment.flow(**source.resolution, **experiment.options | {"advection": SECOND_ORDER}).compiled
    factor = next((f for f in range(2, ratio) if ratio % f == 0), None)
    if factor is not None:
        result[f"SRC-{factor}x"] = FinerSource(experiment, factor)
    return result
