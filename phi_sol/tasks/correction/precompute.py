"""Corrections that are computed before the training: targets of PRE and PRE-SR."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.lib.format import open_memmap

from ...errors import DivergedError
from ...kernels.compiled import Arrays
from ...stepping.arrays import field_arrays
from ...storage.dataset import Dataset
from ...storage.files import fingerprint
from ...storage.mapped import Mapped, array_file
from ...storage.packed import PACKS
from .least_squares import LeastSquares

BATCH = 64


def target_shapes(data: Dataset, correct: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what `targets` gives."""
    flow = data.pair.source
    corrected = [n for f in correct for n in field_arrays(flow, f)]
    seen = corrected + [n for f in flow.inputs for n in field_arrays(flow, f)]
    shapes = {f"state:{n}": data.arrays[n].shape for n in seen}
    return shapes | {f"correction:{n}": data.arrays[n].shape for n in corrected}


def targets(
    data: Dataset, correct: Sequence[str], temporal: float = 0.0, show: Callable[[int, int], None] | None = None
) -> dict[str, np.ndarray]:
    """
    What a network that is trained on precomputed corrections sees and is to say, for every recorded step.

    The source runs along each simulation, corrected after every step: s_i = P(s̃_{i-1}), c_i by constrained least
    squares against the full-resolution reference (see `LeastSquares`), s̃_i = s_i + c_i, s̃_0 = T r_0. Reference frames
    that were not kept are computed again from the last one that was. The result is stored beside the simulations,
    mapped into memory, and read from there the next time.

    Gives `state:NAME` (s_{i+1}) and `correction:NAME` (c_{i+1}) at index i, shape (simulations, frames + 1, *spatial),
    float32; the last index is empty. `temporal` is the β of the regularisation in time; `show` is called with (steps
    done, steps in all). Raises DivergedError if the corrected source diverges.
    """
    shapes = target_shapes(data, correct)
    facts = {"data": data.fingerprints, "frames": data.frames, "temporal": temporal, "arrays": list(shapes)}
    key = fingerprint(facts | {"checksums": data.checksums, "format": 2})

    def make(folder: Path) -> dict:
        maps: dict = {n: open_memmap(array_file(folder, n), "w+", np.float32, shape) for n, shape in shapes.items()}
        _compute(data, correct, temporal, maps, show)
        for array in maps.values():
            array.flush()
        return {}

    return Mapped(data.folders[0].parent / PACKS / f"corrections-{fingerprint(facts)}", key, shapes, make).arrays


def _compute(data: Dataset, correct: Sequence[str], temporal: float, result: dict[str, np.ndarray], show):
    flow, reference = data.pair.source, data.pair.fine
    fits = {f: LeastSquares(data.pair, f, temporal) for f in correct}
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    dt = tf.constant(flow.dt, tf.float32)
    state = {n: tf.constant(a[:, 0]) for n, a in data.arrays.items()}
    before, fine = dict.fromkeys(correct), {}
    for i in range(data.frames):
        fine = reference(_reference_frame(data, i, fine), parameters, dt)
        state = flow(state, parameters, dt)
        frame = {f"state:{n}": a.numpy() for n, a in state.items()}
        for f, fit in fits.items():
            own = field_arrays(flow, f)
            corrections = before[f] = fit([state[n].numpy() for n in own], [fine[n].numpy() for n in own], before[f])
            for n, c in zip(own, corrections, strict=True):
                frame[f"correction:{n}"] = c.astype(np.float32)
                state[n] = state[n] + frame[f"correction:{n}"]
        for n in result:
            if not np.isfinite(frame[n]).all():
                where = f"diverged at frame {i + 1}: {n} is not finite"
                raise DivergedError(f"The source with precomputed corrections {where}.")
            result[n][:, i] = frame[n]
        if show is not None:
            show(i + 1, data.frames)


def _reference_frame(data: Dataset, frame: int, current: Arrays) -> Arrays:
    """The full-resolution states of all simulations at a frame: as they were kept, or else `current`."""
    if frame % data.keep_reference_every:
        return current
    return {n: tf.constant(a) for n, a in data.reference_frames(frame).items()}


def one_step_corrections(
    data: Dataset, names: Sequence[str], from_state: bool = False, simulations: Sequence[int] | None = None
) -> dict[str, np.ndarray]:
    """
    What one source step lacks: reference minus source after one step from every recorded frame (at most 512 of them) of
    the given simulations (all by default). With `from_state` what no step at all lacks: the difference of two frames.
    """
    flow = data.pair.source
    used = np.array(range(len(data)) if simulations is None else simulations)
    total = len(used) * data.frames
    chosen = np.linspace(0, total - 1, min(total, 512)).astype(int)
    chosen = np.concatenate([chosen, np.repeat(chosen[-1:], -len(chosen) % BATCH)])
    simulation, frame = used[chosen // data.frames], chosen % data.frames
    dt = tf.constant(flow.dt, tf.float32)
    result = {n: [] for n in names}
    for i in range(0, len(chosen), BATCH):
        s, f = simulation[i : i + BATCH], frame[i : i + BATCH]
        arrays = {n: tf.constant(a[s, f]) for n, a in data.arrays.items()}
        after = arrays if from_state else flow(arrays, {n: tf.constant(p[s]) for n, p in data.parameters.items()}, dt)
        for name in names:
            result[name].append(data.arrays[name][s, f + 1] - after[name].numpy())
    return {n: np.concatenate(parts) for n, parts in result.items()}
