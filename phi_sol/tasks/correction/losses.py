"""What a prediction is compared by: squared differences of values, of gradients and of spectra."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from ...arguments import check, check_fields
from ...correctors.statistics import Statistics
from ...errors import InputError, check_takes, is_real, quoted
from ...kernels.compiled import Arrays

FLOOR = 1e-4  # of the mean square, where a source step from a window's first frame is exact
STEP_WEIGHTS = {
    "uniform": lambda n: np.ones(n),
    "linear": lambda n: 2 * np.arange(1, n + 1) / (n + 1),
    "last": lambda n: n * (np.arange(1, n + 1) == n),
}


@dataclass(frozen=True)
class Loss:
    """
    The loss of one predicted state s against the restricted reference r,

        L = Σ_f w_f [ v <e_f²> + g Σ_d <(δ_d e_f)²> + a <(|ŝ_f| - |r̂_f|)²>_k ],   e_f = (s_f - r_f) / σ_f,

    over the corrected arrays f (components count as arrays), σ_f the standard deviation in the data, <.> the mean over
    faces or cells, δ_d the difference of two neighbours along axis d, and ^ the discrete Fourier transform of s_f /
    σ_f, over square roots of the number of points. By Parseval's theorem the last term is what the first one would be
    if all phases were right: at most <e²>.

    With `relative`, σ_f² is for each window the mean square of what one source step from its first frame gets wrong,
    plus 0.01 % of its mean over the data: so calm and lively windows count alike. In a flow that starts from rest the
    squares of late frames outweigh those of early ones, whose errors grow into the late ones.

    Attributes:
        fields: w_f by field name; 1 for fields that are not named.
        values: v, without unit; 0 where the terms below take the place of the squared differences.
        gradient: g, without unit.
        spectral: a, without unit.
        steps: Weights of the n unrolled steps: `uniform`, `linear` (growing) or `last`, each with sum n, or n numbers.
        relative: Whether each window counts by its own error of the source, as said above.
        extra: Further terms: functions of (predicted, target), both arrays by name of shape (batch, *spatial), that
            give numbers of shape (batch,), which are added.

    Examples:
        >>> ps.Loss(gradient=0.1)
        Loss(fields=(), values=1.0, gradient=0.1, spectral=0.0, steps='uniform', relative=False, extra=())
    """

    fields: tuple[tuple[str, float], ...] = ()
    _: KW_ONLY
    values: float = 1.0
    gradient: float = 0.0
    spectral: float = 0.0
    steps: str | tuple[float, ...] = "uniform"
    relative: bool = False
    extra: Any = ()

    def __post_init__(self):
        check("fields of Loss", self.fields, tuple)
        values = {n: getattr(self, n) for n in ("values", "gradient", "spectral")}
        if not all(isinstance(f, tuple | list) and len(f) == 2 for f in self.fields):
            raise InputError(f"The fields of a loss are pairs (name, weight), not {quoted(self.fields)}.")
        values |= {f"weight of {n}": w for n, w in self.fields}
        for name, value in values.items():
            _check_weight(name, value)
        check("steps of Loss", self.steps, str | tuple)
        if not isinstance(self.steps, str):
            for i, weight in enumerate(self.steps, 1):
                _check_weight(f"weight of step {i}", weight)
            if not sum(self.steps) > 0:
                raise InputError("At least one step of a loss must have a weight above 0.")
        elif self.steps not in STEP_WEIGHTS:
            known = f"{', '.join(STEP_WEIGHTS)}, or one number for each step, e.g. 1,1,2"
            raise InputError(f"Unknown step weights {quoted(self.steps)}. Known: {known}.")
        if callable(self.extra):
            object.__setattr__(self, "extra", (self.extra,))
        if not (isinstance(self.extra, tuple | list) and all(callable(e) for e in self.extra)):
            raise InputError(f"Extra terms of a loss are functions of (predicted, target), not {quoted(self.extra)}.")
        for term in self.extra:
            check_takes("An extra term of a loss", term, "predicted", "target")
        check_fields(self)
        if not (self.values or self.gradient or self.spectral or self.extra):
            raise InputError("A loss needs a term: a weight of its values above 0, or another term.")

    @staticmethod
    def of(given: "Loss | Callable | Sequence[Callable] | None", relative: bool = False) -> "Loss":
        """A loss as it is given; or the plain one with further terms, or none; relative if either says so."""
        loss = given if isinstance(given, Loss) else Loss(extra=() if given is None else given)  # type: ignore[arg-type]
        return replace(loss, relative=relative or loss.relative)

    @staticmethod
    def parse(
        fields: str | None = None,
        gradient: float = 0.0,
        spectral: float = 0.0,
        steps: str = "uniform",
        *,
        relative: bool = False,
    ) -> "Loss":
        """
        A loss from text as in commands: `fields` such as `velocity=1,marker=0.2`, `steps` a name or numbers such as
        `1,1,2`. Raises InputError if a text can't be understood.
        """
        weights: dict[str, float] = {}
        for part in fields.split(",") if fields else ():
            name, _, value = part.partition("=")
            if name.strip() in weights:
                raise InputError(f"The weight of {name.strip()!r} in the loss is given more than once: {fields}.")
            weights[name.strip()] = _number(value, part, "the weights of fields look like velocity=1,marker=0.2")
        parsed: str | tuple[float, ...] = steps
        if steps.strip()[:1] in set("0123456789.-+"):
            parsed = tuple(_number(w, w, "the weights of steps look like 1,1,2") for w in steps.split(","))
        return Loss(tuple(weights.items()), gradient=gradient, spectral=spectral, steps=parsed, relative=relative)

    def check_fields(self, correct: Sequence[str]):
        """Raises InputError if a field has a weight that is not corrected, or all corrected fields the weight 0."""
        weights, corrected = dict(self.fields), ", ".join(correct)
        for name in weights:
            if name not in correct:
                raise InputError(f"The loss has a weight for {name!r}, but the corrector corrects {corrected}.")
        if not any(weights.get(n, 1.0) for n in correct):
            raise InputError("At least one corrected field must have a weight above 0 in the loss.")

    def step_weights(self, n: int) -> np.ndarray:
        """The weights of n steps, of given numbers the first n (for shorter stages). Raises InputError for fewer."""
        if isinstance(self.steps, str):
            return STEP_WEIGHTS[self.steps](n).astype(float)
        if len(self.steps) < n:
            raise InputError(f"{n} unrolled steps need {n} step weights, not {len(self.steps)}.")
        return np.array(self.steps[:n], float)

    def scales(self, errors: Arrays, statistics: Statistics) -> Arrays:
        """
        σ of each array: from the statistics, or where the loss is relative, shape (batch,), from what a source step
        gets wrong, shape (batch, *spatial).
        """
        if not self.relative:
            return {n: statistics.std[n] for n in errors}
        squares = {n: tf.reduce_mean(tf.square(e), list(range(1, e.shape.rank))) for n, e in errors.items()}
        return {n: tf.sqrt(s + FLOOR * statistics.correction[n] ** 2) for n, s in squares.items()}

    def __call__(self, predicted: Arrays, target: Arrays, scales: Arrays) -> tf.Tensor:
        """
        The loss, shape (batch,), of the corrected arrays of a predicted state, shape (batch, *spatial) each, against
        those of the reference, restricted to the source grid, with σ from `scales`.
        """
        weights, total = dict(self.fields), 0.0
        for name in target:
            if weight := weights.get(name.partition(".")[0], 1.0):
                scale = scales[name]
                if tf.is_tensor(scale):  # one of each window
                    scale = tf.reshape(scale, [-1, *[1] * (target[name].shape.rank - 1)])
                s, r = (a / scale for a in (predicted[name], target[name]))
                total += weight * self._of_array(s, r)
        batch = next(iter(target.values())).shape[:1]
        return total + sum(_per_window(term, term(predicted, target), batch) for term in self.extra)

    def to_dict(self) -> dict:
        """JSON-ready; extra terms by their names."""
        steps = self.steps if isinstance(self.steps, str) else list(self.steps)
        content = {"fields": dict(self.fields), "gradient": self.gradient, "spectral": self.spectral, "steps": steps}
        content |= {} if self.values == 1.0 else {"values": self.values}
        names = [_name(e) for e in self.extra]
        return content | ({"relative": True} if self.relative else {}) | ({"extra": names} if names else {})

    def _of_array(self, s: tf.Tensor, r: tf.Tensor) -> tf.Tensor:
        space = list(range(1, s.shape.rank))
        e = s - r
        total = self.values * tf.reduce_mean(tf.square(e), space)
        for axis in space if self.gradient else ():
            n = e.shape[axis]
            upper, lower = (tf.gather(e, tf.range(first, first + n - 1), axis=axis) for first in (1, 0))
            total += self.gradient * tf.reduce_mean(tf.square(upper - lower), space)
        if self.spectral:
            total += self.spectral * tf.reduce_mean(tf.square(amplitudes(s) - amplitudes(r)), space)
        return total


def _name(term: Callable) -> str:
    return getattr(term, "__name__", type(term).__name__)


def _check_weight(name: str, value: object):
    if not (is_real(value) and value >= 0):  # type: ignore[operator]
        raise InputError(f"The {name} in a loss must be finite and at least 0, not {quoted(value)}.")


def _per_window(term: Callable, value, batch: tf.TensorShape):
    """What an extra term gives: a number for each window, or one for all. Raises InputError for anything else."""
    shape = value.shape if hasattr(value, "shape") else () if is_real(value) else None
    if shape is None or not any(tf.TensorShape(shape).is_compatible_with(s) for s in ((), batch)):
        found = type(value).__name__ if shape is None else f"the shape {tuple(shape)}"
        raise InputError(f"{_name(term)!r} in the loss must give one number per window, shape (batch,), not {found}.")
    return value


def _number(text: str, part: str, advice: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{part!r} is not possible: {advice}.") from None


def amplitudes(array: tf.Tensor) -> tf.Tensor:
    """
    |Fourier transform| over all but the first axis, divided by the square root of the number of points, so that
    squares have the same mean as those of `array`. Smooth at zero, for its gradient.
    """
    transform = {1: tf.signal.fft, 2: tf.signal.fft2d, 3: tf.signal.fft3d}[array.shape.rank - 1]
    spectrum = transform(tf.cast(array, tf.complex128 if array.dtype == tf.float64 else tf.complex64))
    squares = (tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))) / int(np.prod(array.shape[1:]))
    return tf.sqrt(squares + 1e-12)
