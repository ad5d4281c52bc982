"""What is optimised: a correction of a source solver, an initial guess for its pressure, or a task of one's own."""

from pathlib import Path
from types import ModuleType

from ..flows import Flow
from ..stepping.solver import Solver


def holds_model(folder: Path) -> bool:
    """Whether there is something trained in this folder."""
    return any((folder / f"{n}.json").is_file() and (folder / f"{n}.keras").is_file() for n in ("corrector", "guess"))


def solver_of(folder: Path, flow: Flow) -> Solver:
    """A flow with what is trained in a folder in its loop."""
    if (folder / "guess.json").is_file():
        from ..correctors.guess import PoissonGuess
        from ..solvers.iterative import IterativeFlow

        return IterativeFlow(flow, PoissonGuess.load(folder))
    from ..correctors import Corrector
    from ..solvers.hybrid import HybridSolver

    return HybridSolver(flow, Corrector.load(folder))


def task_of_results(results: dict) -> ModuleType:
    """What has the function `tables(results)`."""
    from ..evaluation import tables as corrections
    from .guess import tables as guesses

    return guesses if "guesses" in results else corrections
