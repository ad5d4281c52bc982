"""`phi-sol evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from .common import (
    DataOption,
    OutOption,
    SceneArgument,
    by_part,
    command_line,
    progress_bar,
    quiet_tensorflow,
    show_results,
)


def evaluate(
    scene: SceneArgument,
    data: DataOption = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", "--runs", help="Folder of a corrector; may be repeated. Default: all in runs/SCENE."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Steps of the rollouts.", show_default="as recorded, at most 500")
    ] = None,
    numerics: Annotated[
        bool, typer.Option(help="Also run the source on a finer grid and with second-order advection.")
    ] = True,
    out: OutOption = None,
):
    """
    Compare the source and every corrector with the reference, over the test simulations.

    Writes results.json, report.html, report.md and the pictures in them. Default output: runs/SCENE/evaluation.
    """
    from ..errors import MissingError
    from ..experiment import load_experiment
    from .poisson import evaluate_guesses, is_poisson, refuse_options

    experiment = load_experiment(scene)
    if is_poisson(experiment):
        refuse_options(experiment, {"--no-numerics": not numerics})
        return evaluate_guesses(experiment, data, run, frames, out)
    root = Path("runs") / experiment.name
    data = data if data is not None else Path("data") / experiment.name
    from ..storage.dataset import find_simulations

    find_simulations(data, "test")
    for folder in run or []:
        if not (folder / "corrector.json").is_file():
            raise MissingError(
                f"There is no corrector in {folder}: train one first ('phi-sol train {scene}'), or name another run."
            )
    quiet_tensorflow()
    from ..evaluation.evaluator import evaluate as run_evaluation
    from ..evaluation.evaluator import find_runs
    from ..evaluation.tables import tables, verdicts

    runs = list(run) if run else find_runs(root)
    with progress_bar() as bar:
        folder = out if out is not None else root / "evaluation"
        result = run_evaluation(experiment, runs, data, folder, frames, command_line(), by_part(bar), numerics)
    show_results(tables(result.results), verdicts(result.results))
    for file in result.files:
        typer.echo(str(file))
