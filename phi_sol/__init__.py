"""
phi_sol: coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop.

The names below are imported when first used; TensorFlow is imported when something needs it.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from .kernels import environment as _environment  # noqa: F401

_HOMES = {
    "flows": ["BuoyantPlume", "Flow", "ForcedAdvection", "SmokeBox", "WakeFlow"],
    "stepping.state": ["State"],
    "stepping.solver": ["Rollout", "Solver", "rollout"],
    "solvers.pair": ["SolverPair"],
    "solvers.hybrid": ["HybridSolver"],
    "solvers.iterative": ["IterativeFlow"],
    "experiment": ["Experiment", "Schedule", "load_experiment"],
    "tasks.guess.experiment": ["PoissonExperiment"],
    "correctors.guess": ["PoissonGuess"],
    "tasks.guess.trainer": ["GuessTrainer"],
    "errors": ["DivergedError", "InputError", "MissingError"],
    "pressure": ["ConjugateGradients", "DirectPoisson", "Projection", "make_incompressible"],
    "generation.generator": ["Generator"],
    "storage.dataset": ["Dataset"],
    "correctors": ["Corrector"],
    "training": ["Plan", "Trainer", "curriculum"],
    "evaluation": ["evaluate"],
    "viewer.loop": ["view"],
    "pictures.plots": ["plot"],
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)

try:
    __version__ = version("phi_sol")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'phi_sol' has no attribute {name!r}")
    value = getattr(import_module(f"phi_sol.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
