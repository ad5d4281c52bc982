"""`phi-sol generate`."""

from pathlib import Path
from typing import Annotated

from . import completion
from .common import JsonOption, OutOption, SceneArgument, json_of_plan, option, quiet_tensorflow, say, say_json
from .engines import ClusterOption, SchedulerOption, WorkersOption, engine_of, one_of


def generate(
    scene: SceneArgument,
    split: Annotated[
        str | None,
        option("train, test or all.", "all, or train with --param", complete=completion.one_of("train", "test", "all")),
    ] = None,
    param: Annotated[
        list[str] | None,
        option("Parameter values, e.g. reynolds=250,900, instead of the scene's.", complete=completion.parameters),
    ] = None,
    frames: Annotated[int | None, option("Recorded steps; frame 0 is the start.", "the scene's")] = None,
    warmup: Annotated[int | None, option("Steps discarded before frame 0.", "the scene's")] = None,
    batch: Annotated[int | None, option("Simulations computed together, at most.", "as many as pay here")] = None,
    start: Annotated[
        Path | None, option("File of a reference state (State.save) to begin from.", "the flow's initial state")
    ] = None,
    out: OutOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    part: Annotated[str | None, option("i/n: only the i-th of n shares of the batches, for job arrays.", False)] = None,
    dry_run: Annotated[bool, option("Print what would be written, and write nothing.", True, "--dry-run")] = False,
    as_json: JsonOption = False,
):
    """
    Compute reference simulations and store them as PhiFlow scenes.

    Default output: data/SCENE/train and data/SCENE/test. With --out DIR, one split goes right into DIR, both into
    DIR/train and DIR/test. With --start all simulations begin from that state, before their warm-up. A run that was
    interrupted goes on where it stopped; what is finished is skipped.

    With --workers, --scheduler or --cluster, or the same command in several processes or an array of jobs (--part) on
    one folder, each batch is computed once, and the bytes are the same whoever computes it.
    """
    from ..errors import InputError, MissingError, quoted
    from ..experiment import SPLITS, load_experiment
    from ..files import visible
    from . import pairs

    json_of_plan(as_json, dry_run)
    experiment = load_experiment(scene)
    parameters = pairs.lists(param, "param", "reynolds=250,900")
    split = split or ("train" if parameters else "all")
    if split not in (*SPLITS, "all"):
        raise InputError(f"Unknown split {quoted(split)}. Known: train, test, all.")
    if parameters and split == "all":
        raise InputError("--param needs one split: add --split train or --split test.")
    folders = {s: Path("data") / experiment.name / s for s in SPLITS}
    if out is not None:
        folders = {s: out / s for s in SPLITS} if split == "all" else {split: out}
    chosen = SPLITS if split == "all" else (split,)
    for s in chosen:  # refuse bad values before TensorFlow is loaded
        experiment.simulations(s, parameters or None)
    if out is not None and split == "all":
        foreign = sorted({p.name for p in visible(out)} - set(SPLITS))
        if foreign:
            advice = "Choose another folder with --out."
            raise InputError(f"{out} is not a phi_sol data folder: it holds {foreign[0]!r}. {advice}")
    if start is not None and not start.is_file():
        raise MissingError(f"{start} is missing.")
    share = None if part is None else _share(part)
    one_of(workers=workers, scheduler=scheduler, cluster=cluster, part=part)
    quiet_tensorflow()
    from ..generation.generator import Generator

    how: dict = dict(parameters=parameters or None, frames=frames, warmup=warmup, batch=batch, start=start)
    generators = {s: Generator(experiment, s, folders[s], **how) for s in chosen}
    if as_json:
        plans = [{"split": s, "folder": folders[s], "frames": g.frames} | g.plan() for s, g in generators.items()]
        return say_json(plans)
    if dry_run:
        for s, generator in generators.items():
            plan = generator.plan()
            say(
                f"{folders[s]}: {plan['simulations']} simulations ({plan['finished']} finished) of {plan['files']} "
                f"files with {generator.frames + 1} frames, at most {plan['bytes'] / 1e6:.1f} MB; {plan['steps']} "
                f"reference steps to compute, {plan['batch']} simulations at a time"
            )
        return
    if share is None:
        Generator.check_room([*generators.values()])
    with engine_of(workers, scheduler, cluster) as engine:
        found = {s: g.run(workers=engine, part=share) for s, g in generators.items()}
    for s, generator in generators.items():
        of = "" if share is None else f" of {len(generator.jobs)}"
        say(f"{len(found[s])}{of} simulations with {generator.frames} frames in {folders[s]}")


def _share(text: str) -> tuple[int, int]:
    from ..errors import InputError, quoted

    numbers = text.split("/")
    if len(numbers) != 2 or not all(n.isascii() and n.isdigit() for n in numbers):
        raise InputError(f"--part must have the form i/n, e.g. 1/4, not {quoted(text)}.")
    i, n = map(int, numbers)
    if not 1 <= i <= n:
        raise InputError(f"--part {text}: the first number must be between 1 and the second.")
    return i, n
