"""Batches of simulations as work for several processes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..experiment import Experiment, load_experiment
from ..files import remove, resolved
from ..quiet import start_tensorflow
from ..storage.locks import LOCK, FolderLock
from ..workers.items import Engine, Item, check, check_visible

if TYPE_CHECKING:
    from .generator import Generator

LOG = logging.getLogger(__name__)
FUNCTION = f"{__name__}:compute"
START = ".start.npz"  # in the data folder, while others read it: the state that simulations begin from


def spread(
    generator: Generator, engine: Engine, batches: dict[int, int], progress: Callable[[float], None]
) -> dict[str, int]:
    """
    Lets the processes of an engine compute batches, by their numbers and steps. Returns the simulations that diverged,
    as `Simulator.run`; FailedError names those that failed otherwise.
    """
    if not batches:
        return {}
    origin = origin_of(generator.experiment)
    advice = "wait for it, or end it"
    with FolderLock(generator.folder, advice) as lock:
        try:
            what = _described(generator, origin)
            items = [_item(generator, what, number, steps) for number, steps in batches.items()]
            if (count := getattr(engine, "count", 0)) > len(items) and generator.batch > 1:
                words = f"{len(items)} batch{'es' * (len(items) > 1)} of up to {generator.batch} simulations"
                LOG.warning("%s for %d workers: a smaller batch= gives all of them something to do.", words, count)
            outcomes = engine.run(items, progress)
        finally:
            remove(generator.folder / START)
            lock.release()
    generator.look_up()
    check(outcomes)
    return {name: step for o in outcomes for name, step in o.result["diverged"].items()}


def origin_of(experiment: Experiment) -> str:
    """The scene's name or file, which other processes have it from; InputError if there is none."""
    if experiment.origin is None:
        advice = "write it into a file that defines `experiment`, and load it: load_experiment('my_scene.py')"
        name = experiment.name
        raise InputError(f"Other processes have a scene from its file, and {name!r} was not loaded from one: {advice}.")
    return experiment.origin


def _described(generator: Generator, origin: str) -> dict:
    """What another process needs to know of a generator, as JSON."""
    given = dict(generator.given)
    if given["start"] is not None and not isinstance(given["start"], str | Path):
        given["start"].save(generator.folder / START)
        given["start"] = generator.folder / START
    if given["start"] is not None:
        given["start"] = str(resolved(given["start"]))
    if given["parameters"] is not None:
        given["parameters"] = {n: [float(v) for v in values] for n, values in given["parameters"].items()}
    own = {"scene": origin, "split": generator.split, "folder": str(resolved(generator.folder))}
    return own | given | {"batch": generator.batch}


def _item(generator: Generator, what: dict, number: int, steps: int) -> Item:
    jobs = generator.parts()[number]
    names = jobs[0].folder.name + (f" to {jobs[-1].folder.name}" if len(jobs) > 1 else "")
    given = {"generator": what, "batch": number, "steps": steps}
    return Item(f"{generator.experiment.name} {names}", FUNCTION, given, float(steps))


@lru_cache(1)  # a process compiles once for all of its batches
def _generator(described: str) -> Generator:
    from .generator import Generator

    how = json.loads(described)
    experiment, split, folder = load_experiment(how.pop("scene")), how.pop("split"), Path(how.pop("folder"))
    return Generator(experiment, split, folder, **how)


def compute(arguments: dict, report: Callable[[float], None]) -> dict:
    """In a process that others send work to: a batch."""
    start_tensorflow()
    check_visible(Path(arguments["generator"]["folder"]), LOCK)
    generator = _generator(json.dumps(arguments["generator"], sort_keys=True))
    return {"diverged": generator.compute(arguments["batch"], arguments["steps"], report)}
