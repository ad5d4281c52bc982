"""U-Nets: convolutions on grids of four or five sizes."""

from collections.abc import Sequence

import keras

from .layers import Crop, Layers


def unet(layers: Layers, x, outputs: int, features: Sequence[int] = (16, 32, 64, 64)):
    """
    U-Net with four levels of 16, 32, 64 and 64 features: two 3x3 convolutions with leaky ReLU on each level on the way
    down (means over 2x2 cells in between) and again on the way up, where the coarser level, each cell copied to 2x2, is
    put beside the features of the way down; 3x3 convolution to the output. Receptive field 100 cells. In 2D with 3
    inputs and 2 outputs 303 122 parameters: 2 768 + 13 888 + 55 424 + 73 856 on the way down, 110 720 + 36 928 + 9 248
    on the way up, 290 at the end.

    Any grid size: an odd number of cells leaves the last one a coarse cell for itself, which is cut off again on the
    way up. Along a periodic axis whose number of cells is a multiple of 8 the network commutes with shifts by 8 cells,
    not by others; along a periodic axis with another number of cells there is a seam at the last ones.

    Source: Ronneberger et al. 2015 (arXiv:1505.04597), with padding, fewer features and means in place of maxima.
    """

    def twice(x, filters):
        for _ in range(2):
            x = layers.activate(layers.conv(x, filters, 3))
        return x

    skips = []
    for filters in features[:-1]:
        x = twice(x, filters)
        skips.append(x)
        x = layers.of_rank("AveragePooling")(2, padding="same", dtype=layers.policy)(x)
    x = twice(x, features[-1])
    for filters, skip in zip(features[-2::-1], reversed(skips), strict=True):
        x = Crop(dtype=layers.policy)([layers.of_rank("UpSampling")(2, dtype=layers.policy)(x), skip])
        x = twice(keras.layers.Concatenate(dtype=layers.policy)([x, skip]), filters)
    return layers.last(x, outputs, 3)


def deep_unet(layers: Layers, x, outputs: int):
    """
    The U-Net with a fifth level of 64 features: two more convolutions on the way down (73 856 weights) and on the way
    up (110 720). In 2D with 3 inputs and 2 outputs 487 698 parameters. Receptive field 204 cells. For what depends on
    the whole domain, such as a pressure.
    """
    return unet(layers, x, outputs, (16, 32, 64, 64, 64))
