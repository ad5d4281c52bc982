"""One axis of the discrete Laplacian: its eigenvalues, its eigenvectors, and fast products with them."""

import numpy as np

from ..errors import InputError, quoted
from ..grids.layout import CLOSED, OPEN, PERIODIC


class Axis:
    """
    Minus the 1D Laplacian, `(K p)_i = (2 p_i - p_{i-1} - p_{i+1}) / h²`, and its orthonormal eigenbasis `K = V Λ Vᵀ`.

    Beyond an open side p = 0 in the next cell, beyond a closed one p has the value of the last cell. With j = 0..n-1:

        closed, closed     V_jk ~ cos(π k (j + 1/2) / n)              k = 0..n-1     θ = π k / n
        open, open         V_jk ~ sin(π (k + 1)(j + 1) / (n + 1))     k = 0..n-1     θ = π (k + 1) / (n + 1)
        closed, open       V_jk ~ cos((j + 1/2) θ)                    k = 0..n-1     θ = π (2 k + 1) / (2 n + 1)
        periodic           V_jk ~ cos(2π k j / n), sin(2π k j / n)    k = 0..n/2     θ = 2π k / n

    and the eigenvalues `2 (1 - cos θ) / h²`. The modes stand in the order in which the transforms deliver them.

    `forward` and `inverse` apply Vᵀ and V along the last dimension of an array in one of three ways: a dense product
    (`dense`); two of half the size for the even and the odd modes of an axis that is the same from both ends
    (`parity`); or a real fast Fourier transform (`fourier`; not for an axis that is closed at one end and open at the
    other).

    Source: G. Strang, "The discrete cosine transform", SIAM Review 41 (1999).
    """

    def __init__(self, size: int, spacing: float, lower: str, upper: str, way: str = "dense"):
        """
        Args:
            size: Number of cells n.
            spacing: Cell size h.
            lower: Side at the first cell: `open`, `closed` or `periodic`; `upper` at the last one.
            way: `dense`, `parity` or `fourier`.

        Raises:
            InputError: for an axis that is periodic on one side only, or a way that does not fit.
        """
        check_sides(lower, upper)
        if (way == "fourier" and lower != upper) or (way in ("fourier", "parity") and size % 2):
            raise InputError(f"No {way} transform for {size} cells between {lower!r} and {upper!r}.")
        self.size, self.spacing, self.lower, self.upper, self.way = size, spacing, lower, upper, way
        theta, basis = self._modes()
        order = np.arange(size)
        if way == "parity":
            symmetric = np.abs(basis - basis[::-1]).max(0) < 1e-6 * np.abs(basis).max()
            order = np.argsort(~symmetric, kind="stable")
        elif way == "fourier" and lower == CLOSED:  # see _cosine
            order = np.concatenate([np.arange(size // 2 + 1), np.arange(size - 1, size // 2, -1)])
        self.eigenvalues: np.ndarray = (2 - 2 * np.cos(theta[order])) / spacing**2
        self.basis: np.ndarray = basis[:, order]
        half = size // 2
        self._even, self._odd = self.basis[:half, : size - half], self.basis[:half, size - half :]

    def _modes(self) -> tuple[np.ndarray, np.ndarray]:
        n, j, k = self.size, np.arange(self.size)[:, None], np.arange(self.size)
        if self.lower == PERIODIC:
            below, shift = n // 2 + 1, 0.5 if self.way == "parity" else 0
            theta = 2 * np.pi * np.concatenate([k[:below], np.arange(1, n - below + 1)]) / n
            basis = np.cos(theta * (j + shift))
            basis[:, below:] = np.sin(theta[below:] * (j + shift))
            if self.way == "parity":
                basis[:, below - 1] = (-1.0) ** j[:, 0]
        elif self.lower == self.upper == CLOSED:
            theta = np.pi * k / n
            basis = np.cos(theta * (j + 0.5))
        elif self.lower == self.upper == OPEN:
            theta = np.pi * (k + 1) / (n + 1)
            basis = np.sin(theta * (j + 1))
        else:
            theta = np.pi * (2 * k + 1) / (2 * n + 1)
            basis = np.cos(theta * (j + 0.5))
            basis = basis[::-1] if self.lower == OPEN else basis
        return theta, basis / np.linalg.norm(basis, axis=0)

    def matrix(self) -> np.ndarray:
        """K as a dense matrix."""
        off = np.eye(self.size, k=1)
        if self.lower == PERIODIC:
            off[-1, 0] += 1  # also right for one and two cells
        K = 2 * np.eye(self.size) - off - off.T
        K[0, 0] -= self.lower == CLOSED
        K[-1, -1] -= self.upper == CLOSED
        return K / self.spacing**2

    def diagonal(self, others: np.ndarray) -> np.ndarray:
        """Diagonal of `(K + others) h²`, shape (n, *others.shape)."""
        diagonal = np.broadcast_to(2 + others * self.spacing**2, (self.size, *others.shape)).copy()
        diagonal[0] -= self.lower == CLOSED
        diagonal[-1] -= self.upper == CLOSED
        return diagonal

    def forward(self, backend, kernels, x):
        """Coefficients `Vᵀ x` along the last dimension."""
        if self.way == "fourier":
            return self._fourier(backend, kernels, x)
        if self.way == "parity":
            half = self.size // 2
            low, high = x[..., :half], backend.flip(x[..., half:], (x.ndim - 1,))
            parts = _times(backend, low + high, self._even), _times(backend, low - high, self._odd)
            return backend.concat(parts, x.ndim - 1)
        return _times(backend, x, self.basis)

    def inverse(self, backend, kernels, x):
        """Values `V x` of coefficients along the last dimension."""
        if self.way == "fourier":
            return self._fourier_inverse(backend, kernels, x)
        if self.way == "parity":
            first = self.size - self.size // 2
            even, odd = _times(backend, x[..., :first], self._even.T), _times(backend, x[..., first:], self._odd.T)
            return backend.concat([even + odd, backend.flip(even - odd, (x.ndim - 1,))], x.ndim - 1)
        return _times(backend, x, self.basis.T)

    # --- Fourier transforms ---

    def _fourier(self, backend, kernels, x):
        n, last = self.size, x.ndim - 1
        if self.lower == OPEN:
            return self._sine(backend, kernels, x)
        if self.lower == PERIODIC:
            (real, imaginary), scale = kernels.rfft(x), self._scale(n // 2)
            return backend.concat([real * scale, -imaginary[..., 1 : n // 2] * scale[1 : n // 2]], last)
        # Makhoul: a Fourier transform of the values in the order 0, 2, 4, ... 5, 3, 1, turned by w
        real, imaginary = kernels.rfft(backend.concat([x[..., ::2], backend.flip(x[..., 1::2], (last,))], last))
        cos, sin = self._turn()
        return backend.concat([real * cos + imaginary * sin, (real * sin - imaginary * cos)[..., 1 : n // 2]], last)

    def _fourier_inverse(self, backend, kernels, x):
        n, last = self.size, x.ndim - 1
        if self.lower == OPEN:
            return self._sine(backend, kernels, x)  # its own inverse
        first, second = x[..., : n // 2 + 1], x[..., n // 2 + 1 :]
        zero = backend.zeros_like(first[..., :1])
        if self.lower == PERIODIC:
            scale = self._scale(n // 2)
            return kernels.irfft(first / scale, backend.concat([zero, -second / scale[1 : n // 2], zero], last), n)
        cos, sin = self._turn()
        norm = cos**2 + sin**2
        c, s = first, backend.concat([zero, second, first[..., n // 2 :] * 1.0], last)
        # c = Re(w V), s = -Im(w V), so that V = conj(w) (c - i s) / |w|²
        v = kernels.irfft((c * cos + s * sin) / norm, (c * sin - s * cos) / norm, n)
        half = backend.stack([v[..., : n // 2], backend.flip(v[..., n // 2 :], (last,))], last + 1)
        return backend.reshape(half, x.shape)

    def _scale(self, period: int) -> np.ndarray:
        """The norms of the modes of the real transform, where those with a k that `period` divides stand alone."""
        return np.sqrt(np.where(np.arange(self.size // 2 + 1) % period == 0, 1, 2) / self.size)

    def _turn(self) -> tuple[np.ndarray, np.ndarray]:
        """Parts of the factor w = cos - i sin that turns the Fourier into the orthonormal cosine transform."""
        n, k, scale = self.size, np.arange(self.size // 2 + 1), self._scale(self.size)
        return scale * np.cos(np.pi * k / (2 * n)), scale * np.sin(np.pi * k / (2 * n))

    def _sine(self, backend, kernels, x):
        n, widths = self.size, [(0, 0)] * (x.ndim - 1)
        _, imaginary = kernels.rfft(backend.pad(x, (*widths, (1, n + 1)), "constant", 0))
        return -np.sqrt(2 / (n + 1)) * imaginary[..., 1 : n + 1]


def _times(backend, x, matrix: np.ndarray):
    return backend.tensordot(x, (x.ndim - 1,), backend.as_tensor(matrix), (0,))


def check_sides(lower: str, upper: str, dim: str = ""):
    """Raises InputError for an unknown kind of side, or an axis that is periodic at one end only."""
    for side in (lower, upper):
        if not (isinstance(side, str) and side in (OPEN, CLOSED, PERIODIC)):
            kinds = f"{OPEN!r}, {CLOSED!r} or {PERIODIC!r}"
            raise InputError(f"The sides of axis {dim!r} must be {kinds}, not {quoted(side)}.")
    if (lower == PERIODIC) != (upper == PERIODIC):
        raise InputError(f"Axis {dim!r} is periodic on both sides or on none, not {lower!r} and {upper!r}.")


def choose_way(size: int, lower: str, upper: str, fourier: bool) -> str:
    """The fastest way of an axis: where its sides allow it Fourier, if that pays, or parity; else dense."""
    if lower != upper or size % 2:
        return "dense"
    return "fourier" if fourier else "parity"
