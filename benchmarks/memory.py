"""
Peak memory of training iterations with and without recomputation of the steps (`remat`), each in a fresh process.

`peak_mb` is the process as a whole, with Python and TensorFlow.
"""

from common import row, size_name, skip
from course import measured, measuring
from sides import Effort, Side, SkippedError, alternate
from training import QUICK_UNROLL, RESOLUTION, Iteration, iteration_cases

BATCH, TIMEOUT = 3, 1200.0
BASELINE = Iteration("resnet", 16, BATCH)
ITERATIONS = [Iteration("resnet", unroll, BATCH, remat) for unroll in (8, 32, 128) for remat in (False, True)]


def started(training: Iteration, resolution: dict[str, int]) -> Side:
    side = Side(iteration_cases, TIMEOUT)
    try:
        side.prepare(training, True, resolution)
    except Exception:
        side.close()
        raise
    return side


def run(
    effort: Effort,
    iterations: list[Iteration] = ITERATIONS,
    baseline: Iteration = BASELINE,
    resolution: dict[str, int] = RESOLUTION,
) -> list[dict]:
    rows = []
    with started(baseline, resolution) as base:
        for training in iterations:
            try:
                if effort.quick and training.unroll > 2 * QUICK_UNROLL:
                    raise SkippedError("takes too long for --quick")
                measuring(training.name)
                with started(training, resolution) as side:
                    times = alternate({"case": (side, "iteration"), "baseline": (base, "iteration")}, effort)
                    peaks = side.peak_mb(), base.peak_mb()
            except SkippedError as err:
                skip(training.name, err)
                continue
            memory = {"peak_mb": peaks[0], "baseline_peak_mb": peaks[1], "peak_ratio": peaks[0] / peaks[1]}
            size, other = size_name(resolution), baseline.name
            times_of = times["case"], other, times["baseline"]
            rows += measured([row(training.name, size, training.batch, *times_of, **memory)])
    return rows
