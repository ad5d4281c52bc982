"""The paper's table of a scene: data, trainings over several seeds, and their evaluation, resumable at any point."""

from ..tasks.guess.experiment import PoissonExperiment
from .correctors import Reproduction
from .guesses import GuessReproduction

__all__ = ["GuessReproduction", "Reproduction", "reproduction_of"]


def reproduction_of(experiment, *args, **options) -> Reproduction:
    """The reproduction of a scene of any kind; arguments as for `Reproduction`."""
    kind = GuessReproduction if isinstance(experiment, PoissonExperiment) else Reproduction
    return kind(experiment, *args, **options)
