"""Keras callbacks that show a training: table of logs, TensorBoard, progress bar."""

import collections
import csv
import importlib.util
import io
import time
from pathlib import Path
from types import SimpleNamespace

import keras

from ..errors import InputError
from ..storage.files import write_atomic

COLUMNS = ("step", "seconds", "progress", "unroll", "learning_rate", "loss", "gradient_norm")


class Log(keras.callbacks.Callback):
    """
    One line per epoch in a CSV file. Lines after the step at which a training goes on are dropped: they come again.
    """

    def __init__(self, path: Path, step: int, validated: bool):
        """
        Args:
            path: The file.
            step: Iterations done before.
            validated: Whether there is a column `val_error`, which is empty in epochs without a validation.
        """
        super().__init__()
        self.path, self.step = path, step
        self.columns = (*COLUMNS, "val_error") if validated else COLUMNS

    def on_train_begin(self, logs=None):
        rows = []
        if self.path.is_file():
            with open(self.path, newline="") as file:
                rows = [
                    r for r in csv.DictReader(file) if (r.get("step") or "").isdigit() and int(r["step"]) <= self.step
                ]
        text = io.StringIO(newline="")
        writer = self._writer(text)
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(self.path, text.getvalue().encode())

    def on_epoch_end(self, epoch, logs=None):
        with open(self.path, "a", newline="") as file:
            self._writer(file).writerow({n: f"{v:.7g}" for n, v in (logs or {}).items()})

    def _writer(self, file) -> csv.DictWriter:
        return csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's TensorBoard callback, one point per epoch, for a model that is not compiled."""

    def __init__(self, folder: Path, optimizer: keras.optimizers.Optimizer):
        """
        Raises:
            InputError: if TensorBoard is not installed.
        """
        if importlib.util.find_spec("tensorboard") is None:
            raise InputError(
                "TensorBoard is not installed: pip install 'phi_sol[tensorboard]', or leave out --tensorboard."
            )
        super().__init__(str(folder), write_graph=False)
        self.optimizer = optimizer

    def set_model(self, model):
        super().set_model(SimpleNamespace(optimizer=self.optimizer, layers=model.layers))  # all that it looks at


class ProgressBar(keras.callbacks.Callback):
    """Shows method with unroll length, loss, rollout error and speed in a rich progress display."""

    def __init__(self, bar, trainer, title: str):
        """
        Args:
            bar: A started `rich.progress.Progress`.
            trainer: The trainer that runs.
            title: Shown before the bar, with the method.
        """
        super().__init__()
        self.bar, self.trainer = bar, trainer
        self.title = title
        self.task = bar.add_task(f"{title} {trainer.label}", total=1.0, completed=trainer.progress, info="compiling")
        self.ends = collections.deque(maxlen=20)

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())
        elapsed = self.ends[-1] - self.ends[0]
        speed = f"{(len(self.ends) - 1) / elapsed:.1f} it/s" if elapsed else ""
        error = self.trainer.validation_error
        validation = "" if error is None else f"val {error:.4f} "
        info = f"loss {logs['loss']:.1e} {validation}{speed}"
        self.bar.update(
            self.task, completed=logs["progress"], info=info, description=f"{self.title} {self.trainer.label}"
        )
