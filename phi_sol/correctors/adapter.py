"""Grids <-> channels: the only place that knows the shapes of both."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from ..flows import Flow


@dataclass(frozen=True)
class Adapter:
    """
    Converts native arrays of a flow to the channels of a network and back.

    Every array becomes one channel on the grid of cells. A centred array keeps its cells. Of a staggered component the
    stored faces are taken in order, one a cell, without interpolation: where the grid stores one face less than cells
    (closed on both sides) the last cell gets zero, where it stores one more (open on both sides) the last face is left
    out and gets no correction. Parameters become channels that are constant in space.

    Attributes:
        resolution: Cells per axis, in order.
        inputs: Names of the arrays that the network sees.
        outputs: Names of the arrays that it corrects.
        parameters: Names of the parameters that it sees.
    """

    resolution: tuple[int, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: tuple[str, ...]

    @property
    def input_channels(self) -> int:
        return len(self.inputs) + len(self.parameters)

    def to_channels(self, arrays: dict[str, tf.Tensor], parameters: dict[str, tf.Tensor]) -> tf.Tensor:
        """Arrays (batch, *faces or cells) and parameters (batch,) as (batch, *resolution, input_channels)."""
        channels, column = [fit(arrays[n], self.resolution) for n in self.inputs], [-1] + [1] * len(self.resolution)
        constants = [tf.reshape(parameters[n], column) * tf.ones_like(channels[0]) for n in self.parameters]
        return tf.stack(channels + constants, -1)

    def from_channels(self, channels: tf.Tensor, like: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One array per output name, from (batch, *resolution, outputs), of the shapes of `like`."""
        return {n: fit(channels[..., i], like[n].shape[1:]) for i, n in enumerate(self.outputs)}


def fit(array: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Crops or zero-pads all but the first dimension of `array` at the upper end."""
    array = array[(slice(None), *(slice(0, n) for n in sizes))]
    missing = [(0, n - have) for n, have in zip(sizes, array.shape[1:], strict=True)]
    return tf.pad(array, [(0, 0), *missing]) if any(m for _, m in missing) else array


def periodic_axes(flow: Flow) -> tuple[bool, ...]:
    """
    Whether channels continue periodically beyond the ends of each axis: where all fields do. Along such an axis a grid
    stores as many faces as cells, so that a shift of the fields by whole cells is a shift of all channels.
    """
    return tuple(all(x.is_periodic(d) for x in flow.layouts.values()) for d in flow.resolution)
