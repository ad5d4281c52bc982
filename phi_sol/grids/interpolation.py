"""Linear interpolation at displaced points of native arrays, by copies or gather, with gradients of its own."""

import functools
import itertools
import operator
from typing import Any

import numpy as np
from phi import math
from phi.math import DType
from phi.math.backend import Backend

from ..kernels import kernels_for


class Interpolation:
    """
    Values of arrays at `i + s`, i the sample points and s a displacement in cells:

        along each axis   (1 - r) f[i + c] + r f[i + c + 1],   c = floor(s), r = s - c.

    While |s| <= K, this is a sum over 2 K + 1 shifted copies per axis with the weights `1 - r` where c = o and `r`
    where c = o - 1 for the shift o. Otherwise the 2^d corners are gathered; one or the other for all values together,
    equal up to the order of summation. Beyond the padding the outermost values go on. The derivative by s is the slope
    of the interpolant, at sample points the one towards larger s. A NaN in s gives a NaN in its value only.
    """

    def __init__(self, backend: Backend, sizes: tuple[int, ...], periodic: tuple[bool, ...], reach: int, bits: int):
        """
        Args:
            backend: PhiML backend of the arrays.
            sizes: Sample points per axis.
            periodic: Whether an axis is periodic, per axis.
            reach: K; 0 for gathering always.
            bits: Floating-point precision of the arrays.
        """
        self.backend, self.kernels = backend, kernels_for(backend)
        self.sizes, self.periodic, self.reach = sizes, periodic, reach
        self._precise = math.precision(bits)  # a decorator: gradients are computed when the caller's choice is over
        self.width = max(reach, 1)  # of the padding that `f` needs

    def values(self, f, s: list, within):
        """
        Args:
            f: Shape (batch, *(n + 2 width)): the array, padded by its boundary conditions.
            s: Displacement per axis, shape (batch, *sizes) each.
            within: Boolean scalar; true only if |s| <= K everywhere.

        Returns:
            Shape (batch, *sizes).
        """
        ways = (self._blend, self._blend_gradient), (self._gather, self._gather_gradient)
        blend, gather = (self.kernels.with_gradient(*map(self._precise, way)) for way in ways)
        return self._choose(within, blend, gather, f, s)

    def values_and_range(self, f, s: list, within):
        """The same with the least and the greatest corner of each value, shape (3, batch, *sizes)."""
        return self._choose(within, self._blend_range, self._gather_range, f, s)

    def _choose(self, within, blend, gather, f, s: list):
        blend, gather = self._precise(blend), self._precise(gather)
        return self.kernels.branch(self.backend, within, blend, gather, f, *s) if self.reach else gather(f, *s)

    # --- shifted copies ---

    @property
    def _shifts(self) -> range:
        return range(-self.reach, self.reach + 1)

    def _weights(self, s: list) -> tuple[list, list, list]:
        """Per axis and shift: weight, its derivative with respect to s, and whether the copy is a corner."""
        backend, K = self.backend, self.reach

        def per_shift(lower, upper, join=operator.add):  # of the lower and of the upper corner, by cell
            return [lower[0], *map(join, lower[1:], upper[:-1]), upper[-1]]

        def each(value, cells, other):
            return [backend.where(cell, value, other) for cell in cells]

        weights, slopes, corners = [], [], []
        for x in s:
            cell = backend.minimum(backend.floor(x), K - 1)  # s = K is the upper end of the last cell
            r = x - cell
            zero, one = backend.zeros_like(r), backend.ones_like(r)
            at = [cell == o for o in range(-K, K)]
            weights.append(per_shift(each(1 - r, at, zero), each(r, at, zero)))
            slopes.append(per_shift(each(-one, at, zero), each(one, at, zero)))
            corners.append(per_shift(at, at, operator.or_))
        return weights, slopes, corners

    def _copy(self, f, shift: tuple[int, ...]):
        starts = [self.width + o for o in shift]
        return f[(slice(None), *(slice(i, i + n) for i, n in zip(starts, self.sizes, strict=True)))]

    def _blend(self, f, *s):
        weights, _, _ = self._weights(s)

        def total(axis: int, shift: tuple[int, ...]):  # nested, so that the inner sums need one weight a term
            if axis == len(s):
                return self._copy(f, shift)
            return sum(w * total(axis + 1, (*shift, o)) for w, o in zip(weights[axis], self._shifts, strict=True))

        return total(0, ())

    def _blend_gradient(self, f, *s_and_upstream):
        *s, upstream = s_and_upstream
        weights, slopes, _ = self._weights(s)

        def totals(axis: int, shift: tuple[int, ...]) -> list:
            """The sum over the remaining axes and its derivatives with respect to their displacements."""
            if axis == len(s):
                return [self._copy(f, shift)]
            inner = [totals(axis + 1, (*shift, o)) for o in self._shifts]
            sums = [sum(w * x[k] for w, x in zip(weights[axis], inner, strict=True)) for k in range(len(inner[0]))]
            return [sums[0], sum(w * x[0] for w, x in zip(slopes[axis], inner, strict=True)), *sums[1:]]

        def spread(axis: int, x):
            """The transpose of taking shifted copies: each share goes back to where it came from."""
            if axis == len(s):
                return x
            total, widths = 0, [(0, 0)] * (len(s) + 1)
            for w, o in zip(weights[axis], self._shifts, strict=True):
                widths[axis + 1] = self.width + o, self.width - o
                total = total + self.backend.pad(spread(axis + 1, x * w), tuple(widths), "constant", 0)
            return total

        return [spread(0, upstream), *[upstream * slope for slope in totals(0, ())[1:]]]

    def _blend_range(self, f, *s):
        backend = self.backend
        _, _, corners = self._weights(s)
        infinite = backend.zeros_like(s[0]) + np.inf
        low, high = infinite, -infinite
        for shift in itertools.product(self._shifts, repeat=len(s)):
            inside = functools.reduce(operator.and_, [c[o + self.reach] for c, o in zip(corners, shift, strict=True)])
            low = backend.minimum(low, backend.where(inside, self._copy(f, shift), infinite))
            high = backend.maximum(high, backend.where(inside, self._copy(f, shift), -infinite))
        return backend.stack([self._blend(f, *s), low, high], 0)

    # --- gather ---

    def _lookups(self, f, s) -> tuple[dict, list, list]:
        """Per corner the index into the flat array; per axis r, and its derivative by s (0 where clipped)."""
        backend, w = self.backend, self.width
        strides, r, moves = [int(np.prod(f.shape[axis + 2 :])) for axis in range(len(s))], [], []
        position: Any = 0
        for axis, (n, x) in enumerate(zip(self.sizes, s, strict=True)):
            index = np.arange(n).reshape([-1 if i == axis else 1 for i in range(len(s))])
            x = x + backend.cast(backend.as_tensor(index.astype(np.float64)), backend.dtype(x))
            if self.periodic[axis]:
                x = x - n * backend.floor(x / n)
                moves.append(backend.ones_like(x))
            else:
                moves.append(backend.cast((x >= -1) & (x <= n), backend.dtype(x)))
                x = backend.clip(x, -1, n)
            cell = backend.clip(backend.floor(x), 0 if self.periodic[axis] else -1, n - 1)
            cell = backend.where(backend.isfinite(cell), cell, backend.zeros_like(cell))  # a NaN stays in r
            r.append(x - cell)
            position = position + (backend.cast(cell, DType(int, 32)) + w) * strides[axis]
        index = backend.reshape(position, (position.shape[0], -1))
        corners = itertools.product((0, 1), repeat=len(s))
        return {c: index + int(np.dot(c, strides)) for c in corners}, r, moves

    def _corners(self, f, s) -> tuple[dict, list]:
        """Values by corner, and r per axis."""
        index, r, _ = self._lookups(f, s)
        flat = self.backend.reshape(f, (f.shape[0], -1))
        values = {c: self.kernels.gather(self.backend, flat, i) for c, i in index.items()}
        return {c: self.backend.reshape(v, s[0].shape) for c, v in values.items()}, r

    def _mix(self, corners: dict, r: list, corner: tuple[int, ...] = (), slope: int | None = None):
        """The interpolated value from those at the corners, or its derivative with respect to r of the axis `slope`."""
        axis = len(corner)
        if axis == len(r):
            return corners[corner]
        lower, upper = (self._mix(corners, r, (*corner, end), slope) for end in (0, 1))
        return upper - lower if axis == slope else (1 - r[axis]) * lower + r[axis] * upper

    def _gather(self, f, *s):
        return self._mix(*self._corners(f, s))

    def _gather_gradient(self, f, *s_and_upstream):
        *s, upstream = s_and_upstream
        backend = self.backend
        index, r, moves = self._lookups(f, s)
        corners, _ = self._corners(f, s)
        slopes = [upstream * m * self._mix(corners, r, slope=axis) for axis, m in enumerate(moves)]
        shares = []
        for corner in corners:
            share = upstream
            for end, x in zip(corner, r, strict=True):
                share = share * (x if end else 1 - x)
            shares.append(backend.reshape(share, (share.shape[0], -1)))
        size, index = int(np.prod(f.shape[1:])), backend.concat(list(index.values()), 1)
        spread = self.kernels.scatter_add(backend, index, backend.concat(shares, 1), size)
        return [backend.reshape(spread, f.shape), *slopes]

    def _gather_range(self, f, *s):
        corners, r = self._corners(f, s)
        low = high = next(iter(corners.values()))
        for value in corners.values():
            low, high = self.backend.minimum(low, value), self.backend.maximum(high, value)
        return self.backend.stack([self._mix(corners, r), low, high], 0)
