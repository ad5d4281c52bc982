"""How long to train with how many unrolled steps, at which learning rate."""

import re
from collections.abc import Callable
from dataclasses import KW_ONLY, asdict, dataclass, fields, replace
from math import inf, isfinite, nan
from typing import Any

import keras
from keras.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay

from ..arguments import check_fields, checked
from ..errors import InputError, check_takes, integer, is_positive, is_real, positive, quoted, suggestion, user_error
from ..networks import POLICIES
from ..schedule import OPTIMIZERS


@dataclass(frozen=True)
class Stage:
    """
    A part of a training.

    Attributes:
        unroll: Unrolled steps in this part.
        until: Fraction of the whole training at which it ends.
        anew: Whether the learning rate begins anew with it, as at the start of a training (a warm restart, Loshchilov
            and Hutter, ICLR 2017, arXiv:1608.03983).

    Examples:
        >>> ps.Stage(unroll=2, until=0.3), ps.Stage(unroll=8, until=1.0)
        (Stage(unroll=2, until=0.3, anew=False), Stage(unroll=8, until=1.0, anew=False))
    """

    unroll: int
    until: float
    anew: bool = False

    def __post_init__(self):
        check_fields(self)
        integer("The unrolled steps of a stage", self.unroll, 1)
        if not 0 < self.until <= 1:
            raise InputError(f"A stage ends at a fraction of the training above 0 and at most 1, not {self.until!r}.")


DECAYS = {
    "cosine": lambda rate, final: CosineDecay(rate, 1.0, final),
    "exponential": lambda rate, final: ExponentialDecay(rate, 1.0, final),
    "step": lambda rate, final: PiecewiseConstantDecay([0.5, 0.75], [rate, rate * final**0.5, rate * final]),
    "constant": lambda rate, final: lambda progress: rate,
}
RISE = 0.05  # of a later stage

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
            training) or `constant`; or a function of the progress (0 to 1) that gives a factor. With stages that begin
            `anew` it is the progress within those up to the next such.
        final: What it falls to, as a fraction of `learning_rate`; not used by a function.
        ramp: Fraction of the training in which it rises linearly from 1 % of its value.
        clip: Gradients with a larger norm, over all weights, are scaled down to it; None: never.
        ema: Momentum of an exponential moving average of the weights, which is validated and saved; None: no average.
        precision: Of the network, not the solver: `float32`, `mixed_bfloat16` or `mixed_float16` (16 bits inside).
        optimizer: A name (`adam`, ...), or a Keras optimizer (or a function without arguments that makes one) whose
            settings, without its learning rate, are taken; what the plan says itself (average of the weights, scale of
            the loss, schedule of the rate) must not be in it.

    Examples:
        >>> plan = ps.Plan(ps.curriculum(8), batch=4, learning_rate=1e-3, steps=1000)
        >>> plan.stage(0.5), len(plan.stages)
        (2, 3)
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
    optimizer: str | keras.optimizers.Optimizer | Callable = "adam"

    def __post_init__(self):
        if (self.steps is None) == (self.budget is None):
            raise InputError("Give either a number of steps or a time budget for a training.")
        parts = self.stages if isinstance(self.stages, tuple | list) else ()
        if not (parts and all(isinstance(s, Stage) for s in parts)):
            form = "a tuple of Stage, at least one, such as curriculum(4)"
            raise InputError(f"The stages of a training are {form}, not {quoted(self.stages)}.")
        for name in ("batch", "steps", "learning_rate", "budget", "final", "clip"):
            value, what = getattr(self, name), f"The {name.replace('_', ' ')} of a training"
            if value is not None:
                number = integer(what, value, 1) if name in ("batch", "steps") else positive(what, value)
                object.__setattr__(self, name, number)
        for name in ("ramp", "ema"):
            value = getattr(self, name)
            if value is not None and not (is_real(value) and 0 <= value < 1):
                raise InputError(f"The {name} of a training must be at least 0 and below 1, not {quoted(value)}.")
        check_fields(self)
        for name, known in (("decay", DECAYS), ("precision", POLICIES), ("optimizer", OPTIMIZERS)):
            value = getattr(self, name)
            if isinstance(value, str) and value not in known:
                raise InputError(f"Unknown {name} {value!r}.{suggestion(value, known)} Known: {', '.join(known)}.")
        if not isinstance(self.decay, str) and not callable(self.decay):
            what = "a name or a function of the progress"
            raise InputError(f"The decay of a learning rate is {what}, not {quoted(self.decay)}.")
        if isinstance(self.decay, keras.optimizers.schedules.LearningRateSchedule):
            form = "decay=lambda progress: float(schedule(progress * steps)) / learning_rate"
            raise InputError(f"A Keras schedule gives rates by iterations, a decay factors by the progress: {form}.")
        if not isinstance(self.decay, str):
            check_takes("A decay", self.decay, "progress")
            _ = self._factor(0.0), self._factor(1.0)
        if callable(self.optimizer):
            try:
                object.__setattr__(self, "optimizer", self.optimizer())
            except TypeError as err:
                raise user_error(err) or InputError(f"The optimizer of a training can't be made: {err}.") from err
        if not isinstance(self.optimizer, str | keras.optimizers.Optimizer):
            raise InputError(
                f"The optimizer of a training is a name or a Keras optimizer, not {quoted(self.optimizer)}."
            )
        if not isinstance(self.optimizer, str):
            _check_optimizer(self.optimizer)

    def progress(self, step: int, seconds: float) -> float:
        """Fraction of the training that is done, 0 to 1."""
        return min(1.0, step / self.steps if self.steps is not None else seconds / (self.budget or inf))

    def stage(self, progress: float) -> int:
        """Index of the stage at a progress."""
        return next((i for i, s in enumerate(self.stages) if progress < s.until), len(self.stages) - 1)

    def rate(self, progress: float) -> float:
        """Learning rate: Keras's schedules with the progress for the step, so that they serve budgets of time, too."""
        index, ends = self.stage(progress), [0.0, *(s.until for s in self.stages)]
        anew = [0.0, *(ends[i] for i, s in enumerate(self.stages) if s.anew), 1.0]
        first = max(a for a in anew if a <= ends[index])
        within = (progress - first) / (min(a for a in anew if a > first) - first)
        ramp = _rise(within, self.ramp)
        if index:
            ramp *= _rise(progress - ends[index], RISE * (ends[index + 1] - ends[index]))
        if not isinstance(self.decay, str):
            return ramp * self.learning_rate * self._factor(within)
        return ramp * float(DECAYS[self.decay](self.learning_rate, self.final)(within))

    def _factor(self, progress: float) -> float:
        """What a decay of the user's own gives; raises InputError if it is no factor."""
        given = self.decay(progress)  # type: ignore[operator]
        try:
            factor = float(given)
        except (TypeError, ValueError):
            factor = nan
        if not (isfinite(factor) and factor >= 0):
            needed = "a factor of the learning rate, of at least 0, is needed"
            raise InputError(f"The decay {_name(self.decay)!r} gives {given!r} at the progress {progress:g}: {needed}.")
        return factor

    @property
    def length(self) -> float:
        """Iterations or seconds in all."""
        return (self.budget if self.steps is None else self.steps) or inf

    def longer(self, until: float, after: float | None = None) -> "Plan":
        """
        The same plan, and then a further stage up to `until` iterations or seconds in all: unrolled steps as in the
        last one, and a learning rate that begins anew. `after` is where a training ended, if not as planned.
        """
        end = self.length if after is None else after
        begins = [0.0, *(s.until for s in self.stages)]
        kept = [s for s, begin in zip(self.stages, begins, strict=False) if begin * self.length < end]
        stages = [replace(s, until=min(s.until * self.length, end) / until) for s in kept]
        limit: dict = {"budget": until} if self.steps is None else {"steps": until}
        return replace(self, stages=(*stages, Stage(self.stages[-1].unroll, 1.0, anew=True)), **limit)

    def make_optimizer(self, variables: list[keras.Variable]) -> keras.optimizers.Optimizer:
        """The optimizer of some variables, with their moving average and the scaled loss of float16 where wanted."""
        given: Any = keras.optimizers.get(self.optimizer) if isinstance(self.optimizer, str) else self.optimizer
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
        stages = [{n: v for n, v in asdict(s).items() if n != "anew" or v} for s in self.stages]
        return content | named | {"stages": stages}

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


def _check_optimizer(optimizer: keras.optimizers.Optimizer):
    """Raises InputError for what a plan would overrule."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise InputError("A plan scales the loss itself where it has to: give the inner optimizer, and the precision.")
    if optimizer.use_ema:
        raise InputError("The moving average of the weights is the plan's, ema=0.999, not the optimizer's (use_ema).")
    if isinstance(optimizer.get_config().get("learning_rate"), dict):
        words = "a number, and how it falls as decay, a function of the progress (0 to 1)"
        raise InputError(f"The learning rate of a training is the plan's, not the optimizer's: give it {words}.")


def _rise(progress: float, length: float) -> float:
    """From 1 % to 1 over a length."""
    return min(1.0, max(0.01, progress / length)) if length else 1.0


def _name(value) -> str:
    return getattr(value, "__name__", type(value).__name__)


@checked
def curriculum(unroll: int, shares: tuple[float, ...] = (0.2, 0.3, 0.5)) -> tuple[Stage, ...]:
    """
    Stages of n/4, n/2 and n unrolled steps (as many as are at least 2, or n alone), with the given shares of the
    training. Short unrolls are cheap and bring a random network near the solution; long ones first may diverge.

    Examples:
        >>> ps.curriculum(8)
        (Stage(unroll=2, until=0.2, anew=False), Stage(unroll=4, until=0.5, anew=False), Stage(u...
    """
    unroll = integer("The number of unrolled steps", unroll, 1)
    if not (len(shares) and all(map(is_positive, shares))):
        raise InputError(f"The shares of a curriculum are positive numbers, not {quoted(shares)}.")
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
        match = re.fullmatch(r"\s*(\d{1,9})\s*:\s*(\d*\.?\d+)\s*", part)
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
