"""Kernels from PhiML's own operations: right on every backend, fast on none."""

from collections.abc import Callable

import numpy as np
from phi.math.backend import Backend


class Kernels:
    """Operations on native arrays of one backend."""

    sweeps = False
    """Whether loops over the rows of a grid (`sweep`) and real Fourier transforms are there and pay off."""

    def constant(self, backend: Backend, array: np.ndarray):
        """A NumPy array as a native one."""
        return backend.as_tensor(array)

    def branch(self, backend: Backend, condition, yes: Callable, no: Callable, *inputs):
        """
        `yes(*inputs)` if the scalar `condition` holds, else `no(*inputs)`: the same differentiable function of the
        inputs, computed in two ways. Here: `no` in a trace, where the condition is not known yet.
        """
        known = backend.is_available(condition) and bool(backend.numpy(condition))
        return yes(*inputs) if known else no(*inputs)

    def gather(self, backend: Backend, values, index):
        """`values[b, index[b, i]]`, for values of shape (batch, n) and index of shape (batch, m)."""
        return backend.batched_gather_nd(values[:, :, None], index[:, :, None])[:, :, 0]

    def scatter_add(self, backend: Backend, index, values, size: int):
        """The transpose of `gather`: an array of shape (batch, size) in which values of the same index are summed."""
        raise NotImplementedError

    def with_gradient(self, function: Callable, gradient: Callable) -> Callable:
        """
        `function(*inputs)` with the vector-Jacobian products `gradient(*inputs, upstream)`; here: with the gradient of
        its parts. A function of several results takes one upstream for each.
        """
        return function

    def compiled(self, function: Callable) -> Callable:
        """`function` as one compiled unit, made anew for other shapes; here: as it is."""
        return function

    def self_adjoint(self, backend: Backend, function: Callable) -> Callable:
        """A linear and self-adjoint `function` with itself as its gradient; here: with the gradient of its parts."""
        return function

    def sweep(self, b, lower, upper):
        """
        Gaussian elimination row by row: `y_i = b_i + lower_i y_{i-1}` downwards, then `p_i = y_i + upper_i p_{i+1}`
        upwards, for b of shape (rows, batch, columns), lower and upper of shape (rows, 1, columns).
        """
        raise NotImplementedError

    def rfft(self, x):
        """Real and imaginary part of the one-sided Fourier transform along the last axis."""
        raise NotImplementedError

    def irfft(self, real, imaginary, size: int):
        """The inverse of `rfft`, with `size` values along the last axis."""
        raise NotImplementedError

    def filtered(self, x, factors):
        """
        `x` with its Fourier modes along all axes but the first times real `factors`, of the shape of the one-sided
        transform: in one transform there and one back.
        """
        raise NotImplementedError
