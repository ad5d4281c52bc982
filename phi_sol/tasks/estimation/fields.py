"""Fields and profiles as unknowns."""

from typing import Any

import numpy as np
import tensorflow as tf
from phi import math

from ...arguments import checked
from ...errors import InputError, check_name, is_real, positive, quoted, suggestion
from ...grids.layout import tensor_of
from ...kernels.compiled import Arrays
from ...stepping.arrays import given_profiles, unpack_fields
from ...stepping.solver import Solver
from ...stepping.state import State
from .unknowns import Unknown


class InitialField(Unknown):
    """
    A field of the state at the start, whose values are x; of a velocity what is divergence-free of them.

    Attributes:
        deviation: Standard deviation of what is known beforehand around the state that an estimation begins from, in
            the field's units; None: nothing is known.

    Examples:
        >>> ps.InitialField("velocity", deviation=0.1)
        InitialField('velocity')
    """

    late = True  # a velocity is made divergence-free with what enters

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
            flow, profiles = self._flow, given_profiles(self._flow, parameters)
            with math.precision(x.dtype.size * 8):
                fields = unpack_fields(flow, arrays | given, ["velocity"], shape)
                known = {n: tensor_of(parameters[n], shape, list(flow.profiles[n])) for n in profiles}
                given = self._layout.to_arrays(flow.projection(flow.bounded(State(fields, known)).velocity)[0], shape)
        return arrays | given, parameters

    def value(self, x: np.ndarray) -> dict[str, np.ndarray]:
        parts = zip(self._layout.arrays, np.split(x, np.cumsum(self._sizes)[:-1]), self._shapes, strict=True)
        return {n: p.reshape(shape) for n, p, shape in parts}

    def error(self, x: np.ndarray, deviation: np.ndarray) -> dict[str, np.ndarray]:
        return self.value(deviation)


class Profile(Unknown):
    """
    A profile of a flow, such as what enters a wake by face (`inlet`), the same in all simulations: x are its values, or
    with a `mean` their deviations from their own mean, so that this mean stays.

    Attributes:
        deviation: Standard deviation of what is known beforehand around the profile that a search begins from.
        mean: What stays, or None.

    Examples:
        >>> ps.Profile("inlet", mean=1.0, deviation=0.1)
        Profile('inlet')
    """

    @checked
    def __init__(
        self,
        name: str = "inlet",
        *,
        deviation: float | None = None,
        mean: float | None = None,
        bounds: tuple | None = None,
    ):
        """
        Args:
            name: Of the profile.
            deviation: Positive; None: nothing is known.
            mean: Of all faces, such as the flow rate; None: it is not known either.
            bounds: (least, greatest) value of each face before the mean is restored; None for none.

        Raises:
            InputError: for numbers that are not possible.
        """
        self.name = check_name("The name of an unknown", name)
        self.deviation = None if deviation is None else positive(f"The deviation of {name!r}", deviation)
        if not (mean is None or is_real(mean)):
            raise InputError(f"The mean of {name!r} must be a number, not {quoted(mean)}.")
        self.mean = mean
        low, high = tuple(bounds or (-np.inf, np.inf)) if bounds is None or len(bounds) == 2 else (0.0, 0.0)
        if not (isinstance(low, int | float) and isinstance(high, int | float) and low < high):
            raise InputError(f"The bounds of {name!r} are two numbers in order, not {quoted(bounds)}.")
        self.limits = low, high

    def __repr__(self):
        return f"Profile({self.name!r})"

    def begin(self, solver: Solver, arrays: Arrays, parameters: Arrays) -> np.ndarray:
        flow: Any = solver.flow
        if self.name not in flow.profiles:
            known = ", ".join(flow.profiles) or "none"
            raise InputError(f"{flow} has no profile {quoted(self.name)}. Known: {known}.")
        if self.name not in parameters:
            start = f"initial_state(..., {self.name}=1.0)"
            raise InputError(f"The state has no {self.name} that the search could begin from: {start} gives it one.")
        given = np.asarray(parameters[self.name], np.float64)
        if (given != given[0]).any():
            raise InputError(f"The simulations differ in their {self.name}: it is estimated as the same in all.")
        self._shape = given.shape[1:]
        x = given[0].ravel()
        self.bounds = np.array([np.full(x.shape, v) for v in self.limits])
        self.prior = np.array([x, np.full(x.shape, self.deviation or np.inf)])
        return np.clip(x, *self.bounds)

    def enter(self, x: tf.Tensor, arrays: Arrays, parameters: Arrays) -> tuple[Arrays, Arrays]:
        if self.mean is not None:
            x = x - tf.reduce_mean(x, 1, keepdims=True) + self.mean
        return arrays, parameters | {self.name: tf.reshape(x, [-1, *self._shape])}

    def value(self, x: np.ndarray) -> np.ndarray:
        x = x if self.mean is None else x - x.mean() + self.mean
        return x.reshape(self._shape)

    def error(self, x: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        return deviation.reshape(self._shape)
