"""Numbers of states, computed of many at once."""

from collections.abc import Callable

import tensorflow as tf
from phi import math
from phi.math import Tensor, batch, instance

from ...errors import InputError, quoted
from ...kernels.compiled import Arrays
from ...kernels.settings import traced
from ...stepping.arrays import unpack
from ...stepping.system import System


class Quantity:
    """A function of a `State` that gives one number or several, compiled for the native arrays of many states."""

    def __init__(self, what: str, flow: System, function: Callable):
        """
        Args:
            what: For messages, such as "The quantity of a design".
            flow: Of the states.
            function: Of a `State` of many at once, as a batch; gives a tensor of PhiML or TensorFlow.
        """
        self.what, self.flow, self.function = what, flow, function
        self._compiled = traced(self._values, None)

    def __call__(self, arrays: Arrays, parameters: Arrays) -> tf.Tensor:
        """
        The numbers of each state, shape (states, numbers), or (1, numbers) where they depend on none. Parameters that
        are among the arrays, since a control has set them, take the place of the others.

        Raises:
            InputError: if the function gives something else.
        """
        return self._compiled(arrays, parameters)

    def _values(self, arrays: Arrays, parameters: Arrays) -> tf.Tensor:
        names = (*self.flow.parameters, *self.flow.profiles)
        parameters = parameters | {n: arrays[n] for n in names if n in arrays}  # what controls have set
        first = next(iter(arrays.values()))
        with math.precision(first.dtype.size * 8):
            states = batch(batch=int(first.shape[0]))
            found = self.function(self.flow.bounded(unpack(self.flow, arrays, parameters, states)))
        if isinstance(found, Tensor):
            several = found.shape.non_batch
            found = math.pack_dims(found, several, instance("numbers")) if several else found
            found = found.native([found.shape.batch, *(["numbers"] if several else [])] if found.shape else [])
        try:
            found = tf.convert_to_tensor(found)
        except (TypeError, ValueError):
            raise InputError(f"{self.what} is a number of a state, or several, not {quoted(found)}.") from None
        if not found.dtype.is_floating:
            raise InputError(f"{self.what} is a number of a state, not of type {found.dtype.name}.")
        shape = tuple(found.shape)
        if len(shape) > 2 or (shape and shape[0] not in (1, first.shape[0])):
            needed = f"({first.shape[0]},) or ({first.shape[0]}, numbers)"
            raise InputError(f"{self.what} has a value for each of {first.shape[0]} states, {needed}, not {shape}.")
        return tf.reshape(found, [shape[0] if shape else 1, -1])
