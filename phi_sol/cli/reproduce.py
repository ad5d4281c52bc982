"""`phi-sol reproduce`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from . import common, completion
from .common import JsonOption, OutOption, json_of_plan, option, say, say_json
from .engines import ClusterOption, SchedulerOption, WorkersOption, engine_of, one_of


def reproduce(
    scene: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENE ...]",
            help="Known scenes or scene files. Default: those with a schedule of the paper's.",
            autocompletion=completion.scenes,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        option("Time of all trainings of a scene together, e.g. 2h, instead of the paper's schedule.", False),
    ] = None,
    seeds: Annotated[int, option("Training seeds.")] = 3,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    data: Annotated[Path | None, option("Data folder. Default: data/SCENE.", False)] = None,
    out: OutOption = None,
    dry_run: Annotated[bool, option("Measure and print what it will cost, and do nothing.", True, "--dry-run")] = False,
    as_json: JsonOption = False,
):
    """
    Make the paper's table: generate, train from several seeds, evaluate.

    Trains PRE, NON and SOL, or NON, PHY, SOL and SOL-PHY for Poisson problems.

    Default output: runs/SCENE/reproduction. States what it will cost on this machine, by timing a little of it.
    Interrupt with Ctrl-C at any time; the same command goes on where it stopped. With --workers, --scheduler or
    --cluster simulations and trainings are computed side by side.
    """
    from ..errors import InputError
    from ..experiment import load_experiment, scene_names

    json_of_plan(as_json, dry_run)
    experiments = [load_experiment(s) for s in scene or scene_names()]
    experiments = [e for e in experiments if scene or e.paper is not None]
    if len(experiments) > 1 and (data is not None or out is not None):
        raise InputError("--data and --out are for one scene: name it, or leave them out.")
    one_of(workers=workers, scheduler=scheduler, cluster=cluster)
    common.quiet_tensorflow()
    from ..reproduce.reproduction import Reproduction
    from ..training.plan import parse_duration

    seconds = None if budget is None else parse_duration(budget)
    plans = []
    for e in experiments:
        folder = out or Path("runs") / e.name / "reproduction"
        reproduction = Reproduction(e, folder, data or Path("data") / e.name, seconds, seeds)
        if not as_json:
            say(f"{e.name}: measuring what it will cost")
        costs = reproduction.costs()
        plans.append({"scene": e.name, "costs": [{"what": c.text, "seconds": c.seconds} for c in costs]})
        if as_json:
            continue
        for cost in costs:
            say(f"  {duration(cost.seconds):>8}  {cost.text}")
        say(f"  {duration(sum(c.seconds for c in costs)):>8}  in all, as measured on this machine just now")
        if dry_run:
            continue
        with engine_of(workers, scheduler, cluster) as engine:
            if engine is not None:
                spread(reproduction, engine)
        carry_out(reproduction)  # what is left: with an engine the evaluation
    if as_json:
        say_json(plans)


def spread(reproduction, engine):
    """Simulations and trainings of a reproduction by several processes; FailedError names what failed."""
    from ..progress import showing
    from ..reproduce.work import items
    from ..workers.items import check

    reproduction.generate(engine=engine)
    left = items(reproduction)
    done = len(reproduction.trainings) - len(left)
    with showing(True) as show:
        total, title = len(reproduction.trainings), f"{reproduction.experiment.name} trainings"
        outcomes = engine.run(left, lambda more: show(title, done + more, total))
    check(outcomes)


def carry_out(reproduction):
    """All parts of one reproduction, and its tables."""
    from ..progress import showing

    name = reproduction.experiment.name
    reproduction.generate()
    for training in reproduction.trainings:
        if training.finished:
            say(f"{training.folder} is finished.")
            continue
        with showing(True) as show:
            reproduction.train(training, show=partial(show, "computing beforehand"))
    with showing(True) as show:
        results = reproduction.evaluate(common.command_line(), lambda part, *n: show(f"{name} {part}", *n))
    common.show_results(reproduction.task.tables(results))
    say(str(reproduction.out / "evaluation" / "report.html"))


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h` or `2.1 days`."""
    if seconds < 1:
        return "< 1 s"
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.2g} {unit}" if seconds / size < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.1f} days"
