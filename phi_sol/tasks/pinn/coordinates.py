"""Networks of time and place, one for each simulation, and their derivatives."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

DEPTH, WIDTH, WAVES = 4, 64, 3


def feature_count(axes: int) -> int:
    return 1 + 2 * WAVES * axes


def initial_weights(simulations: int, axes: int, outputs: int, seed: int) -> list[np.ndarray]:
    """
    Weights and biases, layer by layer, shape (simulations, in, out) and (simulations, out): uniform within
    sqrt(6 / (in + out)) (Glorot and Bengio 2010), biases zero.
    """
    rng, sizes, result = np.random.default_rng(seed), [feature_count(axes), *[WIDTH] * DEPTH, outputs], []
    for before, after in pairwise(sizes):
        bound = (6 / (before + after)) ** 0.5
        weights = rng.uniform(-bound, bound, (simulations, before, after))
        result += [weights.astype(np.float32), np.zeros((simulations, after), np.float32)]
    return result


def features(time: tf.Tensor, angles: tf.Tensor, derivatives: bool = False) -> tf.Tensor:
    """
    What the networks see of points: the time, and sine and cosine of the angle of every axis and its first multiples,
    so that they are periodic.

    Args:
        time: Shape (points,).
        angles: 2π x / L, shape (points, axes).
        derivatives: Whether derivatives follow: with respect to time, then the first and the second ones to all axes.

    Returns:
        Shape (rows, points, features): one row, or 2 + 2 axes.
    """
    numbers = tf.range(1, WAVES + 1, dtype=angles.dtype)
    phase = angles[:, :, None] * numbers
    sine, cosine = tf.sin(phase), tf.cos(phase)
    blocks = tf.concat([sine, cosine], -1)  # points, axes, 2 WAVES
    points, axes = angles.shape
    rows = [tf.concat([time[:, None], tf.reshape(blocks, [points, -1])], 1)]
    if derivatives:
        nothing = tf.zeros_like(time)[:, None]
        rows.append(tf.concat([nothing + 1, tf.zeros_like(rows[0][:, 1:])], 1))
        first = tf.concat([numbers * cosine, -numbers * sine], -1)
        second = -tf.concat([numbers**2, numbers**2], 0) * blocks
        for change in (first, second):
            for axis in range(axes):
                own = tf.one_hot(axis, axes, dtype=angles.dtype)[:, None]
                rows.append(tf.concat([nothing, tf.reshape(change * own, [points, -1])], 1))
    return tf.stack(rows)


def outputs_of(weights: Sequence[tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
    """
    What the networks make of `features`, with the derivatives that these have: through every layer by the chain rule,

        a = tanh z,   a' = (1 - a²) z',   a'' = (1 - a²) z'' - 2 a (1 - a²) z'²

    Returns:
        Shape (simulations, rows, points, outputs).
    """
    count, points = rows.shape[:2]
    axes, layers = max(0, (count - 2) // 2), list(zip(weights[::2], weights[1::2], strict=True))
    jets = rows[None]
    for number, (weight, bias) in enumerate(layers, 1):
        flat = tf.reshape(jets, [jets.shape[0], count * points, jets.shape[-1]])
        z = tf.reshape(flat @ weight, [weight.shape[0], count, points, weight.shape[-1]])
        value = z[:, :1] + bias[:, None, None]
        if number == len(layers):
            return tf.concat([value, z[:, 1:]], 1)
        a = tf.tanh(value)
        slope = 1 - a**2
        parts = [a]
        if axes:
            parts += [slope * z[:, 1 : 2 + axes], slope * (z[:, 2 + axes :] - 2 * a * z[:, 2 : 2 + axes] ** 2)]
        jets = tf.concat(parts, 1)
    raise ValueError("There are no layers.")
