"""Reproductions of Poisson scenes."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from ..correctors.guess import PoissonGuess
from ..evaluation.tables import Table
from ..solvers.iterative import IterativeFlow
from ..tasks.guess.evaluation import SIMULATIONS, evaluate
from ..tasks.guess.methods import METHODS, WITH_SOLVER, GuessProblem, PoissonMethod
from ..tasks.guess.tables import tables
from ..tasks.guess.trainer import GuessTrainer
from ..training import Stage
from .correctors import Cost, Reproduction, median_seconds


class GuessReproduction(Reproduction):
    """
    Trains NON, PHY, SOL-k and SOL-PHY-k from several seeds, and counts the iterations from their guesses. As
    `Reproduction` otherwise.
    """

    shares = {
        "non": 1,
        "phy": 1,
        "sol": 1.1,
        "sol-phy": 1.1,
    }  # about what an iteration costs (9.8, 10.0, 10.7 and 10.7 CPU minutes for 8000)
    with_steps = WITH_SOLVER
    network_file = "guess.keras"

    def _methods(self) -> list[str]:
        return list(METHODS)

    def _stages(self, method: str) -> tuple[Stage, ...]:
        return (Stage(self._unroll(method), 1.0),)

    def _method(self, method: str, seed: int) -> PoissonMethod:
        return PoissonMethod(method, self._unroll(method))

    def _trainer(self, *args, **options) -> GuessTrainer:
        return GuessTrainer(*args, tolerance=self.experiment.tolerance, **options)

    def _solver(self, unroll: int) -> GuessProblem:
        return GuessProblem(
            self.experiment.pair.source, PoissonGuess.create(self.experiment.pair.source, self.schedule.network, 1.0)
        )

    def _evaluation_cost(self) -> Cost:
        simulations = min(SIMULATIONS, len(self.generators["test"].jobs))
        ways = 2 + 2 * len(self.trainings)  # from zero and the step before, and every guess once and twice
        seconds = self._hybrid_step * self.experiment.simulation_steps * simulations * ways
        return Cost(f"running simulations with {len(self.trainings)} guesses, and the report", seconds)

    @cached_property
    def _hybrid_step(self) -> float:
        """Seconds of a step of one simulation whose pressure is iterated from zero, after a few that stir it."""
        flow = self.experiment.pair.source
        solver = IterativeFlow(flow, "zero", self.experiment.tolerance)
        arrays, parameters = self._batch(flow, "test", 1)
        for _ in range(3):
            arrays = solver(arrays, parameters)
        return median_seconds(lambda: solver(arrays, parameters)["iterations"].numpy())

    def _evaluated(
        self, runs: list[Path], folder: Path, command: str, progress: Callable[[str, int, int], None]
    ) -> dict:
        def show(done: int, total: int):
            progress("running simulations", done, total)

        return evaluate(self.experiment, runs, self.data, folder, None, command, show).results

    def tables(self, results: dict) -> list[Table]:
        return tables(results)
