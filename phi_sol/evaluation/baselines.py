"""Better numerics without a network, which a corrector has to beat: a finer grid, and second-order advection."""

import inspect

import numpy as np

from ..experiment import Experiment
from ..solvers.finer import FinerSource
from ..solvers.pair import SolverPair
from ..stepping.solver import Solver
from ..storage.dataset import Dataset

SECOND_ORDER = "mac_cormack"


def baselines(experiment: Experiment) -> dict[str, Solver]:
    """
    The source with second-order advection (`SRC-MC`), if the flow has a velocity and this scheme and does not use it
    already, and on a finer grid (`SRC-2x`, by the smallest factor that divides the pair's ratio), if there is one
    between source and reference.
    """
    result: dict[str, Solver] = {}
    source, ratio = experiment.pair.source, experiment.pair.ratio
    advects = "velocity" in source.fields and "advection" in inspect.signature(experiment.flow.__init__).parameters
    if advects and source.advection != SECOND_ORDER:
        result["SRC-MC"] = experiment.flow(**experiment.options | source.resolution | {"advection": SECOND_ORDER})
    factor = next((f for f in range(2, ratio) if ratio % f == 0), None)
    if factor is not None:
        pair = SolverPair(experiment.flow, source.resolution, factor, **experiment.options)
        result[f"SRC-{factor}x"] = FinerSource(pair, pair.reference)
    return result


def start_of(solver: Solver, experiment: Experiment, data: Dataset) -> dict[str, np.ndarray]:
    """
    Where a solver starts: frame 0 of all simulations, or for a finer source the full-resolution reference of this
    frame, restricted to its grid.

    Returns:
        Arrays of shape (simulations, *spatial).
    """
    pair = experiment.pair
    if not isinstance(solver, FinerSource):
        return data.frame(0)
    frames = [data.reference_frame(s, 0) for s in range(len(data))]
    arrays = {n: np.stack([f[n] for f in frames]).astype(np.float32) for n in frames[0]}
    above = SolverPair(experiment.flow, solver.flow.resolution, pair.ratio // solver.pair.ratio, **experiment.options)
    return {n: np.asarray(a) for n, a in above.restrict_arrays(arrays, data.parameters).items()}
