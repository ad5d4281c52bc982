"""Estimates of what makes a solver follow observations."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize
from scipy.sparse.linalg import LinearOperator

from ...arguments import checked
from ...errors import DivergedError, InputError, integer
from ...progress import Show
from ...stepping.solver import Solver
from ...stepping.state import State
from .comparison import Comparison
from .estimate import Estimate
from .observations import Observed
from .search import INTERRUPTED, Search, Track
from .uncertainty import covariance_of, low_rank
from .unknowns import Unknown

LOG = logging.getLogger(__name__)
FEW = 32  # unknown numbers up to which each gets a simulation of its own, for Gauss-Newton
MATRIX, PRODUCTS, L_BFGS = "gauss-newton", "gauss-newton-products", "l-bfgs"
STEP = (
    1e-3  # of central differences in x: rounding of float32 (1e-7 / STEP) and curvature (STEP²) are small beside noise
)
INNER = 20  # products of a step of Gauss-Newton that knows no matrix


class Estimation(Search):
    """
    Finds unknowns of a simulation by what was observed of it: the x that minimises

        ½ Σ ((s_i(x) - o_i) / σ_i)² + ½ Σ ((x_j - m_j) / p_j)²

    over all observed values o_i with noise σ_i, s(x) the solver's rollout from the state that x gives, and priors of
    mean m and deviation p. Few unknowns: Gauss-Newton steps in a trust region (SciPy's `least_squares`), with a
    Jacobian J by central differences of simulations that are stepped together as one batch; its covariance (JᵀJ)^-1
    gives standard errors, exact for linear problems and Gaussian noise. Many: L-BFGS-B by gradients through all steps;
    or Gauss-Newton steps by products with J (differences along one direction) and Jᵀ (gradients), which LSMR solves;
    or any optimizer of Keras. With priors of all unknowns, errors of many come from the largest eigenvalues of JᵀJ.

    Examples:
        >>> seen = ps.Observations(frames, "velocity", noise=0.01)
        >>> search = ps.Estimation(flow, start, [ps.Parameter("reynolds", 200.0)], seen)
        >>> search.fit(iterations=10)  # doctest: +SKIP
    """

    methods = (MATRIX, PRODUCTS, L_BFGS)
    what = "estimation"

    @checked
    def __init__(
        self,
        solver: Solver,
        state: State,
        unknowns: Sequence | Unknown | str,
        observations: Observed | Sequence[Observed],
    ):
        """
        Args:
            solver: A flow, a `HybridSolver`, or whatever steps states.
            state: The start, in which the unknowns are replaced; its values are where the search begins.
            unknowns: Names of parameters, `Parameter`s, `InitialField`s, `Profile`s, `Weights`, at least one.
            observations: `Observations`, `Measurements`, or several of these: of the same flow, with as many
                simulations as the state.

        Raises:
            InputError: for unknowns that the flow does not have, observations of another grid or of times between
                steps, or fewer observations than unknowns without a prior.
        """
        super().__init__(solver, state, unknowns)
        self.seen = Comparison(self.simulation, observations)
        self.observations = observations
        free = int((~self.known).sum())
        if self.seen.count < free:
            seen = f"{self.seen.count} observed values see at most as many of {free} unknown numbers"
            raise InputError(f"There are fewer observations than unknowns: {seen}. Give more, or a prior.")

    def __repr__(self):
        seen = ", ".join(map(repr, self.seen.observations))
        return f"Estimation({', '.join(u.name for u in self.unknowns)} of {self.solver}, by {seen})"

    # --- predictions ---

    def residuals(self, xs: np.ndarray) -> np.ndarray:
        """(s - o) / σ of several x, and what priors add: shape (m, observations + priors)."""
        parts = self.simulation.batches(xs)
        return np.concatenate([np.concatenate([self.seen.residuals(p), self.of_prior(p)], 1) for p in parts])

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """By central differences, simulations in batches; shape (residuals, n)."""
        found = self.residuals(np.concatenate([x + STEP * np.eye(len(x)), x - STEP * np.eye(len(x))]))
        if not np.isfinite(found).all():
            raise DivergedError("Simulations beside the best point so far are not finite: bounds or a prior may help.")
        return ((found[: len(x)] - found[len(x) :]) / (2 * STEP)).T

    def operator(self, x: np.ndarray, count: int) -> LinearOperator:
        """The Jacobian by its products with vectors: `count` residuals, priors included."""
        deviation = self.simulation.prior[1]
        scale = np.where(self.known, deviation, np.maximum(np.abs(x), 1e-3 * np.abs(x).max() + 1e-12))

        def matvec(v):
            v = np.ravel(v)
            step = STEP / max(float(np.sqrt(np.mean((v / scale) ** 2))), 1e-300)
            ahead, behind = self.residuals(np.stack([x + step * v, x - step * v]))
            return (ahead - behind) / (2 * step)

        def rmatvec(u):
            u = np.ravel(u)
            seen, prior = u[: count - int(self.known.sum())], u[count - int(self.known.sum()) :]
            gradient = self.seen.pulled(x, seen)
            gradient[self.known] += prior / deviation[self.known]
            return gradient

        return LinearOperator((count, len(x)), matvec=matvec, rmatvec=rmatvec, dtype=np.float64)

    def cost(self, x: np.ndarray, show: Callable[[int, int], None]) -> tuple[float, np.ndarray]:
        return self.seen.cost(x, show)

    # --- the search ---

    @checked
    def fit(
        self,
        iterations: int = 50,
        method: Any = None,
        *,
        starts: int = 1,
        seed: int = 0,
        windows: int = 1,
        rank: int | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
        progress: bool | Show = True,
    ) -> Estimate:
        """
        Searches. Interrupted by Ctrl-C it returns the best point so far.

        Args:
            iterations: At most so many, for each start and window.
            method: `gauss-newton`, `gauss-newton-products`, `l-bfgs`, an optimizer of Keras or its name, or None: the
                first for up to 32 unknown numbers, else `l-bfgs`.
            starts: The search is done from so many points, of which all but the first are drawn between the bounds or
                from the prior of each unknown; the best end counts.
            seed: Of these draws.
            windows: First only a part of the observed frames counts, then twice as many, and so on: so many windows,
                each of which begins where the one before ended. It helps where the end of a long simulation depends on
                the start chaotically.
            rank: Eigenvalues for the errors of many unknowns, all of which have a prior; None: 20 where they have.
            folder: Where the best point is kept (`search.npz`) during the search.
            resume: Goes on from the best point in the folder.
            progress: Whether it is shown, or a function that is called with (part, done, all).

        Raises:
            InputError: for numbers or a method that are not possible, or a folder with another search.
            DivergedError: if the simulation that the search begins with is not finite.
        """
        windows = integer("The windows of an estimation", windows, 1)
        if windows > len(self.seen.steps):
            raise InputError(f"{len(self.seen.steps)} observed frames make no {windows} windows.")
        if rank is not None and not self.known.all():
            raise InputError("Errors by a rank need a prior of every unknown (deviation=).")
        few = self.size <= FEW if method is None else method == MATRIX
        chosen = (MATRIX if few else L_BFGS) if method is None else method
        begin, place = self.simulation.begin, None if folder is None else Path(folder)
        try:
            for window in range(1, windows):
                self.seen.used = -(-len(self.seen.steps) * window // windows)
                before = self._find(iterations, chosen, starts, seed, None, False, progress)
                self.simulation.begin = before.x
                if before.message == INTERRUPTED:
                    return self._result(before, few, rank)
            self.seen.used = len(self.seen.steps)
            track = self._find(iterations, chosen, starts, seed, place, resume, progress)
        finally:
            self.simulation.begin, self.seen.used = begin, len(self.seen.steps)
        return self._result(track, few, rank)

    def search(self, begin: np.ndarray, iterations: int, method: Any, track: Track) -> str:
        if method not in (MATRIX, PRODUCTS):
            return super().search(begin, iterations, method, track)

        def residuals(x):
            found = self.residuals(x[None])[0]
            track.see(x, float(found @ found) / 2 if np.isfinite(found).all() else np.inf)
            return found

        def jacobian(x):
            track.iterated()
            return self.jacobian(x) if method == MATRIX else self.operator(x, len(residuals(x)))

        how: dict = dict(max_nfev=iterations, xtol=1e-6, ftol=1e-9, gtol=1e-9, bounds=self.simulation.bounds)
        if method == MATRIX:
            how |= dict(x_scale="jac")
        else:
            how |= dict(tr_solver="lsmr", tr_options={"maxiter": INNER})
        return optimize.least_squares(residuals, begin, jacobian, **how).message

    # --- the result ---

    def _result(self, track: Track, few: bool, rank: int | None) -> Estimate:
        x, count = track.x, self.seen.count
        residuals = self.residuals(x[None])[0][:count]
        fitted = self.size if few else int((~self.known).sum())
        chi2 = float(residuals @ residuals) / max(count - fitted, 1)
        unsaid = self.seen.unsaid
        noise = {n: s * (chi2**0.5 if unsaid else 1.0) for n, s in self.seen.scales.items()}
        whole = count + int(self.known.sum())
        covariance, seen, deviation = None, None, None
        if few:
            covariance, seen = covariance_of(self.jacobian(x), count, chi2 if unsaid else 1.0)
            if seen < self.size:
                LOG.warning(
                    "The observations see %d of %d unknown numbers: errors of the others are infinite.", seen, self.size
                )
            deviation = np.sqrt(np.diag(covariance))
        elif self.known.all() and not self.simulation.variables:
            seen = min(20 if rank is None else integer("The rank of errors", rank, 1), self.size - 1)
            operator, prior = self.operator(x, whole), self.simulation.prior[1]
            deviation = low_rank(operator, count, prior, seen, chi2 if unsaid else 1.0)
        errors = None
        if deviation is not None:
            pairs = zip(self.simulation.parts(x), self.simulation.parts(deviation), strict=True)
            errors = {u.name: u.error(part, own) for (u, part), (_, own) in pairs}
        return Estimate(
            estimates=self.simulation.values(x),
            errors=errors,
            covariance=covariance,
            x=x,
            chi2=1.0 if unsaid else chi2,
            noise=noise,
            rank=seen,
            history=track.history,
            gradients=track.gradients,
            state=self.simulation.state(x),
            message=track.message,
            _solver=self.solver,
        )
