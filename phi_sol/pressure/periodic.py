"""The pressure in a box that is periodic along all axes, by one Fourier transform."""

from functools import partial, reduce
from typing import Any

import numpy as np
from phi.math.backend import Backend

from ..kernels import kernels_for


def inverse_eigenvalues(sizes: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """
    For each wave of a one-sided transform `1 / Σ_d (2 - 2 cos θ_d) / h_d²` with `θ_d = 2π k_d / n_d`, which solves
    `-∇² p = b`; zero for the mean, which is left out.
    """
    per_axis = [(2 - 2 * np.cos(2 * np.pi * np.arange(n) / n)) / h**2 for n, h in zip(sizes, spacing, strict=True)]
    per_axis[-1] = per_axis[-1][: sizes[-1] // 2 + 1]  # real values have half of the waves
    total = reduce(np.add.outer, per_axis)
    return np.divide(1, total, out=np.zeros_like(total), where=total > 0)


def project(backend: Backend, velocity: list, factors: np.ndarray, spacing: tuple[float, ...]) -> tuple[list, Any]:
    """
    `u - ∇p` and p with `∇²p = ∇·u`, in the precision of u: in single precision one application leaves a divergence of
    some 1e-7 max|p| / h², which is that of rounding u where u was divergence-free but for the forces of one step.

    Args:
        velocity: The components on the lower faces of the cells, shape (batch, *spatial), in the order of the axes.
        factors: See `inverse_eigenvalues`.
        spacing: Cell size by axis.
    """
    kernels = kernels_for(backend)
    axes = range(1, len(velocity) + 1)
    sources = sum((_rolled(backend, u, a, 1) - u) / h for u, a, h in zip(velocity, axes, spacing, strict=True))
    p = kernels.self_adjoint(backend, partial(_filtered, kernels, factors))(-sources)
    parts = [u - (p - _rolled(backend, p, a, -1)) / h for u, a, h in zip(velocity, axes, spacing, strict=True)]
    return parts, p


def _filtered(kernels, factors: np.ndarray, b):
    return kernels.filtered(b, factors)


def _rolled(backend: Backend, x, axis: int, shift: int):
    """Of each entry the next one (1) or the one before (-1), periodically."""
    before = (slice(None),) * axis
    # one layer more and a shifted view of that: XLA reads the view where it is needed, and writes a plain roll twice
    if shift == 1:
        return backend.concat([x, x[(*before, slice(None, 1))]], axis)[(*before, slice(1, None))]
    return backend.concat([x[(*before, slice(-1, None))], x], axis)[(*before, slice(None, -1))]
