"""Differences and means between neighbours on uniform grids: they need arrays and a spacing, but no flow."""

import numpy as np


def pair_means(values: np.ndarray, axis: int) -> np.ndarray:
    """Means of neighbours along an axis."""
    n = values.shape[axis]
    return (np.take(values, range(n - 1), axis) + np.take(values, range(1, n), axis)) / 2


def curl(inner: dict[str, np.ndarray], plane: tuple[str, str], axes: dict[str, int], spacing: dict[str, float]):
    """
    ∂u_b/∂a - ∂u_a/∂b for `plane` = (a, b), at the inner edges normal to both (in 2D: nodes); second order.

    Args:
        inner: Components a and b on the faces inside of the domain: n - 1 of n cells along their own axis, n along the
            other.
        plane: Names of the axes.
        axes: Array axis of each.
        spacing: Cell size along each.

    Returns:
        n - 1 entries along a and b.
    """
    a, b = plane
    return np.diff(inner[b], axis=axes[a]) / spacing[a] - np.diff(inner[a], axis=axes[b]) / spacing[b]
