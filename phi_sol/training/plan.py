"""How long to train with how many unrolled steps, at which learning rate."""

import re
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from math import isfinite

from keras.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay

from ..errors import InputError
from ..networks import POLICIES


@dataclass(frozen=True)
class Stage:
    """
    A part of a training.

    Attributes:
        unroll: Unrolled steps in this part.
        until: Fraction of the whole training at which it ends.
    """

    unroll: int
    until: float


SCHEDULES = {
    "cosine": lambda rate, final: CosineDecay(rate, 1.0, final),
    "exponential": lambda rate, final: ExponentialDecay(rate, 1.0, final),
    "step": lambda rate, final: PiecewiseConstantDecay([0.5, 0.75], [rate, rate * final**0.5, rate * final]),
    "constant": lambda rate, final: lambda progress: rate,
}


@dataclass(frozen=True)
class Plan:
    """
    A training from start to end, measured in iterations or in seconds.

    Attributes:
        stages: Parts with growing unroll length; the last one ends at 1.
        batch: Windows per iteration, on all devices together.
        learning_rate: Adam's, after the warm-up.
        steps: Iterations in all, or None.
        budget: Seconds in all, or None. One of the two is given.
        schedule: How the learning rate falls: `cosine` (half a period), `exponential`, `step` (after 1/2 and
            3/4 of the training) or `constant`.
        final: What it falls to, as a fraction of `learning_rate`.
        warmup: Fraction of the training in which it rises linearly from 1 % of its value.
        clip: Gradients with a larger norm, over all weights, are scaled down to it; None: never.
        ema: Momentum of an exponential moving average of the weights, which is what is validated and saved;
            None: the weights themselves.
        precision: Of the network: `float32`, or `mixed_bfloat16`, `mixed_float16` (activations of 16 bits,
            weights of 32). The solver keeps its own.
    """

    stages: tuple[Stage, ...]
    batch: int
    learning_rate: float
    steps: int | None = None
    budget: float | None = None
    schedule: str = "cosine"
    final: float = 0.01
    warmup: float = 0.0
    clip: float | None = None
    ema: float | None = None
    precision: str = "float32"

    def __post_init__(self):
        if (self.steps is None) == (self.budget is None):
            raise InputError("Give either a number of steps or a time budget for a training.")
        for name in ("batch", "learning_rate", "steps", "budget", "final", "clip"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and isfinite(value)):
                raise InputError(f"The {name.replace('_', ' ')} of a training must be positive, not {value!r}.")
        for name in ("warmup", "ema"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise InputError(f"The {name} of a training must be at least 0 and below 1, not {value!r}.")
        for name, known in (("schedule", SCHEDULES), ("precision", POLICIES)):
            value = getattr(self, name)
            if value not in known:
                close = get_close_matches(value, known, 1)
                raise InputError(
                    f"Unknown {name} {value!r}.{f' Did you mean {close[0]!r}?' if close else ''} Known: {', '.join(known)}."
                )

    def progress(self, step: int, seconds: float) -> float:
        """Fraction of the training that is done, 0 to 1."""
        return min(1.0, step / self.steps if self.steps is not None else seconds / self.budget)

    def stage(self, progress: float) -> int:
        """Index of the stage at a progress."""
        return next((i for i, s in enumerate(self.stages) if progress < s.until), len(self.stages) - 1)

    def rate(self, progress: float) -> float:
        """
        Learning rate at a progress. Keras's schedules, with the progress in the place of the step, so that they
        serve budgets of time, too.
        """
        warm = min(1.0, max(0.01, progress / self.warmup)) if self.warmup else 1.0
        return warm * float(SCHEDULES[self.schedule](self.learning_rate, self.final)(progress))

    def to_dict(self) -> dict:
        return asdict(self)

    @staticmethod
    def from_dict(content: dict) -> "Plan":
        return Plan(**content | {"stages": tuple(Stage(**s) for s in content["stages"])})


def curriculum(unroll: int, shares: tuple[float, ...] = (0.2, 0.3, 0.5)) -> tuple[Stage, ...]:
    """
    Stages of n/4, n/2 and n unrolled steps (as many as are at least 2, or n alone), with the given shares of
    the training.

    Short unrolls are cheap and bring a random network near the solution; started at a long unroll it may diverge.
    """
    lengths = [n for n in (unroll // 4, unroll // 2) if n >= 2] + [unroll]
    used = shares[-len(lengths) :]
    return tuple(
        Stage(n, 1.0 if i == len(lengths) - 1 else sum(used[: i + 1]) / sum(used)) for i, n in enumerate(lengths)
    )


def parse_stages(text: str) -> tuple[Stage, ...]:
    """
    Stages from text such as `2:0.2,4:0.3,8:0.5`: unrolled steps and share of the training, in order.

    Raises:
        InputError: if it is not of this form, or the shares don't add up to 1.
    """
    stages, until = [], 0.0
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*:\s*(\d*\.?\d+)\s*", part)
        if not match or not int(match[1]) or not float(match[2]):
            raise InputError(
                f"{part!r} is no stage of a training: stages look like 2:0.2,4:0.3,8:0.5, unrolled steps and share of the training."
            )
        until += float(match[2])
        stages.append(Stage(int(match[1]), round(until, 6)))
    if stages[-1].until != 1.0:
        raise InputError(f"The shares of the stages {text!r} add up to {until:g}, not to 1.")
    return tuple(stages)


def parse_duration(text: str) -> float:
    """
    Seconds of a duration such as `90s`, `20m`, `1.5h` or `90` (seconds).

    Raises:
        InputError: if it is none.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0
    if not seconds > 0:
        raise InputError(f"{text!r} is not a duration: give for example 90s, 20m or 1.5h.")
    return seconds
