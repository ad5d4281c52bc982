"""Checkpoints: all that a training needs to go on exactly where it was."""

import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from ..errors import InputError

LOG = logging.getLogger(__name__)
KEEP = 3
SECONDS = 300.0  # a long epoch is saved in between


class Checkpoints(keras.callbacks.Callback):
    """
    Keeps the last checkpoints, of the start, of every epoch, of every five minutes, and of the end. Each is complete or
    not there: TensorFlow moves the data into place, and then its index.
    """

    def __init__(self, trainer, folder: Path, **state):
        """The trainer has `step`, `chief` and `save()`, the state TensorFlow variables and Keras objects by name."""
        super().__init__()
        self.trainer, self.folder = trainer, folder
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
                self.checkpoint.read(str(self.folder / f"ckpt-{number}")).assert_existing_objects_matched()
                self.saved_step = self.trainer.step
                return
            except (tf.errors.OpError, ValueError, IndexError, AssertionError, RuntimeError):
                if before is not None:
                    text = "The checkpoint of iteration %d in %s is damaged: going back to that of iteration %d."
                    LOG.warning(text, number, self.folder, before)
        if numbers:
            advice = "remove the run or name another folder (folder=)"
            raise InputError(f"No checkpoint in {self.folder} can be read: {advice}.")

    def numbers(self) -> list[int]:
        """Iterations of the checkpoints, latest first."""
        names = [re.fullmatch(r"ckpt-(\d+)\.index", p.name) for p in self.folder.glob("ckpt-*.index")]
        return sorted((int(m[1]) for m in names if m), reverse=True)

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
        self.checkpoint.write(str(self.folder / f"ckpt-{self.trainer.step}"))

    def remove(self, numbers: Sequence[int]):
        """Removes the checkpoints of some iterations."""
        for number in numbers:
            for path in self.folder.glob(f"ckpt-{number}.*"):
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
