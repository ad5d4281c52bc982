"""Networks of convolutions that stay on the grid: ConvNet, ResNet and its relatives."""

import keras

from .layers import Layers


def convnet(layers: Layers, x, outputs: int):
    """
    The paper's ConvNet: three 5x5 convolutions, to 32 and 64 features and to the output, with ReLU between them. In 2D
    with 3 inputs and 2 outputs (25·3 + 1)·32 + (25·32 + 1)·64 + (25·64 + 1)·2 = 56 898 parameters; it sees 13 cells.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B. The layout is that of the smaller of the two
    networks in the authors' published programs for the wake and the forced advection, which we take to be the ConvNet
    of the text.
    """
    for filters in (32, 64):
        x = keras.layers.ReLU(dtype=layers.policy)(layers.conv(x, filters, 5))
    return layers.last(x, outputs, 5)


def _residual(layers: Layers, x, outputs: int, kernel: int):
    x = layers.activate(layers.conv(x, 32, kernel))
    for _ in range(5):
        y = layers.activate(layers.conv(x, 32, kernel))
        x = layers.activate(layers.add(x, layers.conv(y, 32, kernel)))
    return layers.last(x, outputs, kernel)


def resnet(layers: Layers, x, outputs: int):
    """
    The paper's ResNet: 5x5 convolution to 32 features, 5 residual blocks of two 5x5 convolutions, 5x5 convolution to
    the output; leaky ReLU after the first convolution, inside and after each block. In 2D with 3 inputs and 2 outputs
    (25·3 + 1)·32 + 10·(25·32 + 1)·32 + (25·32 + 1)·2 = 260 354 parameters, as in the paper; receptive field 49 cells.

    The slope of the leaky ReLU is 0.2; in the authors' program it is what was Keras's default then, 0.3.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.1.
    """
    return _residual(layers, x, outputs, kernel=5)


def small(layers: Layers, x, outputs: int):
    """
    `resnet` with 3x3 kernels, for CPUs. In 2D with 3 inputs and 2 outputs (9·3 + 1)·32 + 10·(9·32 + 1)·32 + (9·32 +
    1)·2 = 93 954 parameters; receptive field 25 cells.
    """
    return _residual(layers, x, outputs, kernel=3)


def dilated(layers: Layers, x, outputs: int):
    """
    Dilated ResNet: 3x3 convolution to 32 features, 4 residual blocks of seven 3x3 convolutions with dilations 1, 2, 4,
    8, 4, 2, 1 and a leaky ReLU after each, 3x3 convolution to the output. In 2D with 3 inputs and 2 outputs (9·3 +
    1)·32 + 28·(9·32 + 1)·32 + (9·32 + 1)·2 = 260 418 parameters; receptive field 1 + 2·(1 + 4·22 + 1) = 181 cells.

    Source: Stachenfeld et al., ICLR 2022 (arXiv:2112.15275), there with 48 features and ReLU; 32 as in `resnet`.
    """
    x = layers.conv(x, 32, 3)
    for _ in range(4):
        y = x
        for dilation in (1, 2, 4, 8, 4, 2, 1):
            y = layers.activate(layers.conv(y, 32, 3, dilation))
        x = layers.add(x, y)
    return layers.last(x, outputs, 3)
