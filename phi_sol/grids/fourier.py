"""Fourier series in a periodic box, as exact means over the cells and faces of any grid."""

import numpy as np

from .layout import Intervals
from .sampling import wave_mean


def half_of_space(periods: np.ndarray) -> np.ndarray:
    """Of wave vectors (n, axes) one of each pair k and -k, and not zero, as a mask: a real function needs no more."""
    sign = np.zeros(len(periods), int)
    for column in periods.T:
        sign = np.where(sign == 0, np.sign(column), sign)
    return sign > 0


def series_means(periods: np.ndarray, amplitudes: np.ndarray, size: dict[str, float], where: Intervals) -> np.ndarray:
    """
    Means of `Re Σ_m a_m exp(2πi m·x / L)` over intervals of a uniform periodic grid: one Fourier transform.

    Args:
        periods: Integers m, shape (n, axes), in the order of `where`.
        amplitudes: Complex a_m, shape (n,).
        size: L by axis.
        where: Intervals of all values along each axis, as many as there are cells.
    """
    shape = tuple(len(lower) for lower, _ in where.values())
    values = np.asarray(amplitudes, complex)
    for m, (d, (lower, upper)) in zip(periods.T, where.items(), strict=True):
        numbers = 2 * np.pi * m / size[d]
        values = values * wave_mean(lower[0], upper[0], numbers)  # type: ignore[arg-type]  # one interval, many waves
    spectrum = np.zeros(shape, complex)
    np.add.at(spectrum, tuple(m % n for m, n in zip(periods.T, shape, strict=True)), values)  # waves beyond the grid
    return np.fft.ifftn(spectrum).real * np.prod(shape)
