"""Training windows of a data set as a `tf.data` pipeline whose order depends on (seed, position) alone."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..data.dataset import Dataset
from ..errors import InputError


def windows(
    data: Dataset, length: int, batch: int, seed: int, start: int, stop: int, names: Sequence[str], extra: dict[str, np.ndarray] | None = None
) -> tf.data.Dataset:
    """
    Batches number `start` to `stop` of an endless, shuffled stream of windows.

    Every epoch visits each window of `length` consecutive frames once, in an order drawn from (seed, epoch). As each
    batch depends on nothing but its number, training can go on anywhere.

    Args:
        data: Recorded simulations.
        length: Frames per window, n + 1 for n unrolled steps.
        batch: Windows per batch.
        seed: Seed of the order.
        start: Number of the first batch.
        stop: Number after the last batch.
        names: Arrays to deliver.
        extra: Further arrays to deliver, shape (simulations, frames + 1, *spatial) each.

    Returns:
        Data set of (window, parameters, numbers): dictionaries of tensors (batch, length, *spatial) and (batch,), and the number of each
        window in the stream, (batch,).

    Raises:
        InputError: if the simulations are shorter than a window.
    """
    positions = data.frames + 2 - length
    if positions < 1:
        raise InputError(
            f"Training with {length - 1} unrolled steps needs simulations of at least {length - 1} frames, but these have {data.frames}."
        )
    arrays = {n: tf.constant(data.arrays[n]) for n in names} | {n: tf.constant(a) for n, a in (extra or {}).items()}
    parameters = {n: tf.constant(v) for n, v in data.parameters.items()}
    count = len(data) * positions

    @tf.autograph.experimental.do_not_convert
    def fetch(number):
        epoch, index = number // count, number % count
        index = tf.random.experimental.index_shuffle(index, tf.stack([tf.constant(seed, tf.int64), epoch]), tf.constant(count - 1, tf.int64))
        simulation, first = index // positions, index % positions
        window = {n: a[simulation, first : first + length] for n, a in arrays.items()}
        for array in window.values():
            array.set_shape([length, *array.shape[1:]])
        return window, {n: p[simulation] for n, p in parameters.items()}, number

    numbers = tf.data.Dataset.range(start * batch, stop * batch)
    return numbers.map(fetch, num_parallel_calls=1, deterministic=True).batch(batch, drop_remainder=True).prefetch(2)


def one_step_corrections(data: Dataset, names: Sequence[str], batch: int = 64, from_state: bool = False) -> dict[str, np.ndarray]:
    """
    What one source step lacks: reference minus source after one step from every recorded frame (at most 512 of them). With
    `from_state` what no step at all lacks: the difference of two frames.
    """
    flow = data.pair.source
    total = len(data) * data.frames
    chosen = np.linspace(0, total - 1, min(total, 512)).astype(int)
    chosen = np.concatenate([chosen, np.repeat(chosen[-1:], -len(chosen) % batch)])
    simulation, frame = chosen // data.frames, chosen % data.frames
    dt = tf.constant(flow.dt, tf.float32)
    result = {n: [] for n in names}
    for i in range(0, len(chosen), batch):
        s, f = simulation[i : i + batch], frame[i : i + batch]
        arrays = {n: tf.constant(a[s, f]) for n, a in data.arrays.items()}
        after = arrays if from_state else flow.compiled(arrays, {n: tf.constant(p[s]) for n, p in data.parameters.items()}, dt)
        for name in names:
            result[name].append(data.arrays[name][s, f + 1] - after[name].numpy())
    return {n: np.concatenate(parts) for n, parts in result.items()}
