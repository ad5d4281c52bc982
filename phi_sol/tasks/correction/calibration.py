"""How much of a correction is right in a flow that its network was not trained in, from a few frames of a reference."""

import logging
from copy import copy

import numpy as np
import tensorflow as tf

from ...arguments import checked
from ...correctors import Corrector
from ...correctors.described import CALIBRATION, GAIN
from ...errors import InputError, instance, integer, quoted
from ...experiment import FRAMES as MOST
from ...experiment import Experiment
from ...generation.brief import FRAMES, brief_data
from ...solvers.hybrid import HybridSolver
from ...storage.dataset import Dataset
from .validation import rollout_error

PAIRS = 64  # of neighbouring frames that the gain of one step is taken of
LOG = logging.getLogger(__name__)


@checked
def calibrated(corrector: Corrector, data: Dataset | Experiment, frames: int | None = None) -> Corrector:
    """
    The corrector for a flow that it was not trained in: all its corrections multiplied by one number, the gain g in
    [0, 1], that a few frames of a reference of this flow say. Nothing is trained, and it takes seconds.

    With P the source step and C the correction, it is the one that is best for single steps by least squares, each step
    relative to what the source lacks in it,

        g = Σ_t <C(P(s_t)), r_t> / |r_t|²  :  Σ_t |C(P(s_t))|² / |r_t|²,   r_t = s_{t+1} - P(s_t),

    rounded to 0.01, and 0, which is the source alone, where rollouts over all frames have a greater mean absolute error
    with g than without: so in these it is not worse than the source. Single steps decide, since one rollout is one
    sample, and many steps are many: their gain hardly differs between simulations of one flow. A gain that a corrector
    has already is forgotten; a training that starts from it goes on with its gain.

    Args:
        corrector: What was trained elsewhere; its corrections enter after the step.
        data: One short simulation of the flow is enough, from developed states. Or a scene, of which nothing needs to
            be recorded: a reference of only twice the source's cells is simulated then, from the first and the last
            training parameters, after the warm-up (an eighth of the work of one with four times the cells in 2D, a
            sixteenth in 3D). What it lacks itself makes the gain smaller, by up to a half where it was measured.
        frames: Steps of each simulation that count; default: all that are recorded, of a scene 20.

    Returns:
        A corrector, whose `gain` and `description["calibration"]` say what was found. It is for the flow of the data
        (`corrector.on`); `HybridSolver(flow, corrector, strict=False)` uses it.

    Raises:
        InputError: for a corrector that can't be used in the flow, or whose corrections enter elsewhere or are a
            closure, for data of less than one step or of fewer than `frames`, and for a scene in which no correction is
            trained, or that can't be simulated.

    Examples:
        >>> ps.calibrated(ps.Corrector.load("runs/tiny/sol"), ps.Dataset.load(scene.pair, "data/tiny")).gain
        1.0
    """
    instance("What is calibrated", corrector, Corrector, "a Corrector")
    instance("What a corrector is calibrated on", data, (Dataset, Experiment), "a Dataset or an Experiment")
    frames = None if frames is None else integer("The number of frames", frames, 1, MOST)
    if corrector.placement != "after" or corrector.form != "increment":
        where = f"of the form {corrector.form}" if corrector.form != "increment" else f"placed {corrector.placement!r}"
        raise InputError(f"Only corrections that are added after the step are calibrated; these are {where}.")
    plain = with_gain(corrector, 1.0, {})
    bound = HybridSolver(data.pair.source, plain, strict=False).corrector
    if isinstance(data, Experiment):
        if data.task == "guess":
            raise InputError(f"In the scene {quoted(data.name)} no correction is trained.")
        data = brief_data(data, frames or FRAMES)
    if data.frames < 1 or not len(data):
        raise InputError("A corrector is calibrated on data of at least one step.")
    frames = frames or data.frames
    if frames > data.frames:
        raise InputError(f"{frames} frames are asked for, but the data have {data.frames}.")
    best = round(float(np.clip(one_step_gain(bound, data, frames), 0.0, 1.0)), 2)  # as it is shown
    names, chosen = list(bound.outputs), range(len(data))
    alone = rollout_error(data.pair.source, data, chosen, frames, names)
    errors = {0.0: 1.0}
    for gain in {best, 1.0} - {0.0}:
        solver = HybridSolver(data.pair.source, with_gain(plain, gain, {}), strict=False)
        with np.errstate(divide="ignore", invalid="ignore"):
            errors[gain] = float(np.float64(rollout_error(solver, data, chosen, frames, names)) / alone)
    gain = best if errors[best] <= 1 else 0.0  # not where it is NaN
    said = [[g, e if np.isfinite(e) else None] for g, e in sorted(errors.items())]
    facts = {"flow": data.pair.source.config(), "simulations": len(data), "frames": frames}
    facts |= {"ratio": data.pair.ratio, "errors": said}
    LOG.info("The gain is %.2f: %.2f of the source's error, %.2f with the gain 1.", gain, errors[gain], errors[1.0])
    return with_gain(bound, gain, facts)


def one_step_gain(corrector: Corrector, data: Dataset, frames: int) -> float:
    """Least squares over single steps, each relative to what the source lacks; 1 where nothing is corrected."""
    flow = data.pair.source
    every = max(1, -(-frames * len(data) // PAIRS))
    at = range(0, frames, every)
    arrays = {n: tf.constant(np.concatenate([a[:, t] for t in at])) for n, a in data.arrays.items()}
    parameters = {n: tf.constant(np.tile(p, len(at))) for n, p in data.parameters.items()}
    stepped = flow.advance(arrays, parameters, tf.constant(flow.dt, arrays[corrector.outputs[0]].dtype))
    given, lack, own, missing = corrector(stepped, parameters), 0.0, 0.0, 0.0
    for n in corrector.outputs:
        after = np.concatenate([data.arrays[n][:, t + 1] for t in at])
        off, change = (np.asarray(v, np.float64).reshape(len(after), -1) for v in (after - stepped[n], given[n]))
        lack, own, missing = lack + (off * change).sum(1), own + (change**2).sum(1), missing + (off**2).sum(1)
    weights = 1 / np.maximum(missing, np.finfo(np.float32).tiny)
    total = float(np.sum(weights * own))
    return float(np.sum(weights * lack)) / total if total > 0 else 1.0


def with_gain(corrector: Corrector, gain: float, facts: dict) -> Corrector:
    """The same corrector with another gain."""
    other = copy(corrector)
    other.description = corrector.description | {CALIBRATION: {GAIN: gain} | facts}
    return other
