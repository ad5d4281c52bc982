"""What a training says of itself, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .distribution import device_summary

if TYPE_CHECKING:
    from .trainer import Trainer


def summary(trainer: Trainer) -> str:
    """What is trained, method, data, devices."""
    task, data = trainer.task, trainer.data
    megabytes = data.nbytes / 1e6 * len(trainer.simulations) / len(data)
    longest = task.label(max(s.unroll for s in trainer.plan.stages))
    where = f"{len(trainer.simulations)} simulations of {data.frames} frames ({megabytes:.1f} MB)"
    checks = f"validated on {', '.join(trainer.held_out)}" if trainer.held_out else "no validation"
    return "; ".join(filter(None, (task.summary, f"{longest} on {where}", checks, device_summary(trainer.strategy))))


def outcome(trainer: Trainer) -> str:
    """Which model the folder holds."""
    kind = "average of the weights" if trainer.plan.ema is not None else trainer.task.product
    if trainer.validator is None or not int(trainer.validator.best_step):
        return f"last {kind}"
    step, error = int(trainer.validator.best_step), float(trainer.validator.best)
    return f"best {kind} (iteration {step}, validation error {error:.4f})"
