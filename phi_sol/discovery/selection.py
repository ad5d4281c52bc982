"""Which candidates an equation has: those that simulations agree on, and that predict the ones that are held out."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .moments import Moments

LONGEST = 20  # terms of an equation
SMALLER, REST = 0.01, 0.01  # terms that are so much smaller count if they leave so little of what was left


@dataclass(frozen=True)
class Fit:
    """
    Least squares on some candidates, for one target; all but the errors in units of normalised candidates.

    Attributes:
        coefficients: Of all simulations together.
        errors: Standard errors over simulations (jackknife: from fits with one simulation held out each).
        share: By term, the root mean square of what it alone explains over that of the prediction.
        held_out: Squares of what is left of simulations whose coefficients are those of the others, shape (groups,).
    """

    coefficients: np.ndarray
    errors: np.ndarray
    share: np.ndarray
    held_out: np.ndarray

    @property
    def statistics(self) -> np.ndarray:
        """|coefficient| / error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(abs(self.coefficients) / self.errors, nan=0.0, posinf=np.inf)


def fits(moments: Moments, sets: np.ndarray, target: int) -> Fit:
    """Fits of many sets of candidates, of shape (sets, terms), at once: all arrays of `Fit` have this axis first."""
    gram = moments.gram[:, sets[:, :, None], sets[:, None, :]]  # (groups, sets, terms, terms)
    cross, power = moments.cross[:, sets, target], moments.power[:, target]
    total, groups = gram.sum(0), len(gram)
    inverse = np.linalg.inv(total)
    coefficients = np.einsum("sij,sj->si", inverse, cross.sum(0))
    others = np.linalg.solve(total - gram, (cross.sum(0) - cross)[..., None])[..., 0]  # (groups, sets, terms)
    errors = np.sqrt((groups - 1) / groups * np.sum((others - others.mean(0)) ** 2, 0))
    left = power[:, None] - 2 * np.einsum("gsi,gsi->gs", others, cross)
    left += np.einsum("gsi,gsij,gsj->gs", others, gram, others)
    predicted = np.einsum("si,sij,sj->s", coefficients, total, coefficients)
    alone = coefficients**2 / np.einsum("sii->si", inverse)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.nan_to_num(np.sqrt(alone / predicted[:, None]))
    return Fit(coefficients, errors, share, np.maximum(left, 0).T)


def fit(moments: Moments, chosen: list[int], target: int) -> Fit:
    found = fits(moments, np.array([chosen], int), target)
    return Fit(*(getattr(found, n)[0] for n in ("coefficients", "errors", "share", "held_out")))


def threshold(groups: int, tests: int, error_rate: float) -> float:
    """|coefficient| / error beyond which one of so many terms that are not there is found at this rate, or less."""
    return float(stats.t.isf(error_rate / (2 * tests), groups - 1))


def select(moments: Moments, candidates: list[int], target: int, *, critical: float, least: float) -> list[int]:
    """
    The terms of an equation: with a share of at least `least` each; or also smaller ones, if these explain nearly all
    that is left, as they do where a law is exact and not where candidates stand in for others that are missing.
    """
    chosen, finer = (_stepwise(moments, candidates, target, critical, s) for s in (least, SMALLER * least))
    return finer if _left(moments, finer, target) < REST * _left(moments, chosen, target) else chosen


def _left(moments: Moments, chosen: list[int], target: int) -> float:
    """What is left of the squares of simulations that are held out."""
    return float((fit(moments, chosen, target).held_out if chosen else moments.power[:, target]).sum())


def _stepwise(moments: Moments, candidates: list[int], target: int, critical: float, least: float) -> list[int]:
    """
    First grows: each time by the term with which held-out simulations are predicted best, as long as they are predicted
    better and it explains at least the share `least` of the prediction. Then, one by one, terms are dropped that are
    not significant over simulations, or explain less.
    """
    chosen: list[int] = []
    best = float(moments.power[:, target].sum())
    while len(chosen) < LONGEST and (rest := [c for c in candidates if c not in chosen]):
        found = fits(moments, np.array([[*chosen, c] for c in rest]), target)
        errors = np.where(found.share[:, -1] >= least, found.held_out.sum(1), np.inf)
        if errors.min() >= best:
            break
        best = float(errors.min())
        chosen.append(rest[int(errors.argmin())])
    while chosen:
        found = fit(moments, chosen, target)
        strength = np.minimum(found.statistics / critical, found.share / least if least else np.inf)
        if strength.min() >= 1:
            break
        del chosen[int(strength.argmin())]
    return sorted(chosen)
