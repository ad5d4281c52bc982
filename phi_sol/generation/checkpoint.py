"""The states that unfinished simulations go on from."""

import shutil
from pathlib import Path

import numpy as np

from ..files import PARTIAL, write_arrays

Entry = tuple[int, dict[str, np.ndarray]]


class Checkpoint:
    """
    Steps and full-resolution arrays of the simulations under way, by the fingerprints of their configurations.

    All of them are in one file, which is replaced as a whole, so that the simulations of a batch are never at different
    steps in it. A damaged file counts as none.
    """

    def __init__(self, path: Path, names: list[str]):
        self.path = path
        self.entries: dict[str, Entry] = {}
        try:
            with np.load(path, allow_pickle=False) as stored:
                for key in {k.partition("/")[0] for k in stored.files}:
                    self.entries[key] = int(stored[f"{key}/step"]), {n: stored[f"{key}/{n}"] for n in names}
        except Exception:
            self.entries = {}

    def save(self, entries: dict[str, Entry]):
        """Replaces the entries of these simulations; the others stay."""
        self.entries |= entries
        content: dict = {}
        for key, (step, arrays) in self.entries.items():
            content |= {f"{key}/{n}": a for n, a in ({"step": step} | arrays).items()}
        write_arrays(self.path, content)

    def drop(self, keys: list[str]):
        """Forgets these simulations; without any left the file goes, too."""
        self.entries = {k: e for k, e in self.entries.items() if k not in keys}
        if self.entries:
            self.save({})
        else:
            self.path.unlink(missing_ok=True)
            shutil.rmtree(self.path.parent / PARTIAL, ignore_errors=True)
