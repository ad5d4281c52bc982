"""Where a training that was interrupted, finished or diverged is taken up again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DivergedError, InputError
from .callbacks import Log, logged
from .distribution import agreed

if TYPE_CHECKING:
    from .trainer import Trainer

LOG = logging.getLogger(__name__)
# One that diverges may be several times too fast, and there are two tries: halves would end at a fourth. The error
# after a training depends little on a rate that is five times too low.
LOWER = 0.2
TRIES = 2
TOLERATED = 10.0  # times the smallest loss of an epoch: a loss takes tens of iterations from its usual size to infinity


def go_on(trainer: Trainer, length: float | None):
    """Takes up the run in the trainer's folder where it is, and up to a length in all if it is to be longer."""
    trainer.checkpoints.restore()
    if trainer.checkpoints.saved_step < 0 and any(map(trainer.task.holds, (trainer.folder, trainer.folder / "last"))):
        advice = "remove the run to begin anew, or name another folder (folder=)"
        raise InputError(f"All checkpoints of {trainer.folder} are gone, so that it can't go on: {advice}.")
    course, place = trainer.course, trainer.step if trainer.plan.budget is None else trainer.seconds
    if length is not None:
        course.longer.append({"until": length} | ({"after": place} if trainer.finished else {}))
        trainer.plan = course.plan
    if any(how.get("after") == place for how in course.longer):  # as at a change of stage within a training
        trainer.optimization.renew()
        if trainer.validator:
            trainer.validator.waited.assign(0)


def go_back(trainer: Trainer, why: str, log: Log):
    """
    Takes a training up again at its last good checkpoint, at the latest the one of its start, with a lower learning
    rate. Every worker calls this, and does the same. Raises DivergedError if that was tried often enough.
    """
    course, checkpoints = trainer.course, trainer.checkpoints
    if len(course.recoveries) == TRIES:
        raise DivergedError(f"{why} {checkpoints.summary}")
    at, loss = trainer.step + 1, float(np.mean(trainer.losses)) if trainer.losses else np.nan
    unroll, tried = trainer.task.unrolled(trainer.stage.unroll), {r["back_to"] for r in course.recoveries}
    # one from which it diverged once more may hold weights that were no longer good: their loss was not known yet
    numbers = [n for n in checkpoints.numbers() if n not in tried] or checkpoints.numbers()
    good = last_good(numbers, logged(log.path), unroll, loss)
    good = int(agreed(trainer.strategy, good))  # all have looked before anything is changed
    checkpoints.restore(good)
    course.recoveries.append({"iteration": at, "back_to": trainer.step, "cause": why})
    agreed(trainer.strategy, good)  # all have read
    if trainer.chief:
        checkpoints.remove([n for n in checkpoints.numbers() if n > trainer.step])
        log.rewind(trainer.step)
        trainer.write_run()
        rate = f"{LOWER ** len(course.recoveries):.2g} times its learning rate"
        LOG.warning("%s Going back to iteration %d, with %s.", why, trainer.step, rate)
    trainer.task.note(course.to_dict())


def last_good(checkpoints: Sequence[int], rows: Sequence[dict[str, str]], unroll: int, loss: float) -> int:
    """
    Which of the checkpoints (iterations, latest first) to go back to: the latest that was saved in an epoch with a mean
    loss of not more than ten times the smallest of such unrolled steps, else the first of them.

    Args:
        rows: The lines of the log: `step`, `unroll` and `loss` of every epoch.
        unroll: Unrolled steps of the epoch that the training diverged in.
        loss: Mean loss of this epoch until then; NaN if there was none.
    """
    epochs = [(int(r["step"]), r["unroll"], float(r["loss"])) for r in rows]
    epochs.append((max(checkpoints, default=0) + 1, str(unroll), loss))
    for number in checkpoints:
        _, steps, mean = next(e for e in epochs if e[0] >= number)
        usual = min((e[2] for e in epochs if e[1] == steps and np.isfinite(e[2])), default=np.inf)
        if not number or not mean > TOLERATED * usual:
            return number
    return min(checkpoints, default=0)
