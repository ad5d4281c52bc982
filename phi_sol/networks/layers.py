"""The layers that networks are made of, and padding that knows the boundaries."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

CONTINUED = "periodic"  # what layers have that continue fields
SLOPE = 0.2  # the one slope that TensorFlow's fused kernels get right behind an addition, see stepping.py


@keras.saving.register_keras_serializable(package="phi_sol")
class Pad(keras.layers.Layer):
    """
    Adds cells at both ends of every axis: those of the other end where the axis is periodic, elsewhere zeros, or the
    mirror image of the cells at this end (`mirrored`; then at most as many as there are).

    Shape (batch, *n, channels) -> (batch, *(n + 2 width), channels). A width beyond n wraps around more than once.
    """

    def __init__(self, width: int, periodic: Sequence[bool], mirrored: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.mirrored = bool(mirrored)
        self.width, self.periodic = int(width), tuple(bool(p) for p in periodic)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        for axis, periodic in enumerate(self.periodic, 1):
            if periodic:
                x = wrapped(x, axis, self.width)
        if all(self.periodic):
            return x
        widths = [(0, 0) if periodic else (self.width, self.width) for periodic in self.periodic]
        return tf.pad(x, [(0, 0), *widths, (0, 0)], "SYMMETRIC" if self.mirrored else "CONSTANT")

    def compute_output_shape(self, shape):
        return (shape[0], *(None if n is None else n + 2 * self.width for n in shape[1:-1]), shape[-1])

    def get_config(self):
        return super().get_config() | {"width": self.width, "periodic": list(self.periodic), "mirrored": self.mirrored}


def continued(network: keras.Model, periodic: Sequence[bool]) -> keras.Model:
    """
    A network whose layers, with their weights, are the same ones, but for those that continue fields: on other axes
    periodically. The network itself where nothing is to be changed.
    """
    flags = tuple(map(bool, periodic))
    layers = network._flatten_layers(include_self=False, recursive=True)
    if all(x.periodic == flags for x in layers if hasattr(x, CONTINUED)):
        return network

    def shared(layer):
        if isinstance(layer, keras.Model):
            return continued(layer, flags)
        if not hasattr(layer, CONTINUED):
            return layer
        return type(layer).from_config(layer.get_config() | {CONTINUED: flags})

    return keras.models.clone_model(network, clone_function=shared, recursive=False)


def wrapped(x: tf.Tensor, axis: int, width: int) -> tf.Tensor:
    """`x` continued periodically by `width` cells at both ends of an axis."""

    def part(x, begin, end):
        return x[(slice(None),) * axis + (slice(begin, end),)]

    n = x.shape[axis]
    if n is not None and width <= n:
        return tf.concat([part(x, n - width, n), x, part(x, 0, width)], axis)
    n = tf.shape(x)[axis] if n is None else n
    copies = -(-width // n)
    tiles = tf.tile(x, [2 * copies + 1 if a == axis else 1 for a in range(x.shape.rank)])
    return part(tiles, copies * n - width, (copies + 1) * n + width)


@keras.saving.register_keras_serializable(package="phi_sol")
class Crop(keras.layers.Layer):
    """The first of two tensors, cut at the upper end of every axis to the size of the second."""

    def call(self, tensors: list[tf.Tensor]) -> tf.Tensor:
        x, like = tensors
        if x.shape[1:-1].is_fully_defined() and x.shape[1:-1] == like.shape[1:-1]:
            return x
        sizes = [s if s is not None else tf.shape(like)[a] for a, s in enumerate(like.shape[1:-1], 1)]
        return x[(slice(None), *(slice(0, n) for n in sizes))]

    def compute_output_shape(self, shapes):
        x, like = shapes
        return (x[0], *like[1:-1], x[-1])

    def get_config(self):  # Keras serialises a policy of precision only for layers that define this
        return super().get_config()


@dataclass(frozen=True)
class Layers:
    """
    Makes layers for one dimension, one set of boundaries and one precision, and applies them.

    Attributes:
        periodic: For each axis whether it is periodic. Convolutions continue the field accordingly, else by zeros.
        policy: Types of variables and computations.
        mirrored: Whether they continue it by its mirror image instead of zeros.
        apart: Whether layers of their own continue fields everywhere, so that `continued` can change that.

    Examples:
        >>> def tiny(layers, x, outputs):
        ...     x = layers.activate(layers.conv(x, filters=8, kernel=3))
        ...     return layers.last(x, outputs, kernel=3)
        >>> ps.networks.build_network(tiny, inputs=3, outputs=2, rank=2, periodic=True).count_params()
        370
    """

    periodic: tuple[bool, ...]
    policy: keras.DTypePolicy
    mirrored: bool = False
    apart: bool = False

    @property
    def rank(self) -> int:
        return len(self.periodic)

    def of_rank(self, name: str):
        """The class of Keras layers of this name in this dimension, e.g. `Conv` -> `Conv2D`."""
        return getattr(keras.layers, f"{name}{self.rank}D")

    def start(self, channels: int):
        """The input of a network: grids of any size, in the type of the variables, so that it is not rounded."""
        return keras.Input((None,) * self.rank + (channels,), dtype=self.policy.variable_dtype)

    def conv(self, x, filters: int, kernel: int, dilation: int = 1, **options):
        """Convolution that keeps the size of the grid."""
        options = {"dtype": self.policy, "dilation_rate": dilation} | options
        if not (any(self.periodic) or self.mirrored or self.apart) or kernel == 1:
            return self.of_rank("Conv")(filters, kernel, padding="same", **options)(x)
        x = Pad(dilation * (kernel // 2), self.periodic, self.mirrored, dtype=options["dtype"])(x)
        return self.of_rank("Conv")(filters, kernel, padding="valid", **options)(x)

    def last(self, x, filters: int, kernel: int):
        """The last convolution of a network: zero at the start, never in less than the precision of the variables."""
        return self.conv(x, filters, kernel, kernel_initializer="zeros", dtype=self.policy.variable_dtype)

    def activate(self, x):
        return keras.layers.LeakyReLU(negative_slope=SLOPE, dtype=self.policy)(x)

    def add(self, x, y):
        return keras.layers.Add(dtype=self.policy)([x, y])
