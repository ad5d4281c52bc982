"""`phi-sol evaluate`."""

from pathlib import Path
from typing import Annotated

from . import common, completion
from .common import DataOption, OutOption, SceneArgument, option, say


def evaluate(
    scene: SceneArgument,
    data: DataOption = None,
    run: Annotated[
        list[Path] | None,
        option(
            "Folder of a run, or pretrained (comes with phi_sol; pretrained:SCENE is that of another scene); may be "
            "repeated. Default: all in runs/SCENE.",
            True,
            "--run",
            "--runs",
            complete=completion.runs,
        ),
    ] = None,
    frames: Annotated[int | None, option("Steps of the source in a rollout.", "as recorded, at most 500")] = None,
    numerics: Annotated[
        bool | None,
        option(
            "Also run plain numerics: other schemes of advection, finer grids, other time steps.",
            "numerics",
            "--numerics/--no-numerics",
        ),
    ] = None,
    schemes: Annotated[
        str | None, option("Schemes of advection of the plain numerics, e.g. semi_lagrangian,mac_cormack.", "all")
    ] = None,
    precision: Annotated[
        str | None,
        option(
            "Of the networks, as for train: 16 bits are faster where the processor or GPU has instructions for them.",
            "each one's own",
            complete=completion.precisions,
        ),
    ] = None,
    anyway: Annotated[
        bool,
        option(
            "Also correctors of another flow (obstacles, boundaries, parameters, more cells of the same size).",
            True,
            "--anyway",
        ),
    ] = False,
    reference_error: Annotated[
        bool,
        option(
            "Also compare the reference with itself: half its dt, twice its resolution, another scheme.",
            True,
            "--reference-error",
        ),
    ] = False,
    reference_simulations: Annotated[
        int | None, option("Test simulations that --reference-error is measured over.", "2")
    ] = None,
    series: Annotated[
        bool, option("Also write all measures over time as CSV files, into the folder series.", True, "--series")
    ] = False,
    parquet: Annotated[bool, option("The series as Parquet files.", True, "--parquet")] = False,
    probe: Annotated[
        list[str] | None, option("A point where the series have all fields, e.g. y=100,x=50; may be repeated.", False)
    ] = None,
    out: OutOption = None,
):
    """
    Compare what was trained with the reference, over the test simulations: the source and every corrector.

    First come the lines that say what was won: the error against the source's, the cost against the reference's, and
    the speed-up over plain numerics that are as accurate. Without any run, the source and plain numerics are evaluated
    alone. Writes results.json, report.html, report.md and the pictures in them. Default output: runs/SCENE/evaluation.
    """
    from ..experiment import load_experiment
    from ..storage.dataset import find_simulations
    from ..storage.shipped import shipped_or_own
    from . import pairs

    experiment = load_experiment(scene)
    root = Path("runs") / experiment.name
    folders = common.data_folders(data, experiment.name)
    points = pairs.points(probe)
    find_simulations(folders, "test")
    common.quiet_tensorflow()
    from ..tasks import evaluate as carry_out
    from ..tasks import task_of

    task = task_of(experiment)
    run = [shipped_or_own(folder, experiment.name) for folder in run or []]
    for folder in run:
        task.require(folder, scene)
    options: dict = {} if numerics is None else {"numerics": numerics}
    options |= {} if schemes is None else {"schemes": [s.strip() for s in schemes.split(",") if s.strip()]}
    options |= {} if precision is None else {"precision": precision}
    options |= {"anyway": True} if anyway else {}
    options |= {"reference_error": True} if reference_error else {}
    options |= {} if reference_simulations is None else {"reference_simulations": reference_simulations}
    options |= {"series": "parquet" if parquet else True} if series or probe or parquet else {}
    options |= {"probes": points} if points else {}
    task.check_evaluation(experiment, options)
    options |= {"frames": frames, "command": common.command_line()}
    found = list(run or task.find(root))
    result = carry_out(experiment, found, folders, out or root / "evaluation", **options)
    common.show_results(task.tables(result.results), task.verdicts(result.results), task.width)
    for file in result.files:
        say(str(file))
