"""
Random functions of space that a seed defines, as exact means over the cells and faces of any grid.

A value of a centred field is the mean over its cell, one of a staggered field over its face. Then the mean of the fine
values that tile a coarse one is the coarse one: initial states on the reference grid restrict to those on the source.
"""

from collections.abc import Callable

import numpy as np
from phi.field import Field
from phi.math import Tensor, convert, to_float
from scipy.special import erf

from .layout import Intervals, Layout


def wave_mean(lower: np.ndarray, upper: np.ndarray, number: float) -> np.ndarray:
    """Mean of exp(i k x) over each interval [lower, upper]; the value itself where the two are equal."""
    return np.exp(0.5j * number * (lower + upper)) * np.sinc(number * (upper - lower) / (2 * np.pi))


def gaussian_mean(lower: np.ndarray, upper: np.ndarray, center: float, width: float) -> np.ndarray:
    """Mean of exp(-(x - center)² / (2 width²)) over each interval [lower, upper]."""
    a, b = ((x - center) / (np.sqrt(2) * width) for x in (lower, upper))
    return width * np.sqrt(np.pi / 2) * (erf(b) - erf(a)) / (upper - lower)


def seeded_field(
    layout: Layout, seed: Tensor, means: Callable[[np.random.Generator, str, Intervals], np.ndarray]
) -> Field:
    """
    A field of random functions, one per seed, with the batch dimensions of `seed`.

    Args:
        layout: Gives grid and boundary.
        seed: Integers of at least 0, of any batch shape; they must be known, not traced.
        means: Called with (random generator of the seed, component or "", intervals); returns the means over the
            intervals. It draws the same numbers whatever the grid and the component.
    """
    seeds, arrays = seed.numpy([seed.shape]), {}
    for name, component in zip(layout.arrays, layout.components, strict=True):
        where = layout.intervals(component)
        arrays[name] = np.stack([means(np.random.default_rng(int(s)), component, where) for s in seeds])
    field = layout.to_field(arrays, seed.shape)
    return field.with_values(to_float(convert(field.values)))
