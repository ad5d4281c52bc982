"""Channels without dimension in mirrors, and with axes exchanged: what a network sees of a flow that is turned."""

from itertools import combinations

import tensorflow as tf

from ..flows import Flow

SIDES = ("sticking", "slipping", "inlet", "open")
TURNED = "mirrored"
"""
A parameter that simulations may have: axes that the network sees in a mirror, as a sum of 2^axis; on squares plus 2^2
where it sees x for y and y for x before.
"""


def turned(channels: tf.Tensor, dims: list[str], axis: int, form: str | None = None) -> tf.Tensor:
    """Input channels (or what a network gives, in a form) as seen in a mirror across an axis."""
    order, signs = _mirror(tuple(dims), axis, form)
    channels = tf.reverse(channels, [1 + axis])
    return tf.gather(channels, order, axis=-1) * tf.constant(signs, channels.dtype)


def turned_by(channels: tf.Tensor, dims: list[str], bits: tf.Tensor, form: str | None = None) -> tf.Tensor:
    """
    Each simulation as its number says, see `TURNED`, which is undone by `turned_back`. Of what a network gives only
    squares can be exchanged.
    """
    if _is_square(channels, dims):
        channels = _chosen(bits, len(dims), _exchanged(channels, form), channels)
    for axis in range(len(dims)):
        channels = _chosen(bits, axis, turned(channels, dims, axis, form), channels)
    return channels


def turned_back(channels: tf.Tensor, dims: list[str], bits: tf.Tensor, form: str | None = None) -> tf.Tensor:
    """The inverse of `turned_by`."""
    for axis in range(len(dims)):
        channels = _chosen(bits, axis, turned(channels, dims, axis, form), channels)
    if _is_square(channels, dims):
        channels = _chosen(bits, len(dims), _exchanged(channels, form), channels)
    return channels


def turns(flow: Flow) -> int:
    """
    In how many ways a network may look at a flow: in the mirrors of all axes, and on squares of square cells that go on
    alike along both axes (all periodic or none) with both axes exchanged. Without the last, streams of one direction
    stay what they are.
    """
    dims, cells, sizes = len(flow.size), {*flow.resolution.values()}, {*flow.spacing.values()}
    alike = {flow.layouts["velocity"].is_periodic(d) for d in flow.size}
    return 2**dims * (2 if dims == 2 and len(cells) == len(sizes) == len(alike) == 1 else 1)


def _chosen(bits: tf.Tensor, place: int, there: tf.Tensor, here: tf.Tensor) -> tf.Tensor:
    """Of each simulation the one or the other, by a binary place of its number."""
    seen = tf.cast(bits, tf.int32) // 2**place % 2 == 1
    return tf.where(tf.reshape(seen, [-1] + [1] * (here.shape.rank - 1)), there, here)


def _is_square(channels: tf.Tensor, dims: list[str]) -> bool:
    return len(dims) == 2 and channels.shape[1] == channels.shape[2]


def _exchanged(channels: tf.Tensor, form: str | None = None) -> tf.Tensor:
    """Both axes of a square exchanged."""
    count, channels = channels.shape[-1], tf.transpose(channels, [0, 2, 1, 3])
    order = list(range(count))
    if form == "stress":  # of the axes, then of both
        order[:2] = [1, 0]
    elif form != "viscosity":
        firsts = (0,) if form == "increment" else (0, 4, 9)  # of the channels that faces have
        for k in firsts:
            order[k : k + 4] = [k + 2, k + 3, k, k + 1]
    return tf.gather(channels, order, axis=-1)


def _mirror(dims: tuple[str, ...], axis: int, form: str | None) -> tuple[list[int], list[float]]:
    if form == "viscosity":
        return [0], [1.0]
    if form == "stress":
        mixed = list(combinations(dims, 2))  # in the order of `grids.strain.pairs_of`
        signs = [1.0] * len(dims) + [-1.0 if dims[axis] in pair else 1.0 for pair in mixed]
        return list(range(len(signs))), signs
    count = 2 * len(dims)
    faces = [2 * axis + 1 if k == 2 * axis else 2 * axis if k == 2 * axis + 1 else k for k in range(count)]
    flips = [-1.0 if k // 2 == axis else 1.0 for k in range(count)]
    if form == "increment":
        return faces, flips
    order = [*faces, *(count + k for k in faces), 2 * count, *(2 * count + 1 + k for k in faces)]
    rest = list(range(3 * count + 1, 3 * count + 2 + len(SIDES)))
    return [*order, *rest], [*flips, *flips, 1.0, *[1.0] * count, *[1.0] * len(rest)]
