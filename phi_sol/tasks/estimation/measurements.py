"""What instruments say of a simulation: probes, forces, and other numbers of its states."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ...arguments import checked
from ...errors import InputError, check_name, check_takes, quoted
from ...kernels.compiled import Arrays
from ...solvers.probes import Probes
from ...solvers.values import rehearsed
from ...stepping.adjoint import flattened
from ...stepping.arrays import array_names
from ...stepping.rollout import Rollout
from ...stepping.system import System
from .observations import Observed, noise_of, taken
from .quantities import Quantity


class Measurements(Observed):
    """
    Numbers H of the states s at some times, such as values at probes, or the force on a body, with independent Gaussian
    noise: o_k = H(s(t_k)) + σ ε_k. Values that are not finite were not measured.

    Attributes:
        flow: The flow whose states were measured.
        times: Since the start, shape (times,).
        values: By the name, shape (times, simulations, numbers), float64.
        noise: Standard deviation by the name; None: it is not known, and estimated.
        lacking: Values that were not finite.

    Examples:
        >>> probes = ps.Probes("velocity", [dict(y=90.0, x=50.0)])
        >>> ps.Measurements(flow, probes, [[1.0, 0.0], [0.9, 0.1]], times=[1.0, 2.0], noise=0.01)
        Measurements(4 values of measured in 2 frames)
    """

    @checked
    def __init__(
        self,
        flow: System,
        quantity: Any,
        values: Any,
        times: Any,
        *,
        noise: float | None = None,
        name: str = "measured",
    ):
        """
        Args:
            flow: A flow whose states are measured.
            quantity: `Probes`, or a function of a `State` that gives one number or several, as a tensor of PhiML or
                TensorFlow: `lambda s: metrics.body_forces(flow, s)["cylinder"]["x"]`. It gets states of many times at
                once, as one batch, and is called once beforehand.
            values: What was measured, shape (times,), (times, simulations), or of several numbers (times, numbers) or
                (times, simulations, numbers).
            times: Since the start, at which steps end.
            noise: Standard deviation in the units of the values.
            name: In results; different ones where there are several measurements.

        Raises:
            InputError: for a quantity that is none, values of another shape, or none that is finite.
        """
        self.flow, self.name, self.quantity = flow, check_name("The name of measurements", name), quantity
        self.noise = noise_of([self.name], noise)
        self._measure = _instrument(flow, quantity, name)
        with tf.init_scope():
            numbers = int(self._measure(*rehearsed(flow)).shape[1])
        try:
            self.times = np.array(times, np.float64)
            found = np.array(values, np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"Measured values and times are numbers, not {quoted(values)} at {quoted(times)}."
            ) from None
        if self.times.ndim != 1 or not len(self.times) or not np.isfinite(self.times).all():
            raise InputError(f"The times of measurements are a list of numbers, not {quoted(times)}.")
        kinds = {1: (1,), 2: (-1, 1) if numbers == 1 else (1, numbers), 3: (-1, numbers)}
        fits = found.ndim in kinds and len(found) == len(self.times) and (found.ndim > 1 or numbers == 1)
        if not fits or (found.ndim > 1 and numbers > 1 and found.shape[-1] != numbers) or not found.size:
            kind = "(times,) or (times, simulations)" if numbers == 1 else f"(times, {numbers})"
            needed = f"{kind}, or (times, simulations, {numbers}), with {len(self.times)} times"
            raise InputError(f"The values of {self.name!r} have the shape {needed}, not {found.shape}.")
        found = found.reshape(len(self.times), *(kinds[found.ndim] if found.ndim > 1 else (1, 1)))
        self.lacking = int((~np.isfinite(found)).sum())
        self.values = {self.name: np.where(np.isfinite(found), found, np.nan)}
        if not len(self):
            raise InputError(f"Nothing is measured: there is no finite value of {self.name!r}.")

    @classmethod
    @checked
    def of(
        cls, frames: Rollout, quantity: Any, *, every: int = 1, noise: float | None = None, name: str = "measured"
    ) -> "Measurements":
        """
        What would be measured of the frames of a rollout.

        Args:
            frames: Of the flow that is measured.
            quantity: As for `Measurements`.
            every: Only every so many frames count.
            noise: As for `Measurements`, as is the name.

        Raises:
            InputError: as for `Measurements`.
        """
        chosen, flow, times = taken(frames, every)
        measure = _instrument(flow, quantity, check_name("The name of measurements", name))
        arrays = {n: tf.convert_to_tensor(np.asarray(a)[chosen]) for n, a in frames.arrays.items()}
        parameters = {n: tf.convert_to_tensor(np.asarray(p)) for n, p in frames.parameters.items()}
        states, of_states = flattened(arrays, parameters)
        found, simulations = measure(states, of_states), next(iter(arrays.values())).shape[1]
        found = tf.broadcast_to(found, [len(times) * simulations, found.shape[1]])
        values = np.asarray(found, np.float64).reshape(len(times), simulations, -1)
        return cls(flow, quantity, values, times, noise=noise, name=name)

    def predicted(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        found, states = self._measure(arrays, parameters), next(iter(arrays.values())).shape[0]
        return {self.name: tf.broadcast_to(found, [states, found.shape[1]])}

    def check(self, flow: System, simulations: int):
        own, other = (
            {n: x.shape(c) for x in f.layouts.values() for n, c in zip(x.arrays, x.components, strict=True)}
            for f in (self.flow, flow)
        )
        if own != other or array_names(self.flow) != array_names(flow):
            raise InputError(f"{self.name!r} was measured of {self.flow}, but the solver steps {flow}.")
        found = self.values[self.name].shape
        if found[1] != simulations:
            raise InputError(f"{self.name!r} was measured in {found[1]} simulations, but the state has {simulations}.")


def _instrument(flow: System, quantity: Any, name: str) -> Callable:
    """What makes numbers, shape (states, numbers), of native arrays and parameters of states of a flow."""
    if isinstance(quantity, Probes):
        bound = quantity.on(flow)
        return lambda arrays, parameters: Probes.seen(bound, arrays)
    if not callable(quantity):
        raise InputError(f"What is measured are Probes, or a function of a state, not {quoted(quantity)}.")
    check_takes("What is measured", quantity, "state")
    return Quantity(f"What {name!r} measures", flow, quantity)
