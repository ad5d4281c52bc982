"""
Random functions of space that a seed defines, as exact means over the cells and faces of any grid.

A value of a centred field is the mean over its cell, a value of a staggered field the mean over its face. The
mean of fine values that tile a coarse cell or face is then the coarse value: initial states on the reference
    grid restrict to those on the source grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from phi.field import Field
from phi.math import Tensor, dual, reshaped_tensor, spatial, stack, to_float
from scipy.special import erf

if TYPE_CHECKING:
    from ..flows.base import Flow

Intervals = dict[str, tuple[np.ndarray, np.ndarray]]
"""Lower and upper end per axis of all cells or faces; the two are equal along the normal of a face."""


def intervals(flow: Flow, name: str, component: str = "") -> Intervals:
    """
    Where the stored values of a field live.

    Args:
        flow: Gives the grid.
        name: Name of the field.
        component: Axis of a component of a staggered field.

    Returns:
        (lower, upper) per axis, in domain units.
    """
    result = {}
    for dim, n in flow.resolution.items():
        edges = np.linspace(0, flow.size[dim], n + 1)
        if dim == component:
            lower_stored, upper_stored = flow.templates[name].boundary.valid_outer_faces(dim)
            edges = edges[0 if lower_stored else 1 : None if upper_stored else -1]
            result[dim] = edges, edges
        else:
            result[dim] = edges[:-1], edges[1:]
    return result


def wave_mean(lower: np.ndarray, upper: np.ndarray, number: float) -> np.ndarray:
    """Mean of exp(i k x) over each interval [lower, upper]; the value itself where the two are equal."""
    return np.exp(0.5j * number * (lower + upper)) * np.sinc(number * (upper - lower) / (2 * np.pi))


def gaussian_mean(lower: np.ndarray, upper: np.ndarray, center: float, width: float) -> np.ndarray:
    """Mean of exp(-(x - center)² / (2 width²)) over each interval [lower, upper]."""
    a, b = ((x - center) / (np.sqrt(2) * width) for x in (lower, upper))
    return width * np.sqrt(np.pi / 2) * (erf(b) - erf(a)) / (upper - lower)


def seeded_field(
    flow: Flow, name: str, seed: Tensor, means: Callable[[np.random.Generator, str, Intervals], np.ndarray]
) -> Field:
    """
    A field of random functions, one per seed.

    Args:
        flow: Gives grid and boundary.
        name: Name of the field.
        seed: Integers of at least 0, of any batch shape; they must be known, not traced.
        means: Called with (random generator of the seed, component or "", intervals); returns the means over the
            intervals. It draws the same numbers whatever the grid and the component.

    Returns:
        Field with the batch dimensions of `seed`.
    """
    seeds = seed.numpy([seed.shape])

    def values(component: str) -> Tensor:
        where = intervals(flow, name, component)
        arrays = np.stack([means(np.random.default_rng(int(s)), component, where) for s in seeds])
        return to_float(reshaped_tensor(arrays, [seed.shape, *[spatial(d) for d in flow.resolution]]))

    if name not in flow.staggered:
        return flow.templates[name].with_values(values(""))
    return flow.templates[name].with_values(
        stack([values(d) for d in flow.resolution], dual(vector=list(flow.resolution)))
    )
