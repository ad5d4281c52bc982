"""What a network is: its parameters, how far it sees, and what it costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import keras
import numpy as np

from ..errors import InputError
from .coarse import Fold, Unfold
from .fourier import Extend, SpectralConv
from .layers import Crop, Pad

RESOLUTION = {1: (64,), 2: (64, 32), 3: (32, 16, 16)}  # of the sources of the wakes
LINE = 4096  # cells of the line on which receptive fields are found

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
POOLINGS = (keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D)
REPETITIONS = (keras.layers.UpSampling1D, keras.layers.UpSampling2D, keras.layers.UpSampling3D)
POINTWISE = (keras.layers.LeakyReLU, keras.layers.ReLU, keras.layers.Add, keras.layers.Concatenate)


@dataclass(frozen=True)
class NetworkFacts:
    """
    Attributes:
        parameters: Number of trainable weights.
        receptive_field: Number of neighbouring input cells along an axis that one output cell depends on, where that
            differs between cells the largest; None for the whole domain, and where it is not known.
        flops_per_cell: Floating-point operations of one evaluation per cell of the grid: convolutions and Fourier sums,
            two per multiplication and addition, without biases, activations and sums. None where layers are not known.
        resolution: Grid of `flops_per_cell`, which makes a difference where a network pads or coarsens grids.

    Examples:
        >>> network = ps.networks.build_network("small", inputs=3, outputs=2, rank=2)
        >>> ps.networks.describe(network).receptive_field
        25
    """

    parameters: int
    receptive_field: int | None
    flops_per_cell: float | None
    resolution: tuple[int, ...]

    @property
    def sight(self) -> str:
        """The receptive field in words; `?` where it is not known."""
        if self.flops_per_cell is None:
            return "?"
        return "whole domain" if self.receptive_field is None else f"{self.receptive_field} cells"

    def __str__(self):
        seen = "the whole domain" if self.sight == "whole domain" else self.sight
        return f"{self.parameters} parameters" + (f", receptive field {seen}" if seen != "?" else "")


def describe(network: keras.Model, resolution: Sequence[int] | None = None) -> NetworkFacts:
    """
    The facts of a network, from its layers; of layers that phi_sol's networks don't have, only the parameters.

    Args:
        network: A network that `build_network` made, or a loaded one.
        resolution: Cells per axis; by default 64, 64x32 or 32x16x16. Another dimension is an InputError.

    Examples:
        >>> network = ps.networks.build_network("faster", inputs=3, outputs=2, rank=2)
        >>> ps.networks.describe(network, (128, 64)).flops_per_cell
        7488.0
    """
    inputs = getattr(network, "inputs", None)  # a subclassed model has none
    rank = len(inputs[0].shape) - 2 if inputs else len(resolution or ())
    resolution = RESOLUTION.get(rank, ()) if resolution is None else tuple(resolution)
    if len(resolution) != rank:
        raise InputError(f"The network is for {rank}D grids, not for {'x'.join(map(str, resolution))}.")
    weights = sum(prod(w.shape) for w in network.trainable_weights)
    try:
        field, flops = _followed(network, resolution)
    except Exception:  # whatever the layers of a user raise: facts that are only for show stop nothing
        return NetworkFacts(weights, None, None, resolution)
    return NetworkFacts(weights, None if field >= LINE else field, flops / prod(resolution), resolution)


def _followed(network: keras.Model, resolution: tuple[int, ...]) -> tuple[int, int]:
    """Receptive field and operations, found by following the layers from input to output."""
    start, (end,) = network.inputs[0], network.outputs
    shapes = {id(start): (1, *resolution, start.shape[-1])}
    first, last = ({id(start): np.arange(LINE)} for _ in range(2))
    flops = 0
    for layer in network.layers[1:]:
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        seen = [shapes[id(t)] for t in tensors]
        shape = shapes[id(layer.output)] = layer.compute_output_shape(seen if len(seen) > 1 else seen[0])
        for reach, extreme in ((first, np.min), (last, np.max)):
            reach[id(layer.output)] = _reach(layer, [reach[id(t)] for t in tensors], extreme)
        if isinstance(layer, CONVOLUTIONS):
            flops += 2 * prod(layer.kernel.shape) * prod(shape[1:-1])
        elif isinstance(layer, SpectralConv):
            flops += layer.flops(seen[0][1:])
    middle = slice(LINE // 4, -LINE // 4)
    return int((last[id(end)] - first[id(end)])[middle].max()) + 1, flops


def _reach(layer: keras.Layer, inputs: list[np.ndarray], extreme: Callable) -> np.ndarray:
    """
    First (`extreme` is np.min) or last (np.max) cell of the network's input that each cell of the layer's output
    depends on, from the same for the layer's inputs; along a line whose ends are too far to reach the middle.
    """
    x = inputs[0]
    if isinstance(layer, CONVOLUTIONS) and _is_plain(layer):
        taps, step = layer.kernel_size[0], layer.dilation_rate[0]
        if layer.padding == "same":
            x = np.pad(x, taps // 2 * step, mode="edge")
        n = len(x) - (taps - 1) * step
        return extreme([x[j * step : j * step + n] for j in range(taps)], axis=0)
    if isinstance(layer, POINTWISE):
        return extreme(inputs, axis=0)
    if isinstance(layer, POOLINGS) and {*layer.pool_size} == {*layer.strides} == {layer.pool_size[0]}:
        return extreme(x.reshape(-1, layer.pool_size[0]), axis=1)
    if isinstance(layer, Fold):
        return extreme(x.reshape(-1, layer.factor), axis=1)
    if isinstance(layer, Unfold):
        return np.repeat(x, layer.factor)
    if isinstance(layer, REPETITIONS):
        return np.repeat(x, np.ravel(layer.size)[0])
    if isinstance(layer, SpectralConv):
        return np.full_like(x, extreme((0, LINE - 1)))
    if isinstance(layer, Pad):
        return np.pad(x, layer.width, mode="edge")
    if isinstance(layer, Crop | Extend):  # the ends only
        return x
    raise NotImplementedError(f"The facts of a network with a layer of type {type(layer).__name__} are not known.")


def _is_plain(layer: keras.Layer) -> bool:
    """Whether a convolution has an odd number of taps, the same along all axes, and moves cell by cell."""
    same = all(len({*v}) == 1 for v in (layer.kernel_size, layer.dilation_rate))
    return same and layer.kernel_size[0] % 2 == 1 and {*layer.strides} == {1} and layer.padding != "causal"
