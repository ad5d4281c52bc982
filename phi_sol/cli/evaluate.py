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
        typer.Option("--run", "--runs", help="Folder of a run; may be repeated. Default: all in runs/SCENE."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Steps of the rollouts.", show_default="as recorded, at most 500")
    ] = None,
    numerics: Annotated[
        bool | None,
        typer.Option(
            "--numerics/--no-numerics",
            help="Also run the source on a finer grid and with second-order advection.",
            show_default="numerics",
        ),
    ] = None,
    out: OutOption = None,
):
    """
    Compare what was trained with the reference, over the test simulations: the source and every corrector.

    Without any run, the source and better numerics are evaluated alone. Writes results.json, report.html, report.md and
    the pictures in them. Default output: runs/SCENE/evaluation.
    """
    from ..experiment import load_experiment
    from ..storage.dataset import find_simulations

    experiment = load_experiment(scene)
    root = Path("runs") / experiment.name
    data = data if data is not None else Path("data") / experiment.name
    find_simulations(data, "test")
    quiet_tensorflow()
    from ..tasks import task_of

    task = task_of(experiment)
    for folder in run or []:
        task.require(folder, scene)
    options: dict = {} if numerics is None else {"numerics": numerics}
    task.check_evaluation(experiment, options)
    with progress_bar() as bar:
        folder = out if out is not None else root / "evaluation"
        options |= {"frames": frames, "command": command_line(), "progress": by_part(bar)}
        result = task.evaluate(experiment, list(run or task.find(root)), data, folder, **options)
    show_results(task.tables(result.results), task.verdicts(result.results), task.width)
    for file in result.files:
        typer.echo(str(file))
