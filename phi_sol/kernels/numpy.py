"""Kernels for NumPy arrays."""

import numpy as np

from .generic import Kernels


class NumpyKernels(Kernels):
    """Loops in Python over the rows, vectorised over everything else."""

    sweeps = True

    def gather(self, backend, values, index):
        return np.take_along_axis(np.broadcast_to(values, (len(index), values.shape[1])), index, 1)

    def sweep(self, b, lower, upper):
        p = np.empty_like(b)
        above = np.zeros_like(b[0])
        for i in range(len(b)):
            p[i] = above = b[i] + lower[i] * above
        for i in range(len(b) - 2, -1, -1):
            p[i] += upper[i] * p[i + 1]
        return p

    def rfft(self, x):
        spectrum = np.fft.rfft(x)
        return spectrum.real, spectrum.imag

    def irfft(self, real, imaginary, size):
        return np.fft.irfft(real + 1j * imaginary, size)

    def filtered(self, x, factors):
        axes = tuple(range(1, x.ndim))
        return np.fft.irfftn(np.fft.rfftn(x, axes=axes) * factors, x.shape[1:], axes)
