"""
The pressure solve alone, around the wake's obstacle, against SciPy (conjugate gradients; sparse direct) and PyAMG.

All of them solve the same sparse system; every solution is checked.
"""

import functools
from dataclasses import dataclass

import numpy as np
from common import row, size_name, skip
from course import measured, measuring
from sides import Case, Effort, Side, SkippedError, alternate, lazily

RTOL = 1e-5
DIRECT_CELLS = 100_000
"""
Cells beyond which a sparse factorisation in 3D is not tried: its fill-in grows with the cells to the power of 4/3.
"""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""
For peers whose solvers run in one thread: with more, scalar products of vectors wait for cores (CG 10 times slower on a
busy machine).
"""
OURS, OURS_FLOAT32 = "phi_sol", "phi_sol, float32"
PYAMG, SPLU = "pyamg, smoothed aggregation + CG", "scipy splu"


@dataclass(frozen=True)
class Problem:
    """
    `-∇² p = b` on a wake's domain: closed sides, open at the upper end of y; b the divergence of random face
    velocities.

    Attributes:
        resolution: Cells per axis.
        radius: Of the obstacle at (50, 50, 50), in domain units; 0 for none.
    """

    resolution: dict[str, int]
    radius: float = 10.0

    @property
    def name(self) -> str:
        return "pressure solve" if self.radius else "pressure solve, no obstacle"

    @property
    def spacing(self) -> dict[str, float]:
        return {d: (200.0 if d == "y" else 100.0) / n for d, n in self.resolution.items()}

    @property
    def sides(self) -> dict[str, tuple[str, str]]:
        return {d: ("closed", "open" if d == "y" else "closed") for d in self.resolution}

    def solid(self) -> np.ndarray:
        centres = [
            (np.arange(n) + 0.5) * h for n, h in zip(self.resolution.values(), self.spacing.values(), strict=True)
        ]
        return sum((x - 50.0) ** 2 for x in np.meshgrid(*centres, indexing="ij")) < self.radius**2

    def system(self):
        """The sparse matrix and the right-hand side; solid cells have the equation p = 0."""
        import scipy.sparse as sparse

        rng, fluid = np.random.default_rng(0), ~self.solid()
        index = np.arange(fluid.size).reshape(fluid.shape)
        b, diagonal, off_diagonal = np.zeros(fluid.size), (~fluid).astype(float).ravel(), []
        for axis, h in enumerate(self.spacing.values()):
            lower, upper = np.moveaxis(index, axis, 0)[:-1].ravel(), np.moveaxis(index, axis, 0)[1:].ravel()
            is_open = fluid.flat[lower] & fluid.flat[upper]
            lower, upper = lower[is_open], upper[is_open]
            velocity = rng.standard_normal(len(lower))
            b[lower] += velocity / h
            b[upper] -= velocity / h
            diagonal[lower] += 1 / h**2
            diagonal[upper] += 1 / h**2
            off_diagonal.append(
                sparse.coo_matrix((np.full(len(lower), -1 / h**2), (lower, upper)), (fluid.size, fluid.size))
            )
        end = index[-1].ravel()  # at the open side p = 0 in the cell beyond
        diagonal[end] += 1 / self.spacing["y"] ** 2
        b[end] += rng.standard_normal(len(end)) / self.spacing["y"]
        return (sum(m + m.T for m in off_diagonal) + sparse.diags(diagonal)).tocsr(), b


PROBLEMS = [
    *(Problem(size) for size in (dict(y=64, x=32), dict(y=256, x=128), dict(y=1024, x=512))),
    Problem(dict(y=128, x=64, z=64), radius=0.0),
    Problem(dict(y=128, x=64, z=64)),
]


def direct_cases(problem: Problem) -> dict[str, Case]:
    """phi_sol's solver in the precision of the others, and as the flows use it."""
    import tensorflow as tf
    from phi.math import batch, precision, reshaped_tensor, spatial
    from phi.tf import TENSORFLOW  # noqa: F401  registers the backend without making it the default

    from phi_sol import DirectPoisson

    shape = [batch(batch=1), *[spatial(**{d: n}) for d, n in problem.resolution.items()]]
    b = problem.system()[1].reshape(1, *problem.resolution.values())

    @functools.cache
    def solver() -> DirectPoisson:
        return DirectPoisson(
            problem.resolution, problem.spacing, problem.sides, problem.solid() if problem.radius else None
        )

    def case(dtype: tf.DType) -> Case:
        _ = solver()

        def solve(b):
            with precision(dtype.size * 8):
                return solver().solve(reshaped_tensor(b, shape, convert=False)).native(["batch", *problem.resolution])

        compiled, given = tf.function(solve, autograph=False, jit_compile=True), tf.constant(b, dtype)
        return lambda: {"p": compiled(given).numpy().ravel()}

    return {name: lazily(case, dtype) for name, dtype in ((OURS, tf.float64), (OURS_FLOAT32, tf.float32))}


def scipy_cases(problem: Problem, direct: bool) -> dict[str, Case]:
    from scipy.sparse.linalg import cg, splu

    A, b = problem.system()

    def factorised() -> Case:
        # the settings for symmetric positive definite matrices: less fill-in, no pivoting
        factors = splu(A.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        return lambda: {"p": factors.solve(b)}

    iterative = {"scipy cg": lambda: {"p": cg(A, b, rtol=RTOL, atol=0)[0]}}
    return iterative | ({SPLU: lazily(factorised)} if direct else {})


def pyamg_cases(problem: Problem) -> dict[str, Case]:
    import pyamg

    A, b = problem.system()

    def multigrid() -> Case:
        hierarchy = pyamg.smoothed_aggregation_solver(A)
        return lambda: {"p": hierarchy.solve(b, tol=RTOL, accel="cg")}

    return {PYAMG: lazily(multigrid)}


def check(problem: Problem, solutions: dict[str, np.ndarray]):
    """
    Raises:
        RuntimeError: if a solution leaves a residual above the tolerance, or its gradient is not that of phi_sol's.
    """
    A, b = problem.system()
    exact = solutions[OURS]
    for name, p in solutions.items():
        residual = np.linalg.norm(A @ p - b) / np.linalg.norm(b)
        gradient = np.sqrt((p - exact) @ (A @ (p - exact)) / (exact @ (A @ exact)))
        # conjugate gradients judge by a residual that they update; the true one drifts from it by a little
        if not (residual < 2 * RTOL and gradient < 1e-3):
            raise RuntimeError(
                f"{name}, {size_name(problem.resolution)}: relative residual {residual:.2g}, distance of gradients "
                f"{gradient:.2g}"
            )


def measure(problem: Problem, effort: Effort) -> list[dict]:
    size = size_name(problem.resolution)
    direct = len(problem.resolution) == 2 or np.prod(list(problem.resolution.values())) < DIRECT_CELLS
    if not direct:
        skip(f"{SPLU}, {size}", "in 3D the fill-in of a factorisation grows with the cells to the power of 4/3")
    with Side(direct_cases) as ours, Side(scipy_cases, **ONE_THREAD) as scipy, Side(pyamg_cases, **ONE_THREAD) as pyamg:
        first = ours.prepare(problem)
        cases = {name: (ours, name) for name in first}
        for side, arguments in ((scipy, (direct,)), (pyamg, ())):
            try:
                seconds = side.prepare(problem, *arguments)
                first, cases = first | seconds, cases | {name: (side, name) for name in seconds}
            except SkippedError as err:
                skip(f"{problem.name}, {size}", err)
        check(problem, {name: side.value(name)["p"] for name, (side, _) in cases.items()})
        times = alternate(cases, effort)

    rows = []
    for name in cases:
        if name not in (OURS, OURS_FLOAT32):
            note = f"set-up and first solve {first[OURS]:.3g} s against {first[name]:.3g} s"
            rows.append(row(problem.name, size, 1, times[OURS], name, times[name], note=note))
    return [*rows, row(f"{problem.name}, float32", size, 1, times[OURS_FLOAT32], OURS, times[OURS])]


def run(effort: Effort, problems: list[Problem] | None = None) -> list[dict]:
    rows = []
    for problem in problems or PROBLEMS:
        measuring(f"{problem.name}, {size_name(problem.resolution)}")
        try:
            rows += measured(measure(problem, effort))
        except SkippedError as err:
            skip(f"{problem.name}, {size_name(problem.resolution)}", err)
    return rows
