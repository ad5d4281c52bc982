"""What several processes do: items of work that JSON holds, and what came of them."""

import importlib
import os
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FailedError, InputError, one_line, user_error
from ..storage.files import versions

REPORT_EVERY = 0.2  # seconds between what a worker says of its progress
SAME = ("phi_sol", "tensorflow", "keras", "phiflow")  # what must be the same version everywhere
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# not OMP_NUM_THREADS: with another number of threads BLAS rounds matrices of the pressure solve otherwise


@dataclass(frozen=True)
class Item:
    """
    A piece of work.

    Attributes:
        label: What it is, in words.
        function: `module:name` of a function of (arguments, report), which gives a dictionary that JSON holds; `report`
            is called with how much is done.
        arguments: JSON-ready.
        total: How much there is to do, in the unit of `report`.
    """

    label: str
    function: str
    arguments: dict
    total: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What came of an item: its `result`, or why there is none, `failure`; `wrong`: whether the user can mend it."""

    item: Item
    result: dict = field(default_factory=dict)
    failure: str = ""
    wrong: bool = False


def unheard(_: object):
    """Called by an engine where nobody wants to know."""


class Engine(ABC):
    """Something with processes, which carries out items."""

    def run(
        self,
        items: Sequence[Item],
        progress: Callable[[float], None] = unheard,
        ended: Callable[[Outcome], None] = unheard,
    ) -> list[Outcome]:
        """
        What came of each item, in order; one that fails does not stop the others. `progress` is called with how much of
        all is done, `ended` with each as it comes, both in the thread that calls this.
        """
        return self._carried_out(list(items), progress, ended)

    @abstractmethod
    def _carried_out(self, items: list[Item], progress: Callable, ended: Callable) -> list[Outcome]:
        """As `run`."""


def check(outcomes: Sequence[Outcome]):
    """Raises FailedError, or InputError where all of it is the user's, for items that failed: each once, with why."""
    failed = [o for o in outcomes if o.failure]
    if failed:
        reasons: dict[str, list[str]] = {}
        for o in failed:
            reasons.setdefault(o.failure, []).append(o.item.label)
        text = "; ".join(f"{', '.join(labels)}: {reason}" for reason, labels in reasons.items())
        kind = InputError if all(o.wrong for o in failed) else FailedError
        raise kind(f"{len(failed)} of {len(outcomes)} pieces of work failed. {text}")


def packed(item: Item, threads: int) -> dict:
    """An item as it is sent to another process, with what must be the same there."""
    return asdict(item) | {"threads": threads, "versions": versions()}


def carry_out(sent: dict, report: Callable[[float], None]) -> dict:
    """
    What comes of an item in this process, as JSON: `result`, or `failure` in words, and `wrong`. `report` is called at
    most five times a second.
    """
    last = 0.0

    def advanced(done: float):
        nonlocal last
        if (now := time.monotonic()) - last >= REPORT_EVERY or done >= sent["total"]:
            last = now
            report(done)

    try:
        check_versions(sent["versions"])
        for name in THREADS:  # read when TensorFlow starts
            os.environ.setdefault(name, str(sent["threads"]))
        module, _, name = sent["function"].partition(":")
        return {"result": getattr(importlib.import_module(module), name)(sent["arguments"], advanced)}
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as err:
        return {"failure": failure(err), "wrong": isinstance(err, InputError)}


def cores() -> int:
    """Of this machine, as many as this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def failure(err: BaseException) -> str:
    """An error as one line; that of a file says which."""
    if isinstance(err, InputError):
        return str(err)
    if isinstance(err, OSError) and err.strerror:
        return f"{err.filename}: {err.strerror}" if err.filename else err.strerror
    return str(user_error(err) or one_line(err))


def check_versions(sent: dict[str, str]):
    """Raises InputError where this process has other versions than the one that sends work."""
    own = versions()
    for name in SAME:
        if own[name] != sent[name]:
            raise InputError(
                f"A worker on {platform.node()} has {name} {own[name]}, not {sent[name]}: install the same everywhere."
            )


def outcome(item: Item, answer: dict[str, Any]) -> Outcome:
    """An outcome from what `carry_out` has said."""
    return Outcome(item, answer.get("result", {}), answer.get("failure", ""), answer.get("wrong", False))


def check_visible(folder: Path, mark: str):
    """Raises InputError if a worker does not see a mark in a folder that the one who sends work has made there."""
    if not (folder / mark).is_file():
        raise InputError(
            f"A worker on {platform.node()} does not see {folder} as the process does that sends it work: choose a "
            "folder on a file system that all of them share."
        )
