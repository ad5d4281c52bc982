"""
Convolutional networks as Keras models: channels in, channels out, on any grid size.

Every builder takes (input channels, output channels, spatial rank) and ends in a layer whose weights start at zero, so
that an untrained corrector leaves the source solver as it is.
"""

from collections.abc import Callable
from difflib import get_close_matches

import keras

from ..errors import InputError

SLOPE = 0.2  # the one slope that TensorFlow's fused kernels get right behind an addition, see stepping.py


def _resnet(inputs: int, outputs: int, rank: int, kernel: int, filters: int, blocks: int, name: str) -> keras.Model:
    conv_layer = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[rank]

    def conv(n, **kwargs):
        return conv_layer(n, kernel, padding="same", **kwargs)

    def activate(x):
        return keras.layers.LeakyReLU(negative_slope=SLOPE)(x)

    start = keras.Input((None,) * rank + (inputs,), dtype=keras.config.dtype_policy().compute_dtype)
    x = activate(conv(filters)(start))
    for _ in range(blocks):
        y = activate(conv(filters)(x))
        x = activate(keras.layers.Add()([x, conv(filters)(y)]))
    end = conv(outputs, kernel_initializer="zeros")(x)
    return keras.Model(start, end, name=name)


def resnet(inputs: int, outputs: int, rank: int = 2) -> keras.Model:
    """
    The paper's ResNet: 5x5 convolution to 32 features, 5 residual blocks of two 5x5 convolutions, 5x5 convolution to the
    output; leaky ReLU (slope 0.2), zero padding. About 260 000 parameters in 2D (260 354 for 3 inputs and 2 outputs), receptive
    field 49 cells.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.1.
    """
    return _resnet(inputs, outputs, rank, kernel=5, filters=32, blocks=5, name="resnet")


def small(inputs: int, outputs: int, rank: int = 2) -> keras.Model:
    """
    The paper's ResNet with 3x3 kernels, for CPUs: about 94 000 parameters in 2D (93 954 for 3 inputs and 2 outputs),
    receptive field 25 cells.
    """
    return _resnet(inputs, outputs, rank, kernel=3, filters=32, blocks=5, name="small")


NETWORKS: dict[str, Callable[[int, int, int], keras.Model]] = {"resnet": resnet, "small": small}


def build_network(name: str, inputs: int, outputs: int, rank: int, seed: int = 0) -> keras.Model:
    """
    A network by name, with weights drawn from `seed`.

    Raises:
        InputError: for an unknown name.
    """
    if name not in NETWORKS:
        close = get_close_matches(name, NETWORKS, 1)
        raise InputError(f"Unknown network {name!r}.{f' Did you mean {close[0]!r}?' if close else ''} Known: {', '.join(NETWORKS)}.")
    keras.utils.set_random_seed(seed)
    return NETWORKS[name](inputs, outputs, rank)
