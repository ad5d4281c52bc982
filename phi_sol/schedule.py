"""How a scene is trained unless the command says otherwise."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

from .errors import InputError, flag, integer, is_positive, is_real, plain, quoted, suggestion

# the names of `phi_sol.networks.NETWORKS` and of plans: a scene is read without TensorFlow
NETWORK_NAMES = ("resnet", "small", "convnet", "unet", "deep-unet", "dilated", "fno", "fast", "faster", "fastest")
FORMS = ("increment", "viscosity", "stress")  # of what a network gives, see `correctors.forms`
DECAYS = ("cosine", "exponential", "step", "constant")
OPTIMIZERS = ("adam", "adamw", "lion", "nadam", "rmsprop", "sgd")


_set = object.__setattr__  # of frozen ones


@dataclass(frozen=True)
class Schedule:
    """
    How a scene is trained unless the command says otherwise.

    Attributes:
        network: Name of a network (`phi-sol networks`), a builder or `keras.Model` of the user's own, or something
            trained to start from, such as a `Corrector`.
        unroll: Unrolled steps n of SOL-n.
        steps: Training iterations in all.
        batch: Windows per iteration.
        learning_rate: Adam's, at the start.
        decay: How it falls to 1 %, or a function of the progress, see `Plan.decay`.
        ramp: Fraction of the training in which it rises.
        clip: Largest norm of the gradient, over all weights; None: no limit. That of the plain loss starts below 1, so
            that the default changes only steps that would blow a training up.
        relative: Whether windows count by what the source gets wrong in each, see `phi_sol.Loss`.
        gradient_loss: Weight g of differences between neighbours in the loss, see `phi_sol.Loss`.
        push_forward: Steps without gradient before the `unroll` of the loss, see `phi_sol.Method`; in proportion where
            fewer are unrolled.
        curriculum: Whether n/4 and n/2 unrolled steps come first, which saves time.
        form: What the network gives: `increment`, or the `viscosity` or `stress` of a closure.
        loss: A `phi_sol.Loss`, or a function (predicted, target), or several, that are added to the plain one.
        optimizer: A name, a Keras optimizer, or a function without arguments that makes one, see `Plan.optimizer`.

    Examples:
        >>> ps.Schedule("fast", unroll=4, steps=1000)
        Schedule(network='fast', unroll=4, steps=1000, batch=6, learning_rate=0.001, decay='cosi...
    """

    network: str | Callable = "resnet"
    unroll: int = 8
    _: KW_ONLY
    steps: int = 3000
    batch: int = 6
    learning_rate: float = 1e-3
    decay: str | Callable = "cosine"
    ramp: float = 0.0
    clip: float | None = 1.0
    relative: bool = False
    gradient_loss: float = 0.0
    push_forward: int = 0
    curriculum: bool = True
    form: str = "increment"
    loss: Any = None
    optimizer: Any = "adam"

    def __post_init__(self):
        for name in ("relative", "curriculum"):
            _set(self, name, flag(f"{name} of a schedule", getattr(self, name)))
        for name, known in (
            ("network", NETWORK_NAMES),
            ("decay", DECAYS),
            ("optimizer", OPTIMIZERS),
            ("form", FORMS),
        ):
            value = getattr(self, name)
            if value not in known if isinstance(value, str) else name == "form":
                hint = suggestion(value, known) if isinstance(value, str) else ""
                raise InputError(f"Unknown {name} {quoted(value)} in a schedule.{hint} Known: {', '.join(known)}.")
        if not (isinstance(self.network, str) or callable(self.network)):
            raise InputError(
                f"The network of a schedule is a name, builder or keras.Model, not {quoted(self.network)}."
            )
        if not (isinstance(self.decay, str) or callable(self.decay)):
            raise InputError(f"A schedule's decay is a name or a function of the progress, not {quoted(self.decay)}.")
        terms = self.loss if isinstance(self.loss, tuple | list) else (self.loss,)
        if self.loss is not None and not all(map(callable, terms)):
            raise InputError(f"A schedule's loss is a Loss or functions (predicted, target), not {quoted(self.loss)}.")
        if not (isinstance(self.optimizer, str) or callable(self.optimizer) or hasattr(self.optimizer, "get_config")):
            raise InputError(f"A schedule's optimizer is a name or a Keras optimizer, not {quoted(self.optimizer)}.")
        for name in ("unroll", "steps", "batch", "push_forward"):
            least = 0 if name == "push_forward" else 1
            _set(self, name, integer(f"{name} of a schedule", getattr(self, name), least))
        ranges: dict = {"learning_rate": is_positive, "clip": lambda v: v is None or is_positive(v)}
        ranges |= {"ramp": lambda v: is_real(v) and 0 <= v < 1, "gradient_loss": lambda v: is_real(v) and v >= 0}
        kinds = {"ramp": "at least 0 and below 1", "gradient_loss": "finite and at least 0"}
        for name, fits in ranges.items():
            value = plain(getattr(self, name))
            if not fits(value):
                kind = kinds.get(name, "positive and finite")
                raise InputError(f"{name} of a schedule must be {kind}, not {quoted(value)}.")
            _set(self, name, value)
