"""Training windows of a data set as a `tf.data` pipeline whose order depends on (seed, position) alone."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..errors import InputError
from ..storage.dataset import Dataset


class Windows:
    """
    An endless, shuffled stream of windows of consecutive frames.

    Every epoch visits each window of the chosen simulations once, in an order drawn from (seed, epoch). The window of a
    number depends on nothing else, so that training can go on anywhere, on any number of devices. Windows are read from
    the memory-mapped frames as they are needed; each is one contiguous piece per array.
    """

    def __init__(
        self,
        data: Dataset,
        length: int,
        seed: int,
        names: Sequence[str],
        extra: dict[str, np.ndarray] | None = None,
        simulations: Sequence[int] | None = None,
    ):
        """
        Windows of `length` frames, n + 1 for n unrolled steps, of the named arrays and the extra ones, shape
        (simulations, frames + 1, *spatial) each, of these simulations (None: all). Raises InputError if too short.
        """
        self.positions = data.frames + 2 - length
        if self.positions < 1:
            needed = f"Training with {length - 1} unrolled steps needs simulations of at least {length - 1} frames"
            raise InputError(f"{needed}, but these have {data.frames}.")
        self.length, self.seed = length, seed
        self.simulations = np.array(range(len(data)) if simulations is None else simulations, np.int64)
        self.arrays = {n: data.arrays[n] for n in names} | (extra or {})
        self.parameters = data.parameters

    def locate(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Simulation and first frame of the window of a number."""
        count = len(self.simulations) * self.positions
        number = tf.cast(number, tf.int64)
        epoch, index = number // count, number % count
        seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        index = tf.random.experimental.index_shuffle(index, seed, tf.constant(count - 1, tf.int64))
        return tf.gather(tf.constant(self.simulations), index // self.positions), index % self.positions

    def batches(
        self, batch: int, start: int, stop: int, part: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """
        Batches number `start` to `stop` (without it) of the stream, of `batch` windows on all devices together, or the
        share of one worker in them, replica by replica; `part` is its place among others (None: alone, one device).

        Returns:
            Data set of (window, parameters, numbers): dictionaries of tensors (batch, length, *spatial) and (batch,),
            and the number of each window in the stream, (batch,).
        """
        part = part or tf.distribute.InputContext()
        local, share = part.num_replicas_in_sync // part.num_input_pipelines, batch // part.num_replicas_in_sync

        def numbers(i):
            replica = part.input_pipeline_id * local + i % local
            return (i // local) * batch + replica * share + tf.range(share, dtype=tf.int64)

        def read(simulations, firsts):
            places = list(zip(simulations, firsts, strict=True))
            return [np.stack([a[s, f : f + self.length] for s, f in places]) for a in self.arrays.values()]

        def fetch(numbers):
            simulations, firsts = tf.map_fn(self.locate, numbers, fn_output_signature=(tf.int64, tf.int64))
            types = [tf.as_dtype(a.dtype) for a in self.arrays.values()]
            values = tf.numpy_function(read, [simulations, firsts], types) if types else []
            for value, array in zip(values, self.arrays.values(), strict=True):
                value.set_shape([share, self.length, *array.shape[2:]])
            parameters = {n: tf.gather(tf.constant(p), simulations) for n, p in self.parameters.items()}
            return dict(zip(self.arrays, values, strict=True)), parameters, numbers

        plain = tf.autograph.experimental.do_not_convert
        stream = tf.data.Dataset.range(start * local, stop * local).map(plain(numbers))
        return stream.map(plain(fetch), num_parallel_calls=1, deterministic=True).prefetch(2 * local)
