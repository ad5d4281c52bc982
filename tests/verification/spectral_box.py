"""A pseudo-spectral solver of the periodic box, independent of phi_sol: Fourier series in NumPy and SciPy, float64."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft


class SpectralBox:
    """
    ∂u/∂t = P(-∇·(u u) + f) + ν ∇²u - μ u on [0, 2π]^d, P the projection onto ∇·u = 0. Products are formed on n^d
    points and cut off at n / 3 ("2/3 rule"); the classical Runge-Kutta method of fourth order in time, with viscosity
    and drag by their exact exponentials. A state is the array of the Fourier coefficients, of shape (d, n, ..., n/2+1);
    component i points along axis i.
    """

    def __init__(self, n: int, dims: int, viscosity: float, drag: float = 0.0, forcing: Callable | None = None):
        """`forcing`: of the coordinates along the axes, returns one array per component."""
        self.n, self.dims, self.axes = n, dims, tuple(range(-dims, 0))
        self.k = wave_numbers(n, dims)
        self.squares = sum(k**2 for k in self.k)
        self.kept = np.all(np.broadcast_arrays(*[np.abs(k) < n / 3 for k in self.k]), axis=0)
        self.decay = viscosity * self.squares + drag
        self.force = np.zeros((dims, *self.squares.shape))
        if forcing is not None:
            points = np.meshgrid(*[2 * np.pi * np.arange(n) / n] * dims, indexing="ij")
            values = [np.broadcast_to(f, points[0].shape) for f in forcing(*points)]
            self.force = self.projected(self._transform(np.array(values)))

    def _transform(self, values: np.ndarray) -> np.ndarray:
        return fft.rfftn(values, axes=self.axes, norm="forward")

    def points(self, state: np.ndarray) -> np.ndarray:
        """Velocity at x_i = 2π i / n."""
        return fft.irfftn(state, [self.n] * self.dims, axes=self.axes, norm="forward")

    def projected(self, state: np.ndarray) -> np.ndarray:
        """Without what is not divergence-free, and without what is cut off."""
        along = sum(k * u for k, u in zip(self.k, state, strict=True)) / np.where(self.squares == 0, 1, self.squares)
        return np.array([(u - k * along) * self.kept for k, u in zip(self.k, state, strict=True)])

    def rate(self, state: np.ndarray) -> np.ndarray:
        u = self.points(state)
        flux = {(i, j): self._transform(u[i] * u[j]) for i in range(self.dims) for j in range(i + 1)}
        pairs = [[flux[max(i, j), min(i, j)] for j in range(self.dims)] for i in range(self.dims)]
        transport = [-1j * sum(k * p for k, p in zip(self.k, row, strict=True)) for row in pairs]
        return self.projected(np.array(transport)) + self.force

    def step(self, state: np.ndarray, dt: float) -> np.ndarray:
        half = np.exp(-self.decay * dt / 2)
        a = self.rate(state)
        b = self.rate(half * (state + dt / 2 * a))
        c = self.rate(half * state + dt / 2 * b)
        d = self.rate(half * (half * state + dt * c))
        return half * (half * (state + dt / 6 * a) + dt / 3 * (b + c)) + dt / 6 * d

    def run(self, state: np.ndarray, dt: float, steps: int) -> np.ndarray:
        for _ in range(steps):
            state = self.step(state, dt)
        return state

    def energy_and_dissipation(self, state: np.ndarray) -> tuple[float, float]:
        """Means of u² / 2 and of (ν k² + μ) u²."""
        weights = np.where(self.k[-1] == 0, 1, 2)  # half of the waves is not stored
        power = weights * np.sum(np.abs(state) ** 2, axis=0)
        return float(power.sum() / 2), float((self.decay * power).sum())


def wave_numbers(n: int, dims: int) -> list[np.ndarray]:
    """Per axis, to be broadcast over the coefficients of real fields of n^dims points."""
    ends = [fft.fftfreq(n, 1 / n)] * (dims - 1) + [fft.rfftfreq(n, 1 / n)]
    return [k.reshape([-1 if a == b else 1 for b in range(dims)]) for a, k in enumerate(ends)]


def resized(state: np.ndarray, n: int) -> np.ndarray:
    """The coefficients for n^d points: short waves are left out, or zero."""
    dims, old = state.ndim - 1, state.shape[1]
    most = (min(n, old) - 1) // 2
    low = np.r_[0 : most + 1, -most:0]
    result = np.zeros((dims, *[n] * (dims - 1), n // 2 + 1), complex)
    where = (*[low] * (dims - 1), np.arange(most + 1))
    for component, values in zip(result, state, strict=True):
        component[np.ix_(*where)] = values[np.ix_(*where)]
    return result


def _means(n: int, dims: int) -> list[np.ndarray]:
    """What makes means over faces of values: a face of a component reaches from i to i + 1 along the other axes."""
    shift = [np.exp(1j * np.pi * k / n) * np.sinc(k / n) for k in wave_numbers(n, dims)]
    return [np.prod(np.broadcast_arrays(*shift[:c], *shift[c + 1 :]), axis=0) for c in range(dims)]


def from_faces(faces: Sequence[np.ndarray], n: int) -> np.ndarray:
    """
    Coefficients on n^d points of a velocity of which the means over the faces of a staggered grid are known; exact for
    waves shorter than which the grid has none.
    """
    size, dims = faces[0].shape[0], faces[0].ndim
    means = _means(size, dims)
    spectra = [fft.rfftn(np.float64(u), norm="forward") / m for u, m in zip(faces, means, strict=True)]
    return resized(np.array(spectra), n)


def to_faces(state: np.ndarray, size: int) -> list[np.ndarray]:
    """The means over the faces of a staggered grid of size^d cells, exact if the grid has all waves of the state."""
    dims = state.ndim - 1
    spectra = zip(resized(state, size), _means(size, dims), strict=True)
    return [fft.irfftn(u * m, [size] * dims, norm="forward") for u, m in spectra]


def to_vorticity(state: np.ndarray) -> np.ndarray:
    """ω = ∂u_y/∂x - ∂u_x/∂y at the points, of a 2D state with the axes y, x."""
    n = state.shape[1]
    ky, kx = wave_numbers(n, 2)
    return fft.irfftn(1j * (kx * state[0] - ky * state[1]), [n, n], norm="forward")


def from_vorticity(vorticity: np.ndarray) -> np.ndarray:
    """The 2D state without a mean flow of a vorticity at the points, axes y, x."""
    ky, kx = wave_numbers(len(vorticity), 2)
    squares = ky**2 + kx**2
    spectrum = fft.rfftn(np.float64(vorticity), norm="forward") / np.where(squares == 0, 1, squares)
    return np.array([-1j * kx * spectrum, 1j * ky * spectrum])
