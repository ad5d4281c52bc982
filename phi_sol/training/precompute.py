"""Corrections that are computed before the training: targets of PRE and PRE-SR."""

import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..data.dataset import Dataset
from ..data.store import fingerprint, write_atomic
from ..errors import DivergedError
from ..stepping import Arrays, array_names, field_arrays
from .least_squares import LeastSquares

LOG = logging.getLogger(__name__)


def targets(data: Dataset, correct: Sequence[str], temporal: float = 0.0, show: Callable[[int, int], None] | None = None) -> dict[str, np.ndarray]:
    """
    What a network that is trained on precomputed corrections sees and is to say, for every recorded step.

    The source runs along each simulation, corrected after every step: s_i = P(s̃_{i-1}), c_i by constrained least squares
    against the full-resolution reference (see `LeastSquares`), s̃_i = s_i + c_i, s̃_0 = T r_0. Reference frames that were not kept are
    computed again from the last one that was. The result is stored beside each simulation and read from there the next time.

    Args:
        data: Simulations.
        correct: Fields to correct.
        temporal: β of the temporal regularisation.
        show: Called with (steps done, steps in all).

    Returns:
        `state:NAME` (s_{i+1}) and `correction:NAME` (c_{i+1}) at index i, shape (simulations, frames + 1, *spatial), float32; the last index
        is empty.

    Raises:
        DivergedError: if the corrected source diverges.
    """
    flow = data.pair.source
    seen = [n for f in (*correct, *flow.inputs) for n in field_arrays(flow, f)]
    names = [f"state:{n}" for n in seen] + [f"correction:{n}" for f in correct for n in field_arrays(flow, f)]
    keys = [fingerprint({"data": f, "frames": data.frames, "temporal": temporal, "names": names, "format": 1}) for f in data.fingerprints]
    files = [folder / f"corrections_{key}.npz" for folder, key in zip(data.folders, keys, strict=True)]
    results = [_read(file, names) for file in files]
    missing = [i for i, r in enumerate(results) if r is None]
    if missing:
        computed = _compute(data, missing, correct, names, temporal, show)
        for k, i in enumerate(missing):
            results[i] = {n: a[k] for n, a in computed.items()}
            _write(files[i], results[i])
    return {n: np.stack([r[n] for r in results]) for n in names}


def _read(file: Path, names: Sequence[str]) -> dict[str, np.ndarray] | None:
    try:
        with np.load(file, allow_pickle=False) as stored:
            return {n: stored[n] for n in names}
    except Exception:  # not there or damaged: computed again
        return None


def _write(file: Path, arrays: dict[str, np.ndarray]):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    try:
        write_atomic(file, buffer.getvalue())
    except OSError as err:
        LOG.warning("The corrections are not stored, since %s can't be written: %s", file, err)


def _compute(data: Dataset, simulations: list[int], correct, names, temporal: float, show) -> dict[str, np.ndarray]:
    flow, reference = data.pair.source, data.pair.reference
    fits = {f: LeastSquares(data.pair, f, temporal) for f in correct}
    parameters = {n: tf.constant(p[simulations]) for n, p in data.parameters.items()}
    dt = tf.constant(flow.dt, tf.float32)
    state = {n: tf.constant(a[simulations, 0]) for n, a in data.arrays.items()}
    before = dict.fromkeys(correct)
    result, fine = {}, {}
    for i in range(data.frames):
        fine = _reference_frame(data, simulations, i, fine)
        fine = reference.compiled(fine, parameters, dt)
        state = flow.compiled(state, parameters, dt)
        frame = {f"state:{n}": state[n].numpy() for n in array_names(flow)}
        for f, fit in fits.items():
            own = field_arrays(flow, f)
            before[f] = fit([state[n].numpy() for n in own], [fine[n].numpy() for n in own], before[f])
            for n, c in zip(own, before[f], strict=True):
                frame[f"correction:{n}"] = c.astype(np.float32)
                state[n] = state[n] + frame[f"correction:{n}"]
        for n in names:
            if not np.isfinite(frame[n]).all():
                raise DivergedError(f"The source with precomputed corrections diverged at frame {i + 1}: {n} is not finite.")
            if n not in result:
                result[n] = np.zeros((len(simulations), data.frames + 1, *frame[n].shape[1:]), np.float32)
            result[n][:, i] = frame[n]
        if show is not None:
            show(i + 1, data.frames)
    return result


def _reference_frame(data: Dataset, simulations: list[int], frame: int, current: Arrays) -> Arrays:
    """The full-resolution states of some simulations at a frame: as they were kept, or else `current`."""
    if frame % data.keep_reference_every:
        return current
    frames = [data.reference_frame(i, frame) for i in simulations]
    return {n: tf.constant(np.stack([f[n] for f in frames]).astype(np.float32)) for n in frames[0]}
