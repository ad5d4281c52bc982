"""The states that unfinished simulations go on from."""

import json
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..files import remove, write_arrays

FOLDER, FILE = ".checkpoints", "state.npz"
OLD = ".checkpoint.npz"  # of all simulations together, as earlier versions wrote it


@dataclass(frozen=True)
class Entry:
    """
    A simulation under way.

    Attributes:
        step: Steps done.
        arrays: Its full-resolution state.
        checksums: Of the frames written so far, by field; None where they were written without.
    """

    step: int
    arrays: dict[str, np.ndarray]
    checksums: dict[str, list[str]] | None = field(default_factory=dict)


class Checkpoint:
    """
    The simulations under way, by the fingerprints of their configurations.

    Those of a batch are in one file, which is replaced as a whole, so that they are never at different steps in it.
    Every batch has a file of its own, so that several processes may compute batches of one data folder; all of them
    are read. A damaged file counts as none.
    """

    def __init__(self, folder: Path, batch: str, names: list[str], wanted: Collection[str] | None = None):
        """
        Of the data in `folder`: `batch` names the one that is saved, `names` the arrays of a state, `wanted` the
        simulations that are read (None: all).
        """
        self.path = folder / FOLDER / batch / FILE
        self.entries: dict[str, Entry] = {}
        for file in (folder / OLD, *sorted((folder / FOLDER).glob(f"*/{FILE}"))):
            for key, entry in _read(file, names, wanted).items():
                if key not in self.entries or entry.step > self.entries[key].step:
                    self.entries[key] = entry

    def save(self, entries: dict[str, Entry]):
        """Keeps these simulations in the place of what the batch had."""
        self.entries |= entries
        content: dict = {}
        for key, entry in entries.items():
            facts = {"step": entry.step, "checksums": np.array(json.dumps(entry.checksums))}
            content |= {f"{key}/{n}": a for n, a in (facts | entry.arrays).items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(self.path, content)

    def drop(self):
        """Forgets what the batch had."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def clear(folder: Path):
    """Removes all checkpoints of finished data."""
    for place in (OLD, FOLDER):
        remove(folder / place)


def _read(file: Path, names: list[str], wanted: Collection[str] | None) -> dict[str, Entry]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            keys = {k.partition("/")[0] for k in stored.files}
            keys = keys if wanted is None else keys & set(wanted)
            return {k: _entry(stored, k, names) for k in keys}
    except Exception:  # whatever a damaged file raises
        return {}


def _entry(stored: np.lib.npyio.NpzFile, key: str, names: list[str]) -> Entry:
    known = f"{key}/checksums"
    checksums = json.loads(str(stored[known][()])) if known in stored.files else None
    return Entry(int(stored[f"{key}/step"]), {n: stored[f"{key}/{n}"] for n in names}, checksums)
