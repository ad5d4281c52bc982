"""Fourier series as means over intervals, against the sum and against numerical integration."""

import numpy as np
import pytest

from phi_sol.grids.fourier import half_of_space, series_means


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_half_of_space_has_one_of_each_pair(axes):
    numbers = [np.arange(-2, 3)] * axes
    periods = np.stack(np.meshgrid(*numbers, indexing="ij"), -1).reshape(-1, axes)
    kept = {tuple(p) for p in periods[half_of_space(periods)]}
    assert len(kept) == (5**axes - 1) // 2
    assert not any(tuple(-np.array(p)) in kept for p in kept)


def where(size, cells, faces):
    """Intervals of the cells along each axis, and single places along those of `faces`."""
    result = {}
    for d, n in cells.items():
        edges = np.linspace(0, size[d], n + 1)
        result[d] = (edges[:-1], edges[:-1]) if d in faces else (edges[:-1], edges[1:])
    return result


@pytest.mark.parametrize("faces", ["", "y", "yx"])
def test_means_are_integrals_also_of_waves_beyond_the_grid(faces):
    size, cells, rng = dict(y=3.0, x=2.0), dict(y=4, x=6), np.random.default_rng(0)
    periods = rng.integers(-9, 10, (12, 2))
    amplitudes = rng.standard_normal((12, 2)) @ (1, 1j)
    places, weights = np.polynomial.legendre.leggauss(20)
    found, total = series_means(periods, amplitudes, size, where(size, cells, faces)), 0.0
    points = []
    for lower, upper in where(size, cells, faces).values():
        points.append((lower[:, None] + upper[:, None] + (upper - lower)[:, None] * places) / 2)
    for m, a in zip(periods, amplitudes, strict=True):
        means = [np.exp(2j * np.pi * k * p / s) @ weights / 2 for k, p, s in zip(m, points, size.values(), strict=True)]
        total = total + (a * np.multiply.outer(*means)).real
    np.testing.assert_allclose(found, total, atol=1e-12)
