"""Keras callbacks that show a training: table of logs, TensorBoard, progress bar."""

import collections
import csv
import importlib.util
import io
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import keras

from ..errors import InputError
from ..files import reading
from ..progress import Show
from ..storage.files import write_atomic

PART = "training"
COLUMNS = ("step", "seconds", "progress", "unroll", "learning_rate", "loss", "gradient_norm")
NUMBERS = ("seconds", "progress", "learning_rate", "loss", "gradient_norm")
LOG = logging.getLogger(__name__)


class Log(keras.callbacks.Callback):
    """
    One line per epoch in a CSV file, with what a validation measures (empty in epochs without one). Lines after the
    `step` at which a training goes on are dropped: they come again.
    """

    def __init__(self, path: Path, step: int, validated: Sequence[str] = ()):
        super().__init__()
        self.path, self.step = path, step
        self.columns = (*COLUMNS, *validated)

    def on_train_begin(self, logs=None):
        self.rewind(self.step)

    def rewind(self, step: int):
        """Drops all lines after an iteration: they come again."""
        text = io.StringIO(newline="")
        writer = self._writer(text)
        writer.writeheader()
        writer.writerows(r for r in logged(self.path) if int(r["step"]) <= step)
        write_atomic(self.path, text.getvalue().encode())

    def on_epoch_end(self, epoch, logs=None):
        with open(self.path, "a", newline="") as file:
            self._writer(file).writerow({n: f"{v:.7g}" for n, v in (logs or {}).items()})

    def _writer(self, file) -> csv.DictWriter:
        return csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")


def logged(path: Path) -> list[dict[str, str]]:
    """
    The lines of a log, whose numbers are numbers, in order. Others are left out: the last one may be incomplete after a
    kill; more than it is said.
    """
    if not path.is_file():
        return []
    with reading(path):
        text = path.read_text(errors="replace")
    lines = list(csv.DictReader(io.StringIO(text.replace("\0", "?"))))
    rows, last = [], -1
    for line in lines:
        if _is_row(line) and int(line["step"]) > last:
            rows.append(line)
            last = int(line["step"])
    if len(rows) < len(lines) - 1:
        LOG.warning("%d lines of %s are damaged, and left out.", len(lines) - len(rows), path)
    return rows


def _is_row(line: dict) -> bool:
    try:
        _ = [float(line[n]) for n in NUMBERS]
        return int(line["step"]) >= 0 and int(line["unroll"]) >= 1
    except (KeyError, TypeError, ValueError):
        return False


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's TensorBoard callback, one point per epoch, for a model that is not compiled."""

    def __init__(self, folder: Path, optimizer: keras.optimizers.Optimizer):
        """Raises InputError if TensorBoard is not installed."""
        if importlib.util.find_spec("tensorboard") is None:
            advice = "pip install 'phi_sol[tensorboard]', or leave out tensorboard=True"
            raise InputError(f"TensorBoard is not installed: {advice}.")
        super().__init__(str(folder), write_graph=False)
        self.optimizer = optimizer

    def set_model(self, model):
        super().set_model(SimpleNamespace(optimizer=self.optimizer, layers=model.layers))  # all that it looks at


class ProgressBar(keras.callbacks.Callback):
    """Shows what trains, loss, rollout error and speed of a trainer by a function of `phi_sol.progress`."""

    def __init__(self, show: Show, trainer):
        super().__init__()
        self.show, self.trainer = show, trainer
        self.ends = collections.deque(maxlen=20)
        self._show(trainer.progress, "compiling")

    def _show(self, progress: float, info: str):
        self.show(PART, progress, 1.0, info=info, title=f"{self.trainer.folder.name} {self.trainer.label}")

    def on_train_batch_begin(self, batch, logs=None):
        if not self.ends:  # what is compiled is
            self._show(self.trainer.progress, "first iteration")

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())
        elapsed = self.ends[-1] - self.ends[0]
        speed = f"{(len(self.ends) - 1) / elapsed:.1f} it/s" if elapsed else ""
        error = self.trainer.validation_error
        texts = [f"loss {logs['loss']:.1e}", "" if error is None else f"val {error:.4f}", speed]
        self._show(logs["progress"], " ".join(filter(None, texts)))
