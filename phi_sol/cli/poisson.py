"""What the commands do otherwise for the scenes of Poisson problems."""

from pathlib import Path

import typer

from .common import command_line, progress_of, quiet_tensorflow, show_results


def is_poisson(experiment) -> bool:
    """Whether an experiment is about initial guesses."""
    from ..tasks.guess.experiment import PoissonExperiment

    return isinstance(experiment, PoissonExperiment)


def refuse_options(experiment, given: dict[str, bool]):
    """
    Args:
        experiment: The scene.
        given: By option that is for correctors alone, whether it was used.

    Raises:
        InputError: if one was.
    """
    from ..errors import InputError

    for option in (o for o, is_given in given.items() if is_given):
        raise InputError(f"{option} is for correctors; {experiment.name} trains an initial guess: leave it out.")


def evaluate_guesses(experiment, data: Path | None, runs: list[Path] | None, frames: int | None, out: Path | None):
    """`phi-sol evaluate` for initial guesses."""
    from ..storage.dataset import find_simulations

    root = Path("runs") / experiment.name
    data = data if data is not None else Path("data") / experiment.name
    find_simulations(data, "test")
    quiet_tensorflow()
    from ..tasks.guess.evaluation import evaluate, find_guesses
    from ..tasks.guess.tables import tables, verdicts

    with progress_of("running simulations") as show:
        folder = out if out is not None else root / "evaluation"
        result = evaluate(experiment, runs or find_guesses(root), data, folder, frames, command_line(), show)
    show_results(tables(result.results), verdicts(result.results), 140)
    for file in result.files:
        typer.echo(str(file))
