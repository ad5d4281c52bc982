"""Validation: rollouts over simulations that are held out of the training, which decide which model is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import keras
import numpy as np
import tensorflow as tf

from ..arguments import check_fields
from ..errors import InputError, quoted
from .distribution import agreed

SHARE = 0.05  # of the time of a training, for validation


@dataclass(frozen=True)
class Validation:
    """
    How a training is validated.

    Attributes:
        simulations: Training simulations that are held out; None: one, if there are at least four.
        frames: Steps of a rollout, as far as recorded.
        every: Iterations between two validations; None: so many that its estimated cost is below 1/20 of the time.
        patience: The training ends after so many validations without a new best; None: never.

    Examples:
        >>> ps.Validation(simulations=1, frames=50, patience=5)
        Validation(simulations=1, frames=50, every=None, patience=5)
    """

    simulations: int | None = None
    frames: int = 100
    every: int | None = None
    patience: int | None = None

    def __post_init__(self):
        check_fields(self)
        for name, least in (("simulations", 0), ("frames", 1), ("every", 1), ("patience", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"The {name} of a validation must be at least {least}, not {quoted(value)}.")
        if self.patience is not None and self.simulations == 0:
            raise InputError("Patience needs a validation: hold out at least one simulation.")

    def held_out(self, total: int) -> list[int]:
        """
        Indices of the simulations held out of `total`: from the middles of equal parts, the same ones in every run.
        Raises InputError if none would be left to train on.
        """
        count = int(total >= 4) if self.simulations is None else self.simulations
        if count >= total:
            why = "at least one must be left to train on"
            raise InputError(f"{count} of {total} simulations can't be held out for validation: {why}.")
        if self.patience is not None and not count:
            none = f"of {total} simulations none is held out by default: say how many"
            raise InputError(f"Patience needs a validation, but {none}.")
        return [(2 * i + 1) * total // (2 * count) for i in range(count)]

    def interval(self, unroll: int, batch: int, simulations: int, epoch: int) -> int:
        """
        Iterations between two validations, a multiple of `epoch` unless `every` is given.

        An iteration takes about three times (forward, and twice that for the gradient) as long as `unroll` steps of a
        rollout of equal batch size; a smaller batch takes as long, since small grids don't fill a device. Counted, not
        timed, so that the same run always validates at the same iterations.
        """
        if self.every is not None:
            return self.every
        cost = self.frames * max(1.0, simulations / batch) / (3 * unroll)
        return epoch * ceil(cost / SHARE / epoch)


class Validator(keras.callbacks.Callback):
    """
    Measures the error (`Task.error`) on the simulations that are held out every so many iterations, adds it to the logs
    as `val_error`, keeps the corrector with the smallest one in the run's folder, and ends the training when its
    patience is used up. Its state is part of the checkpoints.
    """

    def __init__(self, trainer, validation: Validation, simulations: Sequence[int]):
        super().__init__()
        self.trainer, self.validation, self.simulations = trainer, validation, simulations
        self.frames = min(validation.frames, trainer.data.frames)
        self.best, self.last = (tf.Variable(v, dtype=tf.float64, trainable=False) for v in (np.inf, np.nan))
        self.best_step, self.last_step, self.waited = (tf.Variable(np.int64(0), trainable=False) for _ in range(3))

    @property
    def state(self) -> dict[str, tf.Variable]:
        """What checkpoints save."""
        return {n: getattr(self, n) for n in ("best", "last", "best_step", "last_step", "waited")}

    @property
    def out_of_patience(self) -> bool:
        """Whether the last validations were without a new best for too long."""
        return self.validation.patience is not None and int(self.waited) >= self.validation.patience

    def on_epoch_end(self, epoch, logs=None):
        trainer = self.trainer
        unroll, since = trainer.task.unrolled(trainer.stage.unroll), trainer.step - int(self.last_step)
        every = self.validation.interval(unroll, trainer.plan.batch, len(self.simulations), trainer.epoch_length)
        if since >= (1 if trainer.progress >= 1 else every):
            error = self.validate()
            if logs is not None:
                logs |= {"val_error": error} | {f"val_error:{n}": e for n, e in trainer.task.errors.items()}

    def validate(self) -> float:
        """The error now; keeps the corrector if it is the best so far."""
        trainer = self.trainer
        with trainer.optimization.averaged(trainer.step > 0):
            error = agreed(trainer.strategy, trainer.task.error(self.simulations, self.frames))
        self.last.assign(error)
        self.last_step.assign(trainer.step)
        if error < float(self.best):
            self.best.assign(error)
            self.best_step.assign(trainer.step)
            self.waited.assign(0)
            trainer.save_best()
        else:
            self.waited.assign_add(1)
            trainer.task.model.stop_training |= self.out_of_patience
        return error
