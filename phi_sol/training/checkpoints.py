"""Checkpoints: all that a training needs to go on exactly where it was."""

import errno
import logging
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import tensorflow as tf

from ..errors import InputError
from ..files import file_checksum, reading, resolved
from ..storage.files import read_json, write_json
from ..storage.schemas import POINT

LOG = logging.getLogger(__name__)
KEEP = 3
SUFFIXES = ("index", "json")
_NAME = re.compile(r"ckpt-(\d+)\.(index|json)$")
SECONDS = 300.0  # a long epoch is saved in between


class Checkpoints(keras.callbacks.Callback):
    """
    Keeps the last checkpoints, of the start, of every epoch, of every five minutes, and of the end. Each is complete or
    not there: TensorFlow moves the data into place, then its index, and last comes a file with the checksums of both
    and the run that they belong to.
    """

    def __init__(self, trainer, folder: Path, run: str | None, **state):
        """
        The trainer has `step`, `chief` and `save()`, the state TensorFlow variables and Keras objects by name; `run`
        tells the run from others, None for one that was begun before runs had such a name.
        """
        super().__init__()
        self.trainer, self.folder, self.run = trainer, folder, run
        self.checkpoint = tf.train.Checkpoint(**state)
        self.saved_step, self.saved_at = -1, time.monotonic()

    def restore(self, newest: int | None = None):
        """
        Goes back to the latest checkpoint (of those up to iteration `newest`), if there is any; if it can't be read, to
        the one before, with a warning. Raises InputError if there are checkpoints, but none can be read.
        """
        numbers = [n for n in self.numbers() if newest is None or n <= newest]
        for number, before in zip(numbers, [*numbers[1:], None], strict=False):
            try:
                self._read(number)
                self.saved_step = self.trainer.step
                return
            except InputError as err:
                if before is not None:
                    LOG.warning("%s Going back to the checkpoint of iteration %d.", err, before)
        if numbers:
            advice = "remove the run or name another folder (folder=)"
            raise InputError(f"No checkpoint in {self.folder} can be read: {advice}.")

    def _read(self, number: int):
        """Raises InputError if a checkpoint is damaged, or that of another run."""
        name, described = f"ckpt-{number}", self.folder / f"ckpt-{number}.json"
        if described.exists():
            facts = read_json(described, POINT)
            if self.run is not None and facts["run"] != self.run:
                raise InputError(f"{self.folder / name} is a checkpoint of another run.")
            for file, value in facts["files"].items():
                if file_checksum(self.folder / file) != value:
                    raise InputError(f"{self.folder / file} was changed after it was written.")
        with TemporaryDirectory(prefix="phi_sol-") as place, reading(self.folder / name):
            link = Path(place) / "checkpoints"  # TensorFlow would take brackets in the path for a pattern
            link.symlink_to(resolved(self.folder))
            self.checkpoint.read(str(link / name)).assert_existing_objects_matched()

    def numbers(self) -> list[int]:
        """Iterations of the checkpoints, latest first."""
        found = {s: {m[1] for p in self.folder.glob(f"ckpt-*.{s}") if (m := _NAME.match(p.name))} for s in SUFFIXES}
        # earlier versions wrote no description; where there is one, another without was not finished
        return sorted(map(int, found["index"] & found["json"] or found["index"]), reverse=True)

    @property
    def summary(self) -> str:
        """One sentence about what can be gone back to."""
        last = f"The last checkpoint in {self.folder} is that of iteration {self.saved_step}."
        return last if self.saved_step >= 0 else "There is no checkpoint yet."

    def save(self):
        """Saves unless this has been done, in the first worker only."""
        if self.trainer.chief and self.trainer.step != self.saved_step:
            self._write()
            self.remove(self.numbers()[KEEP:])
            self.trainer.save()
            self.saved_step = self.trainer.step
        self.saved_at = time.monotonic()

    def _write(self):
        name = f"ckpt-{self.trainer.step}"
        try:
            self.checkpoint.write(str(self.folder / name))
        except tf.errors.OpError as err:
            full = isinstance(err, tf.errors.ResourceExhaustedError)
            reason = os.strerror(errno.ENOSPC) if full else err.message.splitlines()[0]
            raise OSError(errno.ENOSPC if full else errno.EIO, reason, str(self.folder / name)) from err
        files = {p.name: file_checksum(p) for p in self.folder.glob(f"{name}.*") if p.suffix != ".json"}
        write_json(self.folder / f"{name}.json", {"run": self.run or "", "files": files})

    def remove(self, numbers: Sequence[int]):
        """Removes the checkpoints of some iterations."""
        for number in numbers:  # the description first, without which the others count for nothing
            for path in sorted(self.folder.glob(f"ckpt-{number}.*"), key=lambda p: p.suffix != ".json"):
                path.unlink()

    def on_train_begin(self, logs=None):
        if self.trainer.chief and not self.numbers():  # what a training that diverges at once goes back to
            self._write()
        self.saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        if time.monotonic() - self.saved_at > SECONDS:
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        self.save()

    def on_train_end(self, logs=None):
        self.save()
