"""`phi-sol sweep`."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from . import common
from .common import DataOption, JsonOption, OutOption, SceneArgument, json_of_plan, note, option, say, say_json
from .defaults import in_words
from .engines import ClusterOption, SchedulerOption, WorkersOption, engine_of, one_of


def sweep(
    context: typer.Context,
    scene: SceneArgument,
    set_: Annotated[
        list[str] | None, option("Values of an option of train, e.g. unroll=4,8; may be repeated.", False, "--set")
    ] = None,
    file: Annotated[
        Path | None, option("TOML or YAML file with a table `set` of such values, `seeds` and `frames`.", False)
    ] = None,
    seeds: Annotated[int | None, option("Training seeds 0, 1, ... of each combination.", "1")] = None,
    frames: Annotated[int | None, option("Frames of the evaluation.", "all")] = None,
    data: DataOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    out: OutOption = None,
    dry_run: Annotated[bool, option("Print the trainings, and do nothing.", True, "--dry-run")] = False,
    as_json: JsonOption = False,
):
    """
    Train with all combinations of settings, and evaluate them together.

    Default output: runs/SCENE/sweep, with a folder for each training, the evaluation of all, sweep.csv, and log.jsonl
    for programs that watch. The same command goes on where it was interrupted; with more values or seeds it trains
    those that are new. What phi_sol.toml says of train holds for all of them.
    """
    from ..errors import FailedError, InputError, MissingError
    from ..experiment import load_experiment
    from ..progress import showing
    from ..storage.dataset import find_simulations
    from ..workers.local import Workers
    from . import pairs, sweeps

    json_of_plan(as_json, dry_run)
    experiment = load_experiment(scene)
    one_of(workers=workers, scheduler=scheduler, cluster=cluster)
    if file is not None and not file.is_file():
        raise MissingError(f"{file} is missing.")
    content = {} if file is None else sweeps.content_of(file)
    values = sweeps.settings(pairs.pairs(set_, "set", "unroll=4,8"), content.get("set", {}))
    if not values:
        raise InputError("There is nothing to vary: give values with --set, e.g. --set unroll=4,8, or a --file.")
    if fixed := sweeps.fixed(context.find_root().default_map or {}, values):
        note(in_words(fixed))
        values = {n: [sweeps.text_of(v)] for n, v in fixed.items()} | values
    folders = data or [Path("data") / experiment.name]
    for split in ("train", "test"):
        find_simulations(common.data_folders(data, experiment.name), split)
    common.quiet_tensorflow()
    seeds = content.get("seeds", 1) if seeds is None else seeds
    frames = content.get("frames") if frames is None else frames
    plan = sweeps.Sweep(experiment, values, seeds, out or Path("runs") / experiment.name / "sweep", folders)
    if as_json:
        facts = [{"run": r.name, "finished": plan.is_trained(r), "train": r.arguments()} for r in plan.runs]
        return say_json(facts)
    if dry_run:
        for run in plan.runs:
            say(f"{run.name}{' (finished)' if plan.is_trained(run) else ''}: {' '.join(run.arguments())}")
        return
    with engine_of(workers, scheduler, cluster) as given, showing(True) as show:
        engine = given or Workers(1)
        outcomes = plan.train(engine, lambda *n: show(f"{experiment.name} sweep", *n))
        results = plan.evaluate(engine, frames, lambda *n: show("evaluation", *n))
    rows = plan.rows(results)
    with open(plan.folder / "sweep.csv", "w", newline="") as table:
        names = list(dict.fromkeys(n for row in rows for n in row))
        writer = csv.DictWriter(table, names)
        writer.writeheader()
        writer.writerows(rows)
    _show(rows)
    say(str(plan.folder / "sweep.csv"))
    say(str(plan.folder / "evaluation" / "report.html"))
    if failed := [o for o in outcomes if o.failure]:
        reasons = "; ".join(f"{o.item.label}: {o.failure}" for o in failed)
        raise FailedError(f"{len(failed)} of {len(outcomes)} trainings failed. {reasons}")


def _show(rows: list[dict]):
    from rich.table import Table

    table, names = Table(), list(dict.fromkeys(n for row in rows for n in row))
    for name in names:
        is_text = all(isinstance(row.get(name, ""), str) for row in rows)
        table.add_column(name.replace("_", " "), justify="left" if is_text else "right")
    for row in rows:
        table.add_row(
            *(f"{v:.4g}" if isinstance(v := row.get(n), float) else "" if v is None else str(v) for n in names)
        )
    common.wide_console().print(table)
