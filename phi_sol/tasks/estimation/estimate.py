"""What an estimation found."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...displays import Displayed, facts, table, together
from ...stepping.solver import Solver
from ...stepping.state import State


@dataclass(kw_only=True)
class Found(Displayed):
    """
    What a search found.

    Attributes:
        x: The numbers of all unknowns at the end.
        history: The cost of each better point, priors included.
        gradients: By iteration the norm of the gradient, without what bounds hold back; empty of Gauss-Newton.
        state: The state at the start that belongs to them.
        message: Why the search ended.
    """

    x: np.ndarray
    history: list[float]
    gradients: list[float]
    state: State
    message: str
    _solver: Solver = field(repr=False)

    def _shown(self) -> str:
        said = {"cost": self.history[-1] if self.history else None, "better points": len(self.history)}
        values = table(["", "value", "standard error"], self._rows())
        return together(facts(type(self).__name__, {**said, **self._told()} | {"ended": self.message}), values)

    def _rows(self) -> list[tuple[str, str, str]]:
        """Of each unknown name, value and standard error."""
        return []

    def rollout(self, steps: int, keep_every: int = 1):
        """The trajectory from this start, a `Rollout` of the solver."""
        return self._solver.rollout(self.state, steps, keep_every)


@dataclass(kw_only=True, repr=False)
class Estimate(Found):
    """
    What an estimation found, with what `Found` has; its `history` is of half the sum of squares.

    Attributes:
        estimates: By name of the unknown, in its own units.
        errors: Their standard errors by name; None where these were not computed.
        covariance: Of the numbers x of all unknowns in order, shape (n, n); None as the errors.
        chi2: Sum of squares of (prediction - observation) / noise, over their number less that of the unknowns; 1 where
            the noise is as said, and by definition where it is estimated.
        noise: Standard deviation by array name, given or estimated.
        rank: How many combinations of unknowns the observations see; None where it was not computed.
    """

    estimates: dict[str, Any]
    errors: dict[str, Any] | None
    covariance: np.ndarray | None
    chi2: float
    noise: dict[str, float]
    rank: int | None

    def _told(self) -> dict:
        seen = "" if self.rank is None else f"{self.rank} of {len(self.x)} combinations of unknowns are seen"
        return {"chi²": float(self.chi2), "noise": _numbers(self.noise), "rank": seen}

    def _rows(self) -> list[tuple[str, str, str]]:
        return rows_of(self.estimates, self.errors)

    def __repr__(self):
        parts = []
        for name, value in self.estimates.items():
            error = (self.errors or {}).get(name)
            if isinstance(value, float):
                parts.append(f"{name} = {value:.6g}" + ("" if error is None else f" ± {error:.2g}"))
            else:
                values = value.values() if isinstance(value, dict) else [value] if hasattr(value, "shape") else value
                parts.append(f"{name} ({sum(np.size(v) for v in values)} values)")
        return f"Estimate({', '.join(parts)}; chi² {self.chi2:.3g})"


def rows_of(values: dict[str, Any], errors: dict[str, Any] | None = None) -> list[tuple[str, str, str]]:
    """Names, values and standard errors as text; of what is no number its size and range."""
    rows, known = [], errors or {}
    for name, value in values.items():
        error = known.get(name)
        numbers, wrong = _flat(value), None if error is None else _flat(error)
        if numbers.size == 1:
            rows.append((name, f"{numbers[0]:.6g}", "" if wrong is None else f"± {wrong[0]:.2g}"))
        else:
            shown = f"{numbers.size} values, {numbers.min():.4g} to {numbers.max():.4g}"
            rows.append((name, shown, "" if wrong is None else f"± {np.sqrt(np.mean(wrong**2)):.2g} (rms)"))
    return rows


def _flat(value: Any) -> np.ndarray:
    """All numbers of an array, or of several by name or in a list."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
    return np.concatenate([np.ravel(np.asarray(v, np.float64)) for v in values])


def _numbers(values: dict[str, float]) -> str:
    return ", ".join(f"{n} {v:.4g}" for n, v in values.items())
