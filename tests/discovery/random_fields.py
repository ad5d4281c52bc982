"""Smooth random fields in a periodic box, known everywhere: sums of a few waves."""

import numpy as np

from phi_sol import Samples

SIZE = 2 * np.pi


class Waves:
    """Real sums of waves up to a wave number, one per frame, from a seed."""

    def __init__(self, seed, frames: int = 2, most: int = 3):
        rng, self.k = np.random.default_rng(seed), np.arange(-most, most + 1)
        parts = rng.normal(size=(2, frames, len(self.k), len(self.k)))
        self.amplitudes = (parts[0] + 1j * parts[1]) * np.exp(-0.2 * (self.k[:, None] ** 2 + self.k**2))

    def at(self, y, x, factor=1.0) -> np.ndarray:
        """Values at points of a grid; `factor` multiplies the amplitude of each wave."""
        waves = [np.exp(1j * np.outer(self.k, where)) for where in (y, x)]
        return np.einsum("fab,ay,bx->fyx", self.amplitudes * factor, *waves).real

    def velocity(self, points) -> tuple[np.ndarray, np.ndarray]:
        """u_y = ∂ψ/∂x and u_x = -∂ψ/∂y, which have no divergence."""
        return self.at(points, points, 1j * self.k), self.at(points, points, -1j * self.k[:, None])


def velocities(seed: int, simulations: int, cells: int = 24, frames: int = 2) -> dict[str, np.ndarray]:
    points = np.arange(cells) * SIZE / cells
    pairs = [Waves([seed, i], frames).velocity(points) for i in range(simulations)]
    return {"u.y": np.stack([y for y, _ in pairs]), "u.x": np.stack([x for _, x in pairs])}


def flow_samples(seed: int, simulations: int, **options) -> Samples:
    fields = velocities(seed, simulations, **options)
    return Samples(fields, {"y": SIZE, "x": SIZE}, divergence_free="u")
