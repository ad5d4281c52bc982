"""What made a training diverge."""

import numpy as np
import tensorflow as tf

from .task import Task
from .windows import Windows


class NotFinite(ArithmeticError):
    """A loss or a gradient of a training is not finite."""


def cause(
    loss: float, losses: np.ndarray, numbers: np.ndarray, task: Task, unroll: int, stream: Windows, iteration: int
) -> str:
    """
    One sentence about a loss or a gradient that is not finite: the first step at fault, and its simulation and frame.
    From the loss of the batch, the losses of every window and step, (batch, n), the numbers of the windows in their
    stream, (batch,), and the number of the iteration, from 1.
    """
    data, label = task.data, task.label(unroll)
    where = f"at iteration {iteration} ({label})"
    bad = ~np.isfinite(losses)
    if not bad.any():
        return f"The gradient of the loss is not finite {where}; the loss is {loss:.3g}."
    step = int(np.argmax(bad.any(0)))
    simulation, first = (int(v) for v in stream.locate(tf.constant(numbers[np.argmax(bad[:, step])])))
    frame = first + task.frames(unroll) - task.terms(unroll) + step + 1
    values = ", ".join(f"{n}={v:g}" for n, v in data.simulations[simulation].items())
    place = f"{data.names[simulation]} ({values}), frame {frame} (step {step + 1} of {label})"
    return f"The loss is {loss} {where}: simulation {place}."
