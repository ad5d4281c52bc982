"""The task of guessing the pressure that conjugate gradients start from."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ...arguments import checked
from ...correctors.guess import PoissonGuess
from ...errors import positive
from ...kernels.compiled import Arrays
from ...solvers.iterative import IterativeFlow
from ...storage.dataset import Dataset
from ...training.plan import Stage
from ...training.task import Cost, Setting
from ..network import NetworkTask
from ..rehearsal import Rehearsal, median_seconds
from .evaluation import SIMULATIONS, evaluate_guesses
from .methods import METHODS, GuessProblem, PoissonMethod
from .problems import iterations_needed, problems_of
from .tables import ZERO, iterations_compared, tables, verdicts

VALIDATED = 64  # problems at most


class PressureGuess(NetworkTask):
    """
    Trains a network to guess the pressure, on the problems of recorded simulations; what is trained is a
    `PoissonGuess`. It is validated by what it is for: the mean number of iterations to the residual `tolerance`, max
    |∇·(u* - ∇p)|, in float64, over up to 64 problems of the simulations that are held out.

    Examples:
        >>> ps.PressureGuess(data, "sol", "small")
        PressureGuess(sol, on Dataset(2 simulations of 12 frames, reynolds 150 to 600, 0.1 MB, i...
    """

    name = "guess"
    correct = ("pressure",)
    product = "guess for a Poisson problem"
    files = ("guess.json", "guess.keras")
    methods = METHODS
    width = 140

    @checked
    def __init__(
        self,
        data: Dataset,
        method: PoissonMethod | str = "sol",
        network: str | keras.Model | Callable | PoissonGuess = "deep-unet",
        tolerance: float = 1e-3,
    ):
        """
        Args:
            data: Training simulations, of a flow that keeps its pressure problems, with those to be held out.
            method: How to train, or its name. The plan's stages say how many steps of the solver are in the loss.
            network: Name of a network, or a network or builder of your own, see `PoissonGuess.create`; or a trained
                `PoissonGuess`, whose network is trained on, with its weights and its scale.
            tolerance: Residual that validation solves to.

        Raises:
            InputError: for an unknown method. In `set_up`: for flows with obstacles or with open or periodic sides.
        """
        super().__init__(data)
        self.method = PoissonMethod(method) if isinstance(method, str) else method
        self.take(network, PoissonGuess)
        self.tolerance = positive("The tolerance of a guess", tolerance)

    def __repr__(self):
        return f"PressureGuess({self.method.name}, on {self.data})"

    def set_up(self, setting: Setting):
        moments = self.data.moments(list(setting.simulations))
        scale = moments["pressure"][1] / (moments["divergence"][1] or 1.0) or 1.0
        scale = self.start.scale if self.start else scale
        with setting.scope():
            network = self.begun(setting.precision)
            guess = PoissonGuess.create(self.flow, network, scale, seed=setting.seed, policy=setting.precision)
        self.guess = self.trained = guess
        self.problem = GuessProblem(self.flow, guess)

    @property
    def arrays(self) -> list[str]:
        return ["divergence", "pressure"]

    def frames(self, unroll: int) -> int:
        """A window is the state before a step and the one after it, which has the problem of this step."""
        return 1

    def losses(self, unroll: int, window: Arrays, parameters: Arrays, numbers: tf.Tensor) -> tf.Tensor:
        return self.method.at(unroll).losses(self.problem, window)

    def error(self, simulations: Sequence[int], frames: int) -> float:
        """The mean number of iterations from the guess to the tolerance; infinite if the guess is not finite."""
        problems = problems_of(self.data, VALIDATED, simulations, frames)
        guess = self.trained.predict(-problems.divergence)
        if not np.isfinite(guess).all():
            return float("inf")
        return float(iterations_needed(self.problem.operator, -problems.divergence, guess, [self.tolerance]).mean())

    @classmethod
    def load(cls, folder: Path) -> PoissonGuess:
        return PoissonGuess.load(folder)

    # --- what commands ask of the class ---

    @classmethod
    def create(cls, experiment, data, *, method="sol", unroll=1, network=None, **how) -> "PressureGuess":
        loss = experiment.schedule.loss
        cls.refuse(experiment, how if loss is None else how | {"loss": loss})
        network = network or experiment.schedule.network
        return cls(data, PoissonMethod(method, unroll), network, experiment.tolerance)

    @classmethod
    def stages(cls, method: str, unroll: int, shorter_first: bool = True) -> tuple[Stage, ...]:
        return (Stage(PoissonMethod(method, unroll).unroll, 1.0),)

    @classmethod
    def solver(cls, folder: Path, flow, strict: bool = True) -> IterativeFlow:
        return IterativeFlow(flow, PoissonGuess.load(folder))

    @classmethod
    def evaluate(cls, experiment, runs, data, out=None, **options):
        return evaluate_guesses(experiment, runs, data, out, **options)

    @classmethod
    def owns(cls, results: dict) -> bool:
        return super().owns(results) or "guesses" in results

    @classmethod
    def check_results(cls, results: dict):
        super().check_results(results)
        _ = results["solvers"][ZERO]["iterations"][f"{results['tolerance']:g}"], results["groups"], results["frames"]

    # --- what a reproduction asks ---

    @classmethod
    def reproduced(cls, experiment) -> dict[str, float]:
        """All of them: about what an iteration costs (9.8, 10.0, 10.7 and 10.7 CPU minutes for 8000)."""
        return {"non": 1.0, "phy": 1.0, "sol": 1.1, "sol-phy": 1.1}

    @classmethod
    def evaluation_cost(cls, experiment, runs: int, frames: int, simulations: int) -> Cost:
        """By a step of one simulation whose pressure is iterated from zero, after a few that stir it."""
        solver = IterativeFlow(experiment.pair.source, "zero", experiment.tolerance)
        arrays, parameters = Rehearsal(experiment.pair, experiment.simulations("test"), 1).tensors
        for _ in range(3):
            arrays = solver(arrays, parameters)
        step = median_seconds(lambda: solver(arrays, parameters)["iterations"].numpy())
        ways = 2 + 2 * runs  # from zero and the step before, and every guess once and twice
        seconds = step * experiment.simulation_steps * min(SIMULATIONS, simulations) * ways
        return Cost(f"running simulations with {runs} guesses, and the report", seconds)

    tables = staticmethod(tables)
    verdicts = staticmethod(verdicts)
    compared = staticmethod(iterations_compared)
