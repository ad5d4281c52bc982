"""Networks as functions of their weights, whose first convolution leaves out what stays the same over many steps."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from .coarse import Fold
from .layers import Pad

Weights = Sequence[tf.Tensor] | None


class Front:
    """
    A network as a function of its input and, where they are given, of the values of its trainable weights.

    Where only the first so many input channels vary from step to step and it begins with a convolution, possibly behind
    others of its layers that only move values (`Fold`, `Pad`), this is a sum of two, of those channels and of the
    rest: what is the same in all steps of a loop XLA then computes once. The numbers are the same but for rounding.

    Attributes:
        network: The network.
        splits: Whether its first convolution is done in two parts.
    """

    def __init__(self, network: keras.Model, varying: int = 0):
        self.network = network
        self._conv: Any = None
        self._path: list = []
        channels = network.input_shape[-1] if varying else 0
        if 0 < varying < channels:
            self._conv, self._path = _beginning(network)
        self._parts = (0, varying), (varying, channels)  # XLA sees through slices, but not through gathers
        self.splits = self._conv is not None
        if self.splits:
            # of a copy with the same layers: a model from the middle of another one leaves that unfit to be saved
            other = keras.models.clone_model(network, clone_function=lambda layer: layer, recursive=False)
            self._rest = keras.Model([other.input, node_of(other, self._conv).outputs[0]], other.output)
            self._place = {id(v): i for i, v in enumerate(network.trainable_variables)}

    def __call__(self, x: tf.Tensor, weights: Weights = None) -> tf.Tensor:
        """What the network gives of x, (batch, *n, channels), with these weights in the place of its own."""
        if not self.splits:
            return _applied(self.network, x, weights)
        found = [self._convolved(x, first, last, weights) for first, last in self._parts]
        total = found[0] + found[1]
        if self._conv.use_bias:
            total += tf.cast(self._value(self._conv.bias, weights), total.dtype)
        others = None if weights is None else [weights[self._place[id(v)]] for v in self._rest.trainable_variables]
        return _applied(self._rest, [x, total], others)

    def _convolved(self, x: tf.Tensor, first: int, last: int, weights: Weights) -> tf.Tensor:
        conv, x, blocks = self._conv, x[..., first:last], 1
        for layer in self._path:
            x = layer(x)
            blocks *= layer.factor ** (x.shape.rank - 2) if isinstance(layer, Fold) else 1
        rows = [k * self.network.input_shape[-1] + c for k in range(blocks) for c in range(first, last)]
        kernel = tf.gather(self._value(conv.kernel, weights), rows, axis=-2)
        x, kernel = (tf.cast(v, conv.compute_dtype) for v in (x, kernel))
        return tf.nn.convolution(x, kernel, padding=conv.padding.upper())

    def _value(self, variable: keras.Variable, weights: Weights) -> tf.Tensor:
        place = self._place.get(id(variable))
        return tf.convert_to_tensor(variable) if weights is None or place is None else weights[place]


def _applied(network: keras.Model, x, weights: Weights) -> tf.Tensor:
    if weights is None:
        return network(x)
    fixed = [tf.convert_to_tensor(v) for v in network.non_trainable_variables]
    return network.stateless_call(weights, fixed, x)[0]


def _beginning(network: keras.Model) -> tuple[keras.layers.Layer | None, list[keras.layers.Layer]]:
    """The convolution that a network begins with, if it does, and the layers before it."""
    path: list = []
    for layer in getattr(network, "layers", [])[1:]:
        if isinstance(layer, Fold | Pad):
            path.append(layer)
            continue
        plain = type(layer) in (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
        if plain and _is_linear(layer) and node_of(network, layer) is not None:
            return layer, path
        break
    return None, path


def node_of(network: keras.Model, layer: keras.layers.Layer) -> Any:
    """Where a functional network applies a layer, which others may share; None if it does so more than once."""
    applied = getattr(network, "_nodes_by_depth", {}).values()
    found = [n for nodes in applied for n in nodes if n.operation is layer]
    return found[0] if len(found) == 1 else None


def _is_linear(conv) -> bool:
    """Whether a convolution neither leaves out cells nor mixes only some channels, and has no activation."""
    steps = {*conv.strides, *conv.dilation_rate, conv.groups}
    return steps == {1} and conv.activation is keras.activations.linear
