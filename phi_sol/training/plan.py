"""How long to train with how many unrolled steps, at which learning rate."""

import re
from dataclasses import asdict, dataclass
from math import cos, pi

from ..errors import InputError


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


@dataclass(frozen=True)
class Plan:
    """
    A training from start to end, measured in iterations or in seconds.

    Attributes:
        stages: Parts with growing unroll length; the last one ends at 1.
        batch: Windows per iteration.
        learning_rate: At the start; it decays as half a cosine to 1 % of it over the whole training.
        steps: Iterations in all, or None.
        budget: Seconds in all, or None. One of the two is given.
    """

    stages: tuple[Stage, ...]
    batch: int
    learning_rate: float
    steps: int | None = None
    budget: float | None = None

    def __post_init__(self):
        if (self.steps is None) == (self.budget is None):
            raise InputError("Give either a number of steps or a time budget for a training.")
        for name in ("batch", "learning_rate", "steps", "budget"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"The {name.replace('_', ' ')} of a training must be positive, not {value!r}.")

    def progress(self, step: int, seconds: float) -> float:
        """Fraction of the training that is done, 0 to 1."""
        return min(1.0, step / self.steps if self.steps is not None else seconds / self.budget)

    def stage(self, progress: float) -> int:
        """Index of the stage at a progress."""
        return next((i for i, s in enumerate(self.stages) if progress < s.until), len(self.stages) - 1)

    def rate(self, progress: float) -> float:
        """Learning rate at a progress."""
        return self.learning_rate * (0.01 + 0.99 * (1 + cos(pi * progress)) / 2)

    def to_dict(self) -> dict:
        return asdict(self)

    @staticmethod
    def from_dict(content: dict) -> "Plan":
        return Plan(**content | {"stages": tuple(Stage(**s) for s in content["stages"])})


def curriculum(unroll: int, shares: tuple[float, ...] = (0.2, 0.3, 0.5)) -> tuple[Stage, ...]:
    """
    Stages of n/4, n/2 and n unrolled steps (as many as are at least 2, or n alone), with the given shares of the training.

    Short unrolls are cheap and bring a random network near the solution; started at a long unroll it may diverge.
    """
    lengths = [n for n in (unroll // 4, unroll // 2) if n >= 2] + [unroll]
    used = shares[-len(lengths) :]
    return tuple(Stage(n, 1.0 if i == len(lengths) - 1 else sum(used[: i + 1]) / sum(used)) for i, n in enumerate(lengths))


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
            raise InputError(f"{part!r} is no stage of a training: stages look like 2:0.2,4:0.3,8:0.5, unrolled steps and share of the training.")
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
