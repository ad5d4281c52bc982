"""Variables of a solver as unknowns: of neural terms, correctors, controllers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...arguments import checked
from ...errors import InputError, check_name, positive, quoted
from ...kernels.compiled import Arrays
from ...stepping.solver import Solver
from .unknowns import Unknown


class Weights(Unknown):
    """
    Variables that a solver's steps depend on: x are their values. After a search they hold the best ones.

    Attributes:
        variables: TensorFlow's or Keras's.
        deviation: Standard deviation of what is known beforehand around the values that the search begins with.

    Examples:
        >>> ps.Weights([tf.Variable(0.0)], "drag")
        Weights('drag', 1 numbers)
    """

    @checked
    def __init__(self, variables: Any, name: str = "weights", deviation: float | None = None):
        """
        Args:
            variables: A list of variables, a variable, or what has `weights` or `trainable_variables`: a term, a
                network, a controller.
            name: In results.
            deviation: Positive; None: nothing is known.

        Raises:
            InputError: for what has no variables.
        """
        self.name = check_name("The name of an unknown", name)
        self.deviation = None if deviation is None else positive(f"The deviation of {name!r}", deviation)
        given = variables
        for attribute in ("trainable_variables", "weights"):
            if not isinstance(given, list | tuple) and not hasattr(given, "assign"):
                given = getattr(given, attribute, given)
        given = [given] if hasattr(given, "assign") else given
        if not (isinstance(given, list | tuple) and given and all(hasattr(v, "assign") for v in given)):
            raise InputError(f"Weights are variables, or of what has some, not {quoted(variables)}.")
        self.variables: Sequence[Any] = tuple(given)

    def __repr__(self):
        return f"Weights({self.name!r}, {sum(int(np.prod(v.shape)) for v in self.variables)} numbers)"

    def begin(self, solver: Solver, arrays: Arrays, parameters: Arrays) -> np.ndarray:
        self._shapes = [tuple(int(n) for n in v.shape) for v in self.variables]
        x = self.collect([np.asarray(v, np.float64) for v in self.variables])
        self.bounds = np.array([np.full(x.shape, -np.inf), np.full(x.shape, np.inf)])
        self.prior = np.array([x, np.full(x.shape, self.deviation or np.inf)])
        return x

    def enter(self, x: tf.Tensor, arrays: Arrays, parameters: Arrays) -> tuple[Arrays, Arrays]:
        return arrays, parameters

    def value(self, x: np.ndarray) -> list[np.ndarray]:
        parts = np.split(x, np.cumsum([int(np.prod(s)) for s in self._shapes])[:-1])
        return [p.reshape(s) for p, s in zip(parts, self._shapes, strict=True)]

    def error(self, x: np.ndarray, deviation: np.ndarray) -> list[np.ndarray]:
        return self.value(deviation)

    def assign(self, x: np.ndarray):
        for variable, value in zip(self.variables, self.value(x), strict=True):
            variable.assign(value)

    def collect(self, gradients: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(np.asarray(g, np.float64)) for g in gradients])
