"""Keras callbacks around a training."""

import collections
import time

import keras
import tensorflow as tf


class Checkpoints(keras.callbacks.Callback):
    """
    Keeps the last two checkpoints of weights, optimizer and clock, and the corrector as it is, after every epoch and at
    the end. Each is complete or not there: TensorFlow moves a checkpoint into place before it names it as the latest.
    """

    def __init__(self, trainer):
        super().__init__()
        self.trainer = trainer
        trackable = tf.train.Checkpoint(model=trainer.network, optimizer=trainer.optimizer, clock=trainer.clock)
        self.manager = tf.train.CheckpointManager(trackable, str(trainer.folder / "checkpoints"), max_to_keep=2)
        self.saved_step = -1

    def restore(self) -> bool:
        """Goes back to the latest readable checkpoint; false if there is none."""
        for path in reversed(self.manager.checkpoints):
            try:
                self.manager.checkpoint.restore(path).assert_existing_objects_matched()
            except (tf.errors.OpError, ValueError, IndexError, AssertionError):  # truncated: try the one before
                continue
            self.saved_step = self.trainer.step
            return True
        return False

    def save(self):
        if self.trainer.step != self.saved_step:
            self.manager.save(checkpoint_number=self.trainer.step)
            self.trainer.corrector.save(self.trainer.folder)
            self.saved_step = self.trainer.step

    def on_epoch_end(self, epoch, logs=None):
        self.save()

    def on_train_end(self, logs=None):
        self.save()


class ProgressBar(keras.callbacks.Callback):
    """Shows loss, unroll length and speed in a rich progress display."""

    def __init__(self, bar, trainer, title: str):
        """
        Args:
            bar: A started `rich.progress.Progress`.
            trainer: The trainer that runs.
            title: Shown before the bar.
        """
        super().__init__()
        self.bar, self.trainer = bar, trainer
        self.task = bar.add_task(title, total=1.0, completed=trainer.progress, info="compiling")
        self.ends = collections.deque(maxlen=20)

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())
        elapsed = self.ends[-1] - self.ends[0]
        speed = f"{(len(self.ends) - 1) / elapsed:.1f} it/s" if elapsed else ""
        info = f"n={logs['unroll']:.0f} loss {logs['loss']:.1e} {speed}"
        self.bar.update(self.task, completed=logs["progress"], info=info)
