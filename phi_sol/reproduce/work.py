"""Trainings of a reproduction as work for several processes."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..experiment import load_experiment
from ..generation.work import origin_of
from ..progress import sent_to
from ..quiet import start_tensorflow
from ..workers.items import Item

if TYPE_CHECKING:
    from .reproduction import Reproduction

FUNCTION = f"{__name__}:train"


def items(reproduction: Reproduction) -> list[Item]:
    """The trainings that are not finished; InputError if other processes can't have the scene from a file."""
    experiment = reproduction.experiment
    what: dict = {"scene": origin_of(experiment), "out": str(reproduction.out), "data": str(reproduction.data)}
    what |= {"budget": reproduction.budget, "seeds": reproduction.seeds, "cwd": str(Path.cwd())}
    left = [(i, t) for i, t in enumerate(reproduction.trainings) if not t.finished]
    return [Item(f"{experiment.name} {t.folder.name}", FUNCTION, what | {"training": i}) for i, t in left]


def train(arguments: dict, report: Callable[[float], None]) -> dict:
    """In a process that others send work to: one training, from where it was interrupted."""
    start_tensorflow()
    from .reproduction import Reproduction

    os.chdir(arguments["cwd"])  # which folders may be named from
    how, number = {n: arguments[n] for n in ("budget", "seeds")}, arguments["training"]
    experiment = load_experiment(arguments["scene"])
    reproduction = Reproduction(experiment, Path(arguments["out"]), Path(arguments["data"]), **how)
    with sent_to(lambda part, done, total, **_: report(done / total if total else 0.0)):
        reproduction.train(reproduction.trainings[number])
    gc.collect()
    return {"folder": str(reproduction.trainings[number].folder)}
