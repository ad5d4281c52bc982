"""How long to train with how many unrolled steps, at which learning rate."""

import re
from collections.abc import Callable
from dataclasses import KW_ONLY, asdict, dataclass, fields
from math import inf, isfinite
from numbers import Integral, Real

import keras
from keras.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay

from ..errors import InputError, suggestion
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

    def __post_init__(self):
        if not isinstance(self.unroll, Integral) or isinstance(self.unroll, bool) or self.unroll < 1:
            raise InputError(f"The unrolled steps of a stage must be an integer of at least 1, not {self.unroll!r}.")
        if not isinstance(self.until, Real) or not 0 < self.until <= 1:
            raise InputError(f"A stage ends at a fraction of the training above 0 and at most 1, not {self.until!r}.")


DECAYS = {
    "cosine": lambda rate, final: CosineDecay(rate, 1.0, final),
    "exponential": lambda rate, final: ExponentialDecay(rate, 1.0, final),
    "step": lambda rate, final: PiecewiseConstantDecay([0.5, 0.75], [rate, rate * final**0.5, rate * final]),
    "constant": lambda rate, final: lambda progress: rate,
}
RISE = 0.05  # of a later stage
OPTIMIZERS = ("adam", "adamw", "lion", "nadam", "rmsprop", "sgd")
EARLIER = {"schedule": "decay", "warmup": "ramp"}  # names in runs of version 0.1


@dataclass(frozen=True)
class Plan:
    """
    A training from start to end, measured in iterations or in seconds.

    Every stage but the first begins with a new state of the optimizer and a learning rate that rises over its first
    twentieth: gradients of longer unrolls are larger than those that the optimizer has seen.

    Attributes:
        stages: Parts with growing unroll length; the last one ends at 1.
        batch: Windows per iteration, on all devices together.
        learning_rate: The optimizer's, after the ramp.
        steps: Iterations in all, or None.
        budget: Seconds in all, without compilation, or None. One of the two is given.
        decay: How the learning rate falls: `cosine` (half a period), `exponential`, `step` (after 1/2 and 3/4 of the
            training) or `constant`; or a function of the progress (0 to 1) that gives a factor.
        final: What it falls to, as a fraction of `learning_rate`; not used by a function.
        ramp: Fraction of the training in which it rises linearly from 1 % of its value.
        clip: Gradients with a larger norm, over all weights, are scaled down to it; None: never.
        ema: Momentum of an exponential moving average of the weights, which is validated and saved; None: no average.
        precision: Of the network, not the solver: `float32`, `mixed_bfloat16` or `mixed_float16` (16 bits inside).
        optimizer: A name (`adam`, ...), or a Keras optimizer whose settings, without its learning rate, are taken.
    """

    stages: tuple[Stage, ...]
    batch: int
    learning_rate: float
    _: KW_ONLY
    steps: int | None = None
    budget: float | None = None
    decay: str | Callable[[float], float] = "cosine"
    final: float = 0.01
    ramp: float = 0.0
    clip: float | None = None
    ema: float | None = None
    precision: str = "float32"
    optimizer: str | keras.optimizers.Optimizer = "adam"

    def __post_init__(self):
        if (self.steps is None) == (self.budget is None):
            raise InputError("Give either a number of steps or a time budget for a training.")
        if not self.stages or not all(isinstance(s, Stage) for s in self.stages):
            raise InputError(f"The stages of a training are a tuple of Stage, at least one, not {self.stages!r}.")
        for name in ("batch", "steps", "learning_rate", "budget", "final", "clip"):
            value, whole = getattr(self, name), name in ("batch", "steps")
            number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if value is not None and not (number and value > 0 and isfinite(value)):
                kind = "a positive integer" if whole else "positive"
                raise InputError(f"The {name.replace('_', ' ')} of a training must be {kind}, not {value!r}.")
        for name in ("ramp", "ema"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and 0 <= value < 1):
                raise InputError(f"The {name} of a training must be at least 0 and below 1, not {value!r}.")
        for name, known in (("decay", DECAYS), ("precision", POLICIES), ("optimizer", OPTIMIZERS)):
            value = getattr(self, name)
            if isinstance(value, str) and value not in known:
                raise InputError(f"Unknown {name} {value!r}.{suggestion(value, known)} Known: {', '.join(known)}.")
        if not isinstance(self.decay, str) and not callable(self.decay):
            what = "a name or a function of the progress"
            raise InputError(f"The decay of a learning rate is {what}, not {self.decay!r}.")
        if not isinstance(self.optimizer, str | keras.optimizers.Optimizer):
            raise InputError(f"The optimizer of a training is a name or a Keras optimizer, not {self.optimizer!r}.")

    def progress(self, step: int, seconds: float) -> float:
        """Fraction of the training that is done, 0 to 1."""
        return min(1.0, step / self.steps if self.steps is not None else seconds / (self.budget or inf))

    def stage(self, progress: float) -> int:
        """Index of the stage at a progress."""
        return next((i for i, s in enumerate(self.stages) if progress < s.until), len(self.stages) - 1)

    def rate(self, progress: float) -> float:
        """Learning rate: Keras's schedules with the progress for the step, so that they serve budgets of time, too."""
        ramp = _rise(progress, self.ramp)
        index = self.stage(progress)
        if index:
            begin, end = self.stages[index - 1].until, self.stages[index].until
            ramp *= _rise(progress - begin, RISE * (end - begin))
        if not isinstance(self.decay, str):
            return ramp * self.learning_rate * float(self.decay(progress))
        return ramp * float(DECAYS[self.decay](self.learning_rate, self.final)(progress))

    def make_optimizer(self, variables: list[keras.Variable]) -> keras.optimizers.Optimizer:
        """The optimizer of some variables, with their moving average and the scaled loss of float16 where wanted."""
        given = keras.optimizers.get(self.optimizer) if isinstance(self.optimizer, str) else self.optimizer
        config = given.get_config() | {"learning_rate": self.learning_rate}
        config |= {"use_ema": self.ema is not None, "ema_momentum": self.ema or 0.99}
        optimizer = type(given).from_config(config)
        if self.precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(variables)
        return optimizer

    def to_dict(self) -> dict:
        """JSON-ready. Objects are there by their names: whoever goes on with a training gives them again."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        named = {n: v if isinstance(v, str) else _name(v) for n, v in content.items() if n in ("decay", "optimizer")}
        return content | named | {"stages": [asdict(s) for s in self.stages]}

    def stored(self, content: dict) -> "Plan":
        """
        The plan of a run from its `to_dict`, with the objects of this one in the place of their names. Raises KeyError
        or TypeError if the content is damaged, InputError if the run had other objects than this plan.
        """
        content = {EARLIER.get(n, n): v for n, v in content.items()}
        for name, known in (("decay", DECAYS), ("optimizer", OPTIMIZERS)):
            own, was = getattr(self, name), content.get(name, "adam")
            if was not in known:
                if isinstance(own, str) or _name(own) != was:
                    raise InputError(f"The run was started with the {name} {was!r} as an object: give it again.")
                content[name] = own
        return Plan(**content | {"stages": tuple(Stage(**s) for s in content["stages"])})


def _rise(progress: float, length: float) -> float:
    """From 1 % to 1 over a length."""
    return min(1.0, max(0.01, progress / length)) if length else 1.0


def _name(value) -> str:
    return getattr(value, "__name__", type(value).__name__)


def curriculum(unroll: int, shares: tuple[float, ...] = (0.2, 0.3, 0.5)) -> tuple[Stage, ...]:
    """
    Stages of n/4, n/2 and n unrolled steps (as many as are at least 2, or n alone), with the given shares of the
    training. Short unrolls are cheap and bring a random network near the solution; long ones first may diverge.
    """
    lengths = [n for n in (unroll // 4, unroll // 2) if n >= 2] + [unroll]
    used = shares[-len(lengths) :]
    ends = [*(sum(used[:i]) / sum(used) for i in range(1, len(lengths))), 1.0]
    return tuple(map(Stage, lengths, ends))


def parse_stages(text: str) -> tuple[Stage, ...]:
    """
    Stages from text such as `2:0.2,4:0.3,8:0.5`: unrolled steps and share of the training, in order. Raises InputError
    if it is not of this form, or the shares don't add up to 1.
    """
    stages, until = [], 0.0
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*:\s*(\d*\.?\d+)\s*", part)
        if not match or not int(match[1]) or not float(match[2]):
            form = "2:0.2,4:0.3,8:0.5, unrolled steps and share of the training"
            raise InputError(f"{part!r} is no stage of a training: stages look like {form}.")
        until += float(match[2])
        stages.append(Stage(int(match[1]), round(until, 6)))
    if stages[-1].until != 1.0:
        raise InputError(f"The shares of the stages {text!r} add up to {until:g}, not to 1.")
    return tuple(stages)


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `90s`, `20m`, `1.5h` or `90` (seconds). Raises InputError if it is none."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0
    if not seconds > 0:
        raise InputError(f"{text!r} is not a duration: give for example 90s, 20m or 1.5h.")
    return seconds
