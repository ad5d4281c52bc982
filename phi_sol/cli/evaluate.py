"""`phi-sol evaluate`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .common import DataOption, OutOption, SceneArgument, progress_bar, quiet_tensorflow


def evaluate(
    scene: SceneArgument,
    data: DataOption = None,
    run: Annotated[list[Path] | None, typer.Option(help="Folder of a corrector; may be repeated. Default: all in runs/SCENE.")] = None,
    frames: Annotated[int | None, typer.Option(help="Steps of the rollouts.", show_default="as recorded, at most 500")] = None,
    out: OutOption = None,
):
    """
    Compare the source and every corrector with the reference, over the test simulations.

    Writes results.json, error_curves.png and fields.png. Default output: runs/SCENE/evaluation.
    """
    from ..errors import MissingError
    from ..experiment import load_experiment
    from .poisson import evaluate_guesses, is_poisson

    experiment = load_experiment(scene)
    if is_poisson(experiment):
        return evaluate_guesses(experiment, data, run, frames, out)
    root = Path("runs") / experiment.name
    data = data if data is not None else Path("data") / experiment.name
    from ..data.dataset import find_simulations

    find_simulations(data, "test")
    for folder in run or []:
        if not (folder / "corrector.json").is_file():
            raise MissingError(f"There is no corrector in {folder}: train one first ('phi-sol train {scene}'), or name another run.")
    quiet_tensorflow()
    from rich.console import Console

    from ..evaluation.evaluate import evaluate as run_evaluation
    from ..evaluation.evaluate import find_runs
    from ..evaluation.report import table

    runs = list(run) if run else find_runs(root)
    with progress_bar("steps/s") as bar:
        tasks = {}

        def show(solver, done, total):
            if solver not in tasks:
                tasks[solver] = bar.add_task(solver, total=total)
            bar.update(tasks[solver], completed=done)

        command = " ".join(["phi-sol", *sys.argv[1:]])
        result = run_evaluation(experiment, runs, data, out if out is not None else root / "evaluation", frames, command, show)
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(table(result.results))
    for file in result.files:
        typer.echo(str(file))
