"""What is estimated: numbers x, and how a simulation follows from them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from phi import math

from ...arguments import checked
from ...errors import InputError, check_name, is_positive, positive, quoted, suggestion
from ...flows.parameters import SEED
from ...kernels.compiled import Arrays
from ...stepping.arrays import unpack_fields
from ...stepping.solver import Solver


class Unknown(ABC):
    """
    Something of a simulation that is not known: as numbers x of any size, in which it is optimised.

    Attributes:
        name: In results.
        bounds: Least and greatest x, shape (2, n); infinite for none.
        prior: Mean and standard deviation of x, shape (2, n), of which the deviation may be infinite.
    """

    name: str
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


class Parameter(Unknown):
    """
    A parameter of a flow, positive: x is its logarithm.

    Attributes:
        start: Where the search begins; None: the value of the state that an estimation begins from.
        limits: Least and greatest value, of which either may be None.
        guess: Mean and relative standard deviation of what is known beforehand, or None.
    """

    @checked
    def __init__(
        self,
        name: str,
        start: float | None = None,
        bounds: Sequence | None = None,
        prior: Sequence | None = None,
    ):
        """
        Args:
            name: Such as `reynolds`.
            start: Positive; None for the value of the state.
            bounds: (least, greatest), positive or None each.
            prior: (mean, relative standard deviation), both positive.

        Raises:
            InputError: for numbers that are not possible.
        """
        self.name = check_name("The name of an unknown", name)
        self.start = None if start is None else positive(f"The start of {name!r}", start)
        low, high = self._pair(bounds, "bounds", "least and greatest value, positive or None") or (None, None)
        if not all(v is None or is_positive(v) for v in (low, high)) or (low and high and not low < high):
            raise InputError(f"The bounds of {name!r} must be positive and in order, not {quoted(bounds)}.")
        if self.start and ((low and self.start < low) or (high and self.start > high)):
            raise InputError(f"The start of {name!r}, {self.start:g}, is not within its bounds {quoted(bounds)}.")
        self.limits = low, high
        self.guess = self._pair(prior, "prior", "mean and relative deviation")
        if self.guess and not all(is_positive(v) for v in self.guess):
            raise InputError(f"The prior of {name!r} must be positive numbers, not {quoted(prior)}.")

    def __repr__(self):
        return f"Parameter({self.name!r})"

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
        low, high = (-np.inf if self.limits[0] is None else np.log(self.limits[0])), self.limits[1]
        self.bounds = np.array([[low], [np.inf if high is None else np.log(high)]])
        self.prior = np.array([[np.log(self.guess[0])], [self.guess[1]]] if self.guess else [[0.0], [np.inf]])
        return np.clip([np.log(start)], *self.bounds)

    def enter(self, x: tf.Tensor, arrays: Arrays, parameters: Arrays) -> tuple[Arrays, Arrays]:
        return arrays, parameters | {self.name: tf.exp(x[:, 0])}

    def value(self, x: np.ndarray) -> float:
        return float(np.exp(x[0]))

    def error(self, x: np.ndarray, deviation: np.ndarray) -> float:
        return float(np.exp(x[0]) * deviation[0])


class InitialField(Unknown):
    """
    A field of the state at the start, whose values are x; of a velocity what is divergence-free of them.

    Attributes:
        deviation: Standard deviation of what is known beforehand around the state that an estimation begins from, in
            the field's units; None: nothing is known.
    """

    @checked
    def __init__(self, name: str, deviation: float | None = None):
        """Raises InputError for a deviation that is not positive."""
        self.name = check_name("The name of an unknown", name)
        self.deviation = None if deviation is None else positive(f"The deviation of {name!r}", deviation)

    def __repr__(self):
        return f"InitialField({self.name!r})"

    def begin(self, solver: Solver, arrays: Arrays, parameters: Arrays) -> np.ndarray:
        flow: Any = solver.flow
        free = [n for n in flow.fields if n not in flow.prescribed]
        if self.name not in free:
            hint = suggestion(self.name, free)
            raise InputError(f"{flow} has no field {quoted(self.name)} of its own.{hint} Known: {', '.join(free)}.")
        self._flow, self._layout = flow, flow.layouts[self.name]
        parts = [np.asarray(arrays[n], np.float64) for n in self._layout.arrays]
        if len(parts[0]) > 1:
            raise InputError(f"An initial {self.name} is estimated of one simulation, not of {len(parts[0])} at once.")
        self._shapes = [p.shape[1:] for p in parts]
        self._sizes = [p.size for p in parts]
        x = np.concatenate([p.ravel() for p in parts])
        self.bounds = np.array([np.full(x.shape, -np.inf), np.full(x.shape, np.inf)])
        self.prior = np.array([x, np.full(x.shape, self.deviation or np.inf)])
        return x

    def enter(self, x: tf.Tensor, arrays: Arrays, parameters: Arrays) -> tuple[Arrays, Arrays]:
        parts = zip(self._layout.arrays, tf.split(x, self._sizes, 1), self._shapes, strict=True)
        given = {n: tf.reshape(p, [-1, *shape]) for n, p, shape in parts}
        if self.name == "velocity" and self._flow.incompressible:
            shape = math.batch(batch=int(x.shape[0]))
            with math.precision(x.dtype.size * 8):
                field = unpack_fields(self._flow, arrays | given, ["velocity"], shape)["velocity"]
                given = self._layout.to_arrays(self._flow.projection(field)[0], shape)
        return arrays | given, parameters

    def value(self, x: np.ndarray) -> dict[str, np.ndarray]:
        parts = zip(self._layout.arrays, np.split(x, np.cumsum(self._sizes)[:-1]), self._shapes, strict=True)
        return {n: p.reshape(shape) for n, p, shape in parts}

    def error(self, x: np.ndarray, deviation: np.ndarray) -> dict[str, np.ndarray]:
        return self.value(deviation)
