"""Poisson problems taken from recorded simulations, and how many iterations they need."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from phi.math import NUMPY

from ...errors import InputError
from ...pressure.cg import Recurrence, iterate
from ...pressure.laplace import MaskedLaplace
from ...storage.dataset import Dataset

MOST = 1000  # iterations


@dataclass(frozen=True)
class Problems:
    """
    Poisson problems `∇²p = ∇·u*` of steps of simulations.

    Attributes:
        divergence: ∇·u*, shape (samples, *spatial), float64, with zero mean over the cells of the box.
        pressure: p as it was recorded, float64.
        previous: That of the step before.
        places: Simulation and frame of each.
    """

    divergence: np.ndarray
    pressure: np.ndarray
    previous: np.ndarray
    places: list[tuple[int, int]]


def problems_of(
    data: Dataset, count: int, simulations: Sequence[int] | None = None, frames: int | None = None
) -> Problems:
    """
    At most `count` problems, evenly from the (first so many) frames after frame 0 of all (or the given) simulations.
    Raises InputError if a frame has no divergence at all: nothing is to be solved then.
    """
    chosen, frames = list(range(len(data))) if simulations is None else list(simulations), frames or data.frames
    per_simulation = max(1, min(frames, count // len(chosen)))
    at = np.unique(np.linspace(frames / per_simulation, frames, per_simulation).astype(int))
    places = [(s, int(f)) for s in chosen for f in at][: max(count, 1)]
    rows, columns = (list(x) for x in zip(*places, strict=True))
    divergence = data.arrays["divergence"][rows, columns].astype(np.float64)
    divergence -= divergence.mean(tuple(range(1, divergence.ndim)), keepdims=True)  # the rounding of float32
    if not np.abs(divergence).reshape(len(divergence), -1).max(1).all():
        raise InputError("The simulations hold a frame without any divergence: there is nothing to solve.")
    pressures, before = data.arrays["pressure"], [c - 1 for c in columns]
    pressure, previous = (pressures[rows, at].astype(np.float64) for at in (columns, before))
    return Problems(divergence, pressure, previous, places)


def residual_history(operator: MaskedLaplace, b: np.ndarray, guess: np.ndarray | None, tolerance: float) -> np.ndarray:
    """
    max |b - K p_i| over cells after i = 0, 1, 2, ... iterations of conjugate gradients in float64, down to `tolerance`.
    Shape (samples, iterations + 1), NaN after a sample has reached the tolerance.
    """
    recurrence = Recurrence(NUMPY, lambda p: operator(NUMPY, p))
    guess = None if guess is None else guess.astype(np.float64)
    bound = np.full((len(b), *[1] * (b.ndim - 1)), tolerance)
    history = iterate(recurrence, b, guess, bound, MOST, "max", keep_history=True).history
    return history[:, : max(1, int(np.isfinite(history).sum(1).max()))]


def iterations_needed(
    operator: MaskedLaplace, b: np.ndarray, guess: np.ndarray | None, tolerances: Sequence[float]
) -> np.ndarray:
    """Iterations after which max |b - K p| is at most each tolerance for the first time, see `first_below`."""
    return first_below(residual_history(operator, b, guess, min(tolerances)), tolerances)


def first_below(history: np.ndarray, tolerances: Sequence[float]) -> np.ndarray:
    """First iteration at which a history is at most each tolerance, else `MOST`; floats, (samples, tolerances)."""
    reached = [history <= t for t in tolerances]
    return np.stack([np.where(r.any(1), r.argmax(1), MOST) for r in reached], 1).astype(float)
