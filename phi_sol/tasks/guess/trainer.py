"""The trainer with a guess in the place of a corrector."""

from collections.abc import Sequence

import numpy as np

from ...correctors.guess import PoissonGuess
from ...training.trainer import Trainer
from .methods import GuessProblem, PoissonMethod
from .problems import iterations_needed, problems_of

VALIDATED = 64  # problems at most


class GuessTrainer(Trainer):
    """
    Trains a `PoissonGuess` on the problems of recorded simulations, in the loop of `Trainer`, with its runs,
    checkpoints, logs and callbacks.

    It is validated by what it is for: the mean number of iterations to `tolerance`, in float64, over up to 64
        problems of the simulations that
    are held out.

    Attributes:
        tolerance: Residual, max |∇·(u* - ∇p)|, that validation solves to.
    """

    def __init__(self, *args, tolerance: float = 1e-3, **options):
        """
        Args:
            args: As for `Trainer`.
            tolerance: Residual that validation solves to.
            options: As for `Trainer`.

        Raises:
            InputError: as `Trainer` does, and for flows with obstacles or with open or periodic sides.
            MissingError: as `Trainer` does.
        """
        self.tolerance = tolerance
        super().__init__(*args, **options)

    def _create_solver(
        self, method: PoissonMethod, network: str, correct: tuple[str, ...], remat: bool
    ) -> GuessProblem:
        moments = self.data.moments(self.simulations)
        scale = moments["pressure"][1] / moments["divergence"][1]
        with self.strategy.scope():
            guess = PoissonGuess.create(self.flow, network, scale, self.seed, self.plan.precision)
        return GuessProblem(self.flow, guess)

    @property
    def window_arrays(self) -> list[str]:
        return ["divergence", "pressure"]

    def error(self, simulations: Sequence[int], frames: int) -> float:
        """The mean number of iterations from the guess to the tolerance; infinite if the guess is not finite."""
        problems = problems_of(self.data, VALIDATED, simulations, frames)
        guess = self.corrector.predict(-problems.divergence)
        if not np.isfinite(guess).all():
            return float("inf")
        return float(iterations_needed(self.hybrid.operator, -problems.divergence, guess, [self.tolerance]).mean())
