"""What is estimated: numbers x, and how a simulation follows from them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...arguments import checked
from ...errors import InputError, check_name, is_positive, is_real, positive, quoted, suggestion
from ...flows.parameters import SEED
from ...kernels.compiled import Arrays
from ...stepping.solver import Solver


class Unknown(ABC):
    """
    Something of a simulation that is not known: as numbers x of any size, in which it is optimised.

    Attributes:
        name: In results.
        bounds: Least and greatest x, shape (2, n); infinite for none.
        prior: Mean and standard deviation of x, shape (2, n), of which the deviation may be infinite.
        variables: Of the solver, whose values x are, if any.
        late: Whether it enters after the others: what it becomes depends on them.
    """

    name: str
    variables: Sequence[Any] = ()
    late: bool = False
    bounds: np.ndarray
    prior: np.ndarray

    @abstractmethod
    def begin(self, solver: Solver, arrays: Arrays, parameters: Arrays) -> np.ndarray:
        """x at the start, shape (n,), float64; sets bounds and prior. Raises InputError if the solver has no such."""

    @abstractmethod
    def enter(self, x: tf.Tensor, arrays: Arrays, parameters: Arrays) -> tuple[Arrays, Arrays]:
        """
        The state that a simulation with these numbers begins from, which gradients pass.

        Args:
            x: Shape (batch, n), of the type of the arrays.
            arrays: Shape (batch, *spatial) each.
            parameters: Shape (batch,) each.
        """

    @abstractmethod
    def value(self, x: np.ndarray) -> Any:
        """What x stands for, in its own units."""

    @abstractmethod
    def error(self, x: np.ndarray, deviation: np.ndarray) -> Any:
        """The standard error of the value, to first order in that of x."""

    def assign(self, x: np.ndarray):
        """Gives `variables` the values x; of most unknowns there are none."""
        return None

    def collect(self, gradients: list[np.ndarray]) -> np.ndarray:
        """The gradient by x of those by `variables`."""
        return np.zeros(0)


class Parameter(Unknown):
    """
    A parameter of a flow: x is its logarithm where it must be positive; of one that may have any sign (`Flow.signed`,
    such as a position) its value over `scale`.

    Attributes:
        start: Where the search begins; None: the value of the state that an estimation begins from.
        limits: Least and greatest value, of which either may be None.
        guess: Mean and standard deviation of what is known beforehand, or None.

    Examples:
        >>> ps.Parameter("reynolds", 200.0, bounds=(50.0, 2000.0))
        Parameter('reynolds')
    """

    @checked
    def __init__(
        self,
        name: str,
        start: float | None = None,
        bounds: Sequence | None = None,
        prior: Sequence | None = None,
        *,
        scale: float | None = None,
    ):
        """
        Args:
            name: Such as `reynolds`.
            start: Where the search begins; None for the value of the state.
            bounds: (least, greatest), None for none.
            prior: (mean, standard deviation): the deviation relative to the value where this must be positive.
            scale: Of a parameter of any sign, how far it may well be off; None: the size of its start, at least 1.

        Raises:
            InputError: for numbers that are not possible.
        """
        self.name = check_name("The name of an unknown", name)
        self.start = None if start is None else self._number("start", start)
        self.scale = None if scale is None else positive(f"The scale of {name!r}", scale)
        low, high = self._pair(bounds, "bounds", "least and greatest value, or None") or (None, None)
        low, high = (None if v is None else self._number("bounds", v) for v in (low, high))
        if low is not None and high is not None and not low < high:
            raise InputError(f"The bounds of {name!r} must be in order, not {quoted(bounds)}.")
        if start is not None and ((low is not None and start < low) or (high is not None and start > high)):
            raise InputError(f"The start of {name!r}, {start:g}, is not within its bounds {quoted(bounds)}.")
        self.limits = low, high
        self.guess = self._pair(prior, "prior", "mean and deviation")
        if self.guess:
            self.guess = (self._number("prior", self.guess[0]), positive(f"The prior of {name!r}", self.guess[1]))
        self._signed = False

    def __repr__(self):
        return f"Parameter({self.name!r})"

    def _number(self, what: str, given: Any) -> float:
        if not is_real(given):
            raise InputError(f"The {what} of {self.name!r} must be numbers, not {quoted(given)}.")
        return float(given)

    def _pair(self, given: Sequence | None, what: str, meaning: str) -> tuple | None:
        if given is None:
            return None
        if isinstance(given, str) or len(given) != 2:
            raise InputError(f"The {what} of {self.name!r} are two, {meaning}, not {quoted(given)}.")
        return tuple(given)

    def begin(self, solver: Solver, arrays: Arrays, parameters: Arrays) -> np.ndarray:
        known = [n for n in solver.flow.parameters if n != SEED]
        if self.name not in known:
            hint = suggestion(self.name, known)
            raise InputError(
                f"{solver.flow} has no parameter {self.name!r}.{hint} Known: {', '.join(known) or 'none'}."
            )
        given = np.unique(np.asarray(parameters[self.name]))
        if self.start is None and len(given) > 1:
            raise InputError(f"The simulations have several values of {self.name!r}: give one to start from.")
        start = float(given[0]) if self.start is None else self.start
        self._signed = self.name in getattr(solver.flow, "signed", ())
        low, high = self.limits
        for what, value in (("start", start), ("bounds", low), ("bounds", high), ("prior", (self.guess or (1,))[0])):
            if not self._signed and value is not None and not is_positive(value):
                raise InputError(f"The {what} of {self.name!r} must be positive, not {value:g}.")
        self._unit = self.scale or max(abs(start), 1.0)
        ends = -np.inf if low is None else self._number_of(low), np.inf if high is None else self._number_of(high)
        self.bounds = np.array(ends)[:, None]
        self.prior = np.array([[0.0], [np.inf]])
        if self.guess:
            self.prior = np.array([[self._number_of(self.guess[0])], [self.guess[1]]])
            self.prior[1] /= self._unit if self._signed else 1.0
        return np.clip([self._number_of(start)], *self.bounds)

    def _number_of(self, value: float) -> float:
        return value / self._unit if self._signed else float(np.log(value))

    def enter(self, x: tf.Tensor, arrays: Arrays, parameters: Arrays) -> tuple[Arrays, Arrays]:
        value = x[:, 0] * self._unit if self._signed else tf.exp(x[:, 0])
        return arrays, parameters | {self.name: value}

    def value(self, x: np.ndarray) -> float:
        return float(x[0] * self._unit if self._signed else np.exp(x[0]))

    def error(self, x: np.ndarray, deviation: np.ndarray) -> float:
        return float(deviation[0] * (self._unit if self._signed else np.exp(x[0])))
