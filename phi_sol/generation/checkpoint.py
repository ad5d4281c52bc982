"""The states that unfinished simulations go on from."""

import shutil
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..files import write_arrays

FOLDER, FILE = ".checkpoints", "state.npz"
OLD = ".checkpoint.npz"  # of all simulations together, as versions before 0.3 wrote it

Entry = tuple[int, dict[str, np.ndarray]]


class Checkpoint:
    """
    Steps and full-resolution arrays of the simulations under way, by the fingerprints of their configurations.

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
                if key not in self.entries or entry[0] > self.entries[key][0]:
                    self.entries[key] = entry

    def save(self, entries: dict[str, Entry]):
        """Keeps these simulations in the place of what the batch had."""
        self.entries |= entries
        content: dict = {}
        for key, (step, arrays) in entries.items():
            content |= {f"{key}/{n}": a for n, a in ({"step": step} | arrays).items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(self.path, content)

    def drop(self):
        """Forgets what the batch had."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def clear(folder: Path):
    """Removes all checkpoints of finished data."""
    (folder / OLD).unlink(missing_ok=True)
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _read(file: Path, names: list[str], wanted: Collection[str] | None) -> dict[str, Entry]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            keys = {k.partition("/")[0] for k in stored.files}
            keys = keys if wanted is None else keys & set(wanted)
            return {k: (int(stored[f"{k}/step"]), {n: stored[f"{k}/{n}"] for n in names}) for k in keys}
    except Exception:  # whatever a damaged file raises
        return {}
