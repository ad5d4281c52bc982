"""What an estimation found."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...stepping.solver import Solver
from ...stepping.state import State


@dataclass(kw_only=True)
class Found:
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
