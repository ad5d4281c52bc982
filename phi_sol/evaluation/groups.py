"""Runs that differ in their training seed only belong together: their mean and deviation are what is quoted."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..storage.files import fingerprint
from .records import Record

DEFINING = {"scene", "pair", "data", "method", "unroll", "training", "network", "correct", "placement", "project"}
DEFINING |= {"plan", "validation", "passes"}


@dataclass(frozen=True)
class Group:
    """Solvers that only differ in their seed, or one without a corrector."""

    label: str  # in tables and figures
    runs: dict[str, Record]  # by the name of the solver, in order
    method: str = ""  # of the training; empty without a corrector
    unroll: int = 0

    @property
    def first(self) -> Record:
        return next(iter(self.runs.values()))

    def mean(self, measure: str) -> np.ndarray:
        """A measure averaged over simulations and runs, by frame: shape (frames, ...). NaN from a blow-up on."""
        return np.mean([r.of(measure).mean(1) for r in self.runs.values()], 0)

    def deviation(self, measure: str) -> np.ndarray | None:
        """Standard deviation over the runs of what each has on average over simulations; None for a single run."""
        if len(self.runs) < 2:
            return None
        return np.std([r.of(measure).mean(1) for r in self.runs.values()], 0, ddof=1)

    def statistics(self, frames: int, measure: str = "mae") -> tuple[float | None, float | None]:
        """As `mean_and_deviation`, over the runs, of a measure over the first frames; None where a run blew up."""
        return mean_and_deviation([r.mean(frames, measure) for r in self.runs.values()])


def mean_and_deviation(values: list[float | None]) -> tuple[float | None, float | None]:
    """Mean and standard deviation (of a sample) of values; None if one is, and no deviation of a single value."""
    known = [v for v in values if v is not None]
    if not known or len(known) < len(values):
        return None, None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None


def group_runs(records: dict[str, Record], descriptions: dict[str, dict]) -> list[Group]:
    """
    Groups of solvers, in order: those without a corrector alone, correctors with all that were trained in the same way
    on the same data but from other seeds. Descriptions say what each corrector was trained with.
    """
    groups = []
    for label, names in trained_alike(records, descriptions).items():
        facts = descriptions.get(names[0], {})
        groups.append(Group(label, {n: records[n] for n in names}, facts.get("method", ""), facts.get("unroll") or 0))
    return groups


def trained_alike(names: Iterable[str], descriptions: dict[str, dict]) -> dict[str, list[str]]:
    """
    Names of runs by the label of their group, in order. One without a description is alone, and so is one of a seed
    that a group has already, such as the last corrector beside the best one of a training.
    """
    members: dict[str, list[str]] = {}
    seen = set()
    for name in names:
        key, facts = name, descriptions.get(name)
        if facts:
            alike = {k: facts.get(k) for k in DEFINING} | {"chosen": (facts.get("chosen") or {}).get("kind")}
            found, seed = fingerprint(json.loads(json.dumps(alike))), facts.get("seed")
            key = name if seed is not None and (found, seed) in seen else found
            seen.add((found, seed))
        members.setdefault(key, []).append(name)
    groups: dict[str, list[str]] = {}
    for together in members.values():
        label = _label(together)
        groups[together[0] if label in groups else label] = together
    return groups


def _label(names: list[str]) -> str:
    """The name without its seed, if it is the same for all; else the first name."""
    if len(names) == 1:
        return names[0]
    bare = {re.sub(r"[-_ ]*seed[-_ ]*\d+", "", n) for n in names}
    return bare.pop() if len(bare) == 1 and "" not in bare else names[0]
