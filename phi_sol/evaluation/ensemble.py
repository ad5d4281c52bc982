"""Several solvers of one flow, whose spread says how sure their mean is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr, t

from ..arguments import checked
from ..displays import Displayed, Html, facts, table, together
from ..errors import InputError, quoted
from ..flows.comparison import first_difference
from ..metrics.metric import compared_arrays
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..stepping.state import State

LEVEL = 0.9


@dataclass(frozen=True)
class Reliability:
    """
    How well a spread foretells the error of a mean.

    Attributes:
        rank: Spearman's correlation, over frames and simulations, of the spread and the error, each the root mean
            square over space: 1 where a larger spread always means a larger error.
        coverage: Share of all values that lie within the intervals of the `level`.
        level: What this share would be of members that are as far from the truth as from each other.
        ratio: Of the root mean squares of error and spread, over everything: 1 where the spread is as large as the
            error, more where the members are surer than they should be.
    """

    rank: float
    coverage: float
    level: float
    ratio: float


class Forecast(Displayed):
    """
    Rollouts of several solvers from the same start.

    Attributes:
        members: The rollout of each, by name.
        mean: Their mean, as a rollout.
        spread: By array name the standard deviation over them (of n - 1), shape (frames, batch, *spatial).
    """

    def __init__(self, members: Mapping[str, Rollout]):
        self.members = dict(members)
        first, *_ = rollouts = [r.numpy() for r in self.members.values()]
        arrays = {n: np.stack([r.arrays[n] for r in rollouts]) for n in first.arrays}
        self.mean = Rollout(first.flow, {n: a.mean(0) for n, a in arrays.items()}, first.parameters, first.times)
        self.spread = {n: a.std(0, ddof=1) for n, a in arrays.items()}

    def _shown(self) -> str:
        """Its members, how much they differ at the end, and the mean."""
        ends = [(n, float(np.sqrt(np.mean(s[-1] ** 2)))) for n, s in self.spread.items() if len(s)]
        spread = table(["array", "spread at the end (rms)"], ends)
        return together(facts("Forecast", {"members": ", ".join(self.members)}), spread, Html(self.mean._repr_html_()))

    def __repr__(self):
        return f"Forecast({len(self.members)} members, {len(self.mean)} frames)"

    @checked
    def interval(self, level: float = LEVEL) -> dict[str, np.ndarray]:
        """
        By array name how far from the mean a further member would be with this probability: t · s · sqrt(1 + 1/n) of
        n members with the standard deviation s and Student's t of n - 1 degrees of freedom, for normal values.
        """
        if not 0 < level < 1:
            raise InputError(f"The level of an interval lies between 0 and 1, not {quoted(level)}.")
        n = len(self.members)
        factor = t.ppf((1 + level) / 2, n - 1) * np.sqrt(1 + 1 / n)
        return {name: factor * s for name, s in self.spread.items()}

    @checked
    def reliability(self, right: Rollout, level: float = LEVEL) -> Reliability:
        """
        How well the spread foretells the error of the mean, against the right states of the same frames. Of the
        velocity, where there is one.

        Raises:
            InputError: for states of other frames, simulations or grids, or a level that is none.
        """
        flow: Any = self.mean.flow
        names, intervals = compared_arrays(flow), self.interval(level)
        truth = right.numpy().arrays
        for n in names:
            if n not in truth or truth[n].shape != self.mean.arrays[n].shape:
                found = truth[n].shape if n in truth else "none"
                raise InputError(f"The right {n} has the shape {found}, the forecast {self.mean.arrays[n].shape}.")
        off = {n: np.abs(self.mean.arrays[n] - truth[n]) for n in names}
        inside = np.concatenate([(off[n] <= intervals[n]).ravel() for n in names])
        errors, spreads = (_rms(v) for v in (off, {n: self.spread[n] for n in names}))
        ratio = np.sqrt(np.mean(errors**2) / max(np.mean(spreads**2), np.finfo(float).tiny))
        rank = float(spearmanr(errors.ravel(), spreads.ravel()).statistic) if errors.size > 2 else float("nan")
        return Reliability(rank, float(inside.mean()), level, float(ratio))


class Ensemble:
    """
    Several solvers of one flow, such as its source with correctors of several seeds: where they disagree, none of them
    can be relied on.

    Attributes:
        solvers: By name.

    Examples:
        >>> ps.Ensemble({"low": flow, "high": flow}).rollout(start, 4, progress=False)
        Forecast(2 members, 4 frames)
    """

    @checked
    def __init__(self, solvers: Mapping[str, Solver] | Sequence[Solver]):
        """Raises InputError for fewer than two, and for solvers of different flows."""
        named: Any = solvers if isinstance(solvers, Mapping) else {str(i): s for i, s in enumerate(solvers)}
        for name, solver in named.items():
            if not isinstance(solver, Solver):
                raise InputError(f"The members of an ensemble are solvers, {name} is a {type(solver).__name__}.")
        if len(named) < 2:
            raise InputError(f"An ensemble has at least two members, not {len(named)}.")
        first, *others = (s.flow.config() for s in named.values())
        for config in others:
            if difference := first_difference(config, first):
                raise InputError(f"The members of an ensemble step the same flow, but {difference} in the first.")
        self.solvers: dict[str, Solver] = dict(named)

    def __repr__(self):
        return f"Ensemble({', '.join(self.solvers)})"

    @checked
    def rollout(self, state: State, steps: int, *, keep_every: int = 1, progress: Any = True) -> Forecast:
        """The rollouts of all from a state, see `Solver.rollout`."""
        how: dict = {"keep_every": keep_every, "progress": progress}
        return Forecast({n: s.rollout(state, steps, **how) for n, s in self.solvers.items()})


def _rms(values: dict[str, np.ndarray]) -> np.ndarray:
    """Root mean square over space and components, shape (frames, batch)."""
    squares = [np.mean(v.reshape(*v.shape[:2], -1) ** 2, -1) for v in values.values()]
    return np.sqrt(np.mean(squares, 0))
