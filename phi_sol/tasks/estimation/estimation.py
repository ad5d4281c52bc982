"""Estimates of what makes a solver follow observations."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import optimize

from ...arguments import checked
from ...errors import DivergedError, InputError, integer, quoted
from ...kernels.compiled import Arrays
from ...progress import Show, showing
from ...stepping.arrays import pack, unpack
from ...stepping.solver import Solver
from ...stepping.state import State
from .estimate import Estimate
from .observations import Observations
from .unknowns import Parameter, Unknown

LOG = logging.getLogger(__name__)
FEW = 32  # unknown numbers up to which each gets a simulation of its own, for Gauss-Newton
METHODS = ("gauss-newton", "l-bfgs")
STEP = (
    1e-3  # of central differences in x: rounding of float32 (1e-7 / STEP) and curvature (STEP²) are small beside noise
)
BATCH_VALUES = 2**24  # of all arrays of the simulations that are stepped together
RANK = 1e-6  # relative size of a singular value below which a combination of unknowns is not seen


class Estimation:
    """
    Finds unknowns of a simulation by what was observed of it: the x that minimises

        ½ Σ ((s_i(x) - o_i) / σ_i)² + ½ Σ ((x_j - m_j) / p_j)²

    over all observed values o_i with noise σ_i, s(x) the solver's rollout from the state that x gives, and priors of
    mean m and deviation p. Few unknowns: Gauss-Newton steps in a trust region (SciPy's `least_squares`), with a
    Jacobian by central differences of simulations that are stepped together as one batch; its covariance (JᵀJ)^-1 gives
    standard errors, exact for linear problems and Gaussian noise. Many: L-BFGS-B by gradients through all steps.
    """

    @checked
    def __init__(self, solver: Solver, state: State, unknowns: Sequence | Unknown | str, observations: Observations):
        """
        Args:
            solver: A flow, a `HybridSolver`, or whatever steps states.
            state: The start, in which the unknowns are replaced; its values are where the search begins.
            unknowns: Names of parameters, `Parameter`s, `InitialField`s, or others, at least one.
            observations: Of the same flow; with as many simulations as the state.

        Raises:
            InputError: for unknowns that the flow does not have, observations of another grid or of times between
                steps, or fewer observations than unknowns without a prior.
        """
        self.solver, self.observations = solver, observations
        self._arrays, self._parameters, self._shape = pack(solver.flow, state)
        given = [unknowns] if isinstance(unknowns, str | Unknown) else list(unknowns)
        self.unknowns: list[Unknown] = [Parameter(u) if isinstance(u, str) else u for u in given]
        for u in self.unknowns:
            if not isinstance(u, Unknown):
                raise InputError(f"An unknown is a name of a parameter, a Parameter or InitialField, not {quoted(u)}.")
        names = [u.name for u in self.unknowns]
        if not names or len(set(names)) < len(names):
            raise InputError(f"The unknowns must be at least one, and each once, not {quoted(names)}.")
        self._begin = [u.begin(solver, self._arrays, self._parameters) for u in self.unknowns]
        self._ends = np.cumsum([len(x) for x in self._begin])[:-1]
        self.size = sum(map(len, self._begin))
        self._bounds = np.concatenate([u.bounds for u in self.unknowns], 1)
        self._prior = np.concatenate([u.prior for u in self.unknowns], 1)
        self._steps = self._observed_steps()
        self._scale = observations.noise or {n: _rms(v) for n, v in observations.values.items()}
        free = int((~np.isfinite(self._prior[1])).sum())
        if len(observations) < free:
            seen = f"{len(observations)} observed values see at most as many of {free} unknown numbers"
            raise InputError(f"There are fewer observations than unknowns: {seen}. Give more, or a prior.")

    def __repr__(self):
        return f"Estimation({', '.join(u.name for u in self.unknowns)} of {self.solver}, by {self.observations})"

    def _observed_steps(self) -> list[int]:
        """Of each observed frame the number of steps since the start."""
        flow, dt, times = self.solver.output, self.solver.dt, self.observations.times
        batch = next(iter(self._arrays.values())).shape[0]
        for name, values in self.observations.values.items():
            layout = next((x for x in flow.layouts.values() if name in x.arrays), None)
            needed = layout and (len(times), batch, *layout.shape(name.rpartition(".")[2] if layout.staggered else ""))
            if values.shape != needed:
                raise InputError(f"{name} was observed with the shape {values.shape}, but {flow} has {needed}.")
        steps = np.rint(times / dt).astype(int)
        for time, step in zip(times, steps, strict=True):
            if step < 1 or abs(step * dt - time) > 1e-3 * dt:
                raise InputError(f"Something was observed at t = {time:g}, but steps of {dt:g} never end there.")
        if (np.diff(steps) < 1).any():
            raise InputError("The times of observations must increase.")
        return steps.tolist()

    # --- predictions ---

    def _start(self, x: Any) -> tuple[Arrays, Arrays]:
        """The states of several x, shape (m, n), one after the other."""
        count = int(x.shape[0])
        dtype = next(iter(self._arrays.values())).dtype
        own = next(iter(self._arrays.values())).shape[0]
        x = tf.repeat(tf.cast(x, dtype), own, 0)
        arrays, parameters = (
            {n: tf.tile(a, [count] + [1] * (len(a.shape) - 1)) for n, a in group.items()}
            for group in (self._arrays, self._parameters)
        )
        sizes = [len(b) for b in self._begin]
        for unknown, part in zip(self.unknowns, tf.split(x, sizes, 1), strict=True):
            arrays, parameters = unknown.enter(part, arrays, parameters)
        return arrays, parameters

    def _residuals(self, xs: np.ndarray) -> np.ndarray:
        """(s - o) / σ of several x, and what priors add: shape (m, observations + priors)."""
        arrays, parameters = self._start(tf.constant(xs))
        every = int(np.gcd.reduce(self._steps))
        wanted, parts, done, taken = [s // every for s in self._steps], [], 0, 0
        for block in self.solver.blocks(arrays, parameters, self._steps[-1], every):
            count = len(next(iter(block.values())))
            for frame in (w for w in wanted if done < w <= done + count):
                parts.append(self._compared(block, frame - done - 1, taken, len(xs)))
                taken += 1
            done += count
        return np.concatenate([*parts, self._of_priors(xs)], 1)

    def _compared(self, block: dict, index: int, frame: int, count: int) -> np.ndarray:
        parts = []
        for name, values in self.observations.values.items():
            seen = np.isfinite(values[frame])
            own = np.asarray(block[name][index], np.float64).reshape(count, *seen.shape)
            parts.append((own[:, seen] - values[frame][seen]) / self._scale[name])
        return np.concatenate(parts, 1)

    def _of_priors(self, xs: np.ndarray) -> np.ndarray:
        known = np.isfinite(self._prior[1])
        return (xs[:, known] - self._prior[0][known]) / self._prior[1][known]

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        """By central differences, simulations in batches; shape (residuals, n)."""
        moved = np.concatenate([x + STEP * np.eye(len(x)), x - STEP * np.eye(len(x))])
        values = sum(int(np.prod(a.shape)) for a in self._arrays.values())
        parts = min(len(moved), -(-len(moved) * values // BATCH_VALUES))
        found = np.concatenate([self._residuals(p) for p in np.array_split(moved, parts)])
        if not np.isfinite(found).all():
            raise DivergedError("Simulations beside the best point so far are not finite: bounds or a prior may help.")
        return ((found[: len(x)] - found[len(x) :]) / (2 * STEP)).T

    def _cost(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Half the sum of squares, and its gradient through all steps."""
        point, total = tf.constant(x[None]), 0.0
        dtype = next(iter(self._arrays.values())).dtype
        with tf.GradientTape() as tape:
            tape.watch(point)
            arrays, parameters = self._start(point)
            arrays = self.solver.begin(arrays)
            for step in range(1, self._steps[-1] + 1):
                arrays = self.solver(arrays, parameters)
                if step in self._steps:
                    kept, frame = self.solver.keep(arrays, parameters), self._steps.index(step)
                    for name, values in self.observations.values.items():
                        seen = np.isfinite(values[frame])
                        known = tf.constant(np.where(seen, values[frame], 0), dtype)
                        off = tf.where(seen, kept[name] - known, 0) / tf.constant(self._scale[name], dtype)
                        total = total + tf.reduce_sum(tf.cast(off, tf.float64) ** 2) / 2
        gradient = tape.gradient(total, point).numpy()[0]
        prior, known = self._of_priors(x[None])[0], np.isfinite(self._prior[1])
        gradient[known] += prior / self._prior[1][known]
        cost = float(total) + float(np.sum(prior**2)) / 2
        return (cost, gradient) if np.isfinite(cost) else (np.finfo(float).max, np.zeros_like(x))

    # --- the search ---

    @checked
    def fit(self, iterations: int = 50, method: str | None = None, *, progress: bool | Show = True) -> Estimate:
        """
        Searches. Interrupted by Ctrl-C it returns the best point so far.

        Args:
            iterations: At most so many.
            method: `gauss-newton`, `l-bfgs`, or None: the former for up to 32 unknown numbers.
            progress: Whether it is shown, or a function that is called with (part, done, all).

        Raises:
            InputError: for numbers or a method that are not possible.
            DivergedError: if the simulation that the search begins with is not finite.
        """
        iterations = integer("The iterations of an estimation", iterations, 1)
        if method not in (None, *METHODS):
            raise InputError(f"Unknown method {quoted(method)} of an estimation. Known: {', '.join(METHODS)}.")
        few = self.size <= FEW if method is None else method == METHODS[0]
        begin, history = np.concatenate(self._begin), []
        best: dict[str, Any] = {"x": begin, "cost": np.inf}

        def seen(x: np.ndarray, cost: float):
            if cost < best["cost"]:
                best.update(x=np.array(x), cost=cost)
                history.append(cost)

        with showing(progress, "iterations/s") as show:
            search = self._gauss_newton if few else self._l_bfgs
            try:
                message = search(begin, iterations, seen, show)
            except (KeyboardInterrupt, DivergedError) as stop:
                if not history:
                    raise
                message = str(stop) or "interrupted"
                LOG.warning("The estimation ended early (%s): this is the best point so far.", message)
        return self._result(best["x"], few, history, message)

    def _gauss_newton(self, begin: np.ndarray, iterations: int, seen: Callable, show: Callable) -> str:
        count = 0

        def residuals(x):
            found = self._residuals(x[None])[0]
            if np.isfinite(found).all():
                seen(x, float(found @ found) / 2)
            elif not count:
                raise DivergedError("The simulation that the search begins with is not finite: begin elsewhere.")
            return found

        def jacobian(x):
            nonlocal count
            count += 1
            show("estimate", min(count, iterations), iterations)
            return self._jacobian(x)

        how: dict = dict(x_scale="jac", max_nfev=iterations, xtol=1e-6, ftol=1e-9, gtol=1e-9)
        return optimize.least_squares(residuals, begin, jacobian, bounds=self._bounds, **how).message

    def _l_bfgs(self, begin: np.ndarray, iterations: int, seen: Callable, show: Callable) -> str:
        def cost(x):
            value, gradient = self._cost(x)
            if value == np.finfo(float).max and np.array_equal(x, begin):
                raise DivergedError("The simulation that the search begins with is not finite: begin elsewhere.")
            seen(x, value)
            return value, gradient

        done = 0

        def after(_):
            nonlocal done
            done += 1
            show("estimate", done, iterations)

        how: dict = dict(method="L-BFGS-B", jac=True, bounds=self._bounds.T, callback=after)
        options = {"maxiter": iterations, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-8}
        return str(optimize.minimize(cost, begin, options=options, **how).message)

    # --- the result ---

    def _result(self, x: np.ndarray, few: bool, history: list[float], message: str) -> Estimate:
        residuals = self._residuals(x[None])[0][: len(self.observations)]
        freedom = max(len(self.observations) - self.size, 1)
        chi2 = float(residuals @ residuals) / freedom
        unsaid = self.observations.noise is None
        noise = {n: s * (chi2**0.5 if unsaid else 1.0) for n, s in self._scale.items()}
        covariance, rank, errors = None, None, None
        if few:
            covariance, rank = self._covariance(x, chi2 if unsaid else 1.0)
            deviations = np.split(np.sqrt(np.diag(covariance)), self._ends)
            parts = zip(self.unknowns, np.split(x, self._ends), deviations, strict=True)
            errors = {u.name: u.error(v, d) for u, v, d in parts}
        estimates = {u.name: u.value(v) for u, v in zip(self.unknowns, np.split(x, self._ends), strict=True)}
        arrays, parameters = self._start(tf.constant(x[None]))
        state = unpack(self.solver.flow, arrays, parameters, self._shape)
        chi2 = 1.0 if unsaid else chi2
        return Estimate(estimates, errors, covariance, x, chi2, noise, rank, history, state, message, self.solver)

    def _covariance(self, x: np.ndarray, variance: float) -> tuple[np.ndarray, int]:
        """(JᵀJ)^-1 with priors as rows of J, times the variance; infinite along what is not seen."""
        jacobian = self._jacobian(x)
        jacobian[: len(self.observations)] /= variance**0.5
        size = np.linalg.norm(jacobian, axis=0)
        _, singular, right = np.linalg.svd(jacobian / np.where(size > 0, size, 1), full_matrices=False)
        whole = singular > RANK * singular[0]
        rank = int(whole.sum())
        if rank < self.size:
            LOG.warning(
                "The observations see %d of %d unknown numbers: errors of the others are infinite.", rank, self.size
            )
        weights = np.where(whole, 1 / np.where(whole, singular, 1) ** 2, 0)
        covariance = (right.T * weights) @ right
        hidden = (right[~whole] ** 2).sum(0) > RANK
        covariance[np.diag_indices(self.size)] += np.where(hidden, np.inf, 0.0)
        return covariance / np.outer(*[np.where(size > 0, size, 1)] * 2), rank


def _rms(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) or 1.0 if len(known) else 1.0
