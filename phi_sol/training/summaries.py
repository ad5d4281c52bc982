"""What a training says of itself, in a line, or in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..displays import Html, facts, picture, together
from ..texts import for_figure
from .callbacks import logged
from .distribution import device_summary

if TYPE_CHECKING:
    from .trainer import Trainer


def summary(trainer: Trainer) -> str:
    """One line: what is trained, method, data, devices."""
    task, data = trainer.task, trainer.data
    megabytes = data.nbytes / 1e6 * len(trainer.simulations) / len(data)
    longest = task.label(max(s.unroll for s in trainer.plan.stages))
    where = f"{len(trainer.simulations)} simulations of {data.frames} frames ({megabytes:.1f} MB)"
    checks = f"validated on {', '.join(trainer.held_out)}" if trainer.held_out else "no validation"
    return "; ".join(filter(None, (task.summary, f"{longest} on {where}", checks, device_summary(trainer.strategy))))


def outcome(trainer: Trainer) -> str:
    """Which model the run's folder holds."""
    kind = "average of the weights" if trainer.plan.ema is not None else trainer.task.product
    if trainer.validator is None or not int(trainer.validator.best_step):
        return f"last {kind}"
    step, error = int(trainer.validator.best_step), float(trainer.validator.best)
    return f"best {kind} (iteration {step}, validation error {error:.4f})"


def shown(trainer: Trainer) -> str:
    """As HTML for notebooks: what is trained, how far it is, and its loss so far."""
    said = {"training": trainer.summary, "plan": repr(trainer.plan), "in": str(trainer.folder)}
    done = f"{100 * trainer.progress:.0f} %, iteration {trainer.step}, {trainer.seconds:.0f} s, {trainer.label}"
    found = {"done": done, "validation error": trainer.validation_error, "best": trainer.outcome}
    return together(facts("Trainer", said | found), _loss(trainer))


def _loss(trainer: Trainer) -> Html:
    """The loss, and the validation error, by iteration; nothing as long as there are less than two of them."""
    from ..pictures.notebook import NotebookFigure

    rows = logged(trainer.folder / "log.csv")
    if len(rows) < 2:
        return Html("")
    figure = NotebookFigure(figsize=(5, 2.2), dpi=100, layout="constrained")
    axis = figure.subplots()
    for name, style in {"loss": "-", "val_error": "o"}.items():
        points = [(int(r["step"]), float(r[name])) for r in rows if r.get(name)]
        if points:
            axis.plot(*zip(*points, strict=True), style, markersize=3, label=for_figure(name))
    axis.set(xlabel="iteration", yscale="log")
    axis.legend(fontsize=8)
    return picture(figure, "loss by iteration")
