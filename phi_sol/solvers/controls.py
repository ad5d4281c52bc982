"""What sets the parameters of a flow from step to step: functions and networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from phi import math

from ..arguments import checked
from ..errors import InputError, check_takes, is_positive, is_real, quoted, suggestion
from ..files import checksum
from ..grids.layout import tensor_of
from ..kernels.compiled import Arrays
from ..stepping.system import System
from .probes import Probes
from .values import check_parameter, described, name_of, rehearsed, state_of, tensors, variables


class When(NamedTuple):
    """
    A step, and what a control of one parameter is asked for.

    Attributes:
        step: Its number, from 0, shape (batch,).
        time: At its start, shape (batch,).
        dt: Its length.
        name: Of the parameter; "" for a control that names its own.
    """

    step: tf.Tensor
    time: tf.Tensor
    dt: Any
    name: str


class Control(ABC):
    """
    What sets parameters from step to step.

    Attributes:
        weights: Variables that can be trained.
        network: Whether a network computes, which XLA may be slow with.
    """

    weights: Sequence[Any] = ()
    network = False

    @abstractmethod
    def values(self, flow: System, when: When, arrays: Arrays, parameters: Arrays) -> Any:
        """
        The parameters of one step by name, or of a control of one parameter its value: numbers, tensors of PhiML, or
        native ones of shape () or (batch,); of a profile also along its faces.

        Args:
            flow: The flow.
            when: The step, and which parameter.
            arrays: The state, shape (batch, *spatial) each.
            parameters: Those of the simulation, shape (batch,) each.
        """

    @abstractmethod
    def config(self) -> dict:
        """All that defines it, with the values that its variables have now, as JSON-ready data."""

    def on(self, flow: System, name: str) -> None:
        """Raises InputError if it does not fit a flow, or a parameter of it."""
        return None

    def known(self) -> Any:
        """The values that it can give, where they are known; None where not."""
        return None


class FunctionControl(Control):
    """
    A control from a function of time and state, or of time, state and weights.

    Examples:
        >>> ps.FunctionControl(lambda time, state: {"reynolds": 300.0 + 50.0 * math.sin(time)})
        FunctionControl(<lambda>)
    """

    @checked
    def __init__(self, function: Callable, weights: Sequence = ()):
        """
        Args:
            function: Of the time (a PhiML tensor) and the `State` at the start of a step, and after them one tensor for
                each of the `weights` (PhiML's of single numbers, else native ones); returns a dictionary of parameters,
                such as `{"viscosity": 0.01 + 0.005 * math.sin(time)}`: numbers, PhiML tensors, or tensors of TensorFlow
                of shape (simulations,).
            weights: Variables to be trained.

        Raises:
            InputError: for what is no function of so many arguments, and no list of variables.
        """
        self.function, self.weights = function, variables("a FunctionControl", weights)
        check_takes("A control", function, "time", "state", *[f"weight_{i}" for i in range(len(weights))])

    def values(self, flow: System, when: When, arrays: Arrays, parameters: Arrays) -> Any:
        state, time = state_of(flow, arrays, parameters), when.time
        with math.precision(time.dtype.size * 8):
            return self.function(tensor_of(time, state.batch_shape), state, *tensors(self.weights, time.dtype))

    def config(self) -> dict:
        return {"type": type(self).__name__} | described(self.function, self.weights)

    def __repr__(self):
        return f"FunctionControl({name_of(self.function)})"


class NeuralControl(Control):
    """
    A network that sees the state and sets parameters:

        p = low (high / low)^σ(network(seen)),   σ the sigmoid; where `low` is not positive, low + (high - low) σ

    An untrained network that gives zero gives the (geometric) middle.

    Attributes:
        model: The network.
        ranges: Least and greatest value by parameter.
        sees: Names of fields, or `Probes`.

    Examples:
        >>> import keras
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> sees = ps.Probes("velocity", [dict(y=90.0, x=50.0)])
        >>> ps.NeuralControl(model, {"reynolds": (100.0, 1000.0)}, sees)
        NeuralControl(reynolds)
    """

    network = True

    @checked
    def __init__(self, model: keras.Model, ranges: Mapping[str, Sequence], sees: Probes | str | Sequence[str]):
        """
        Args:
            model: With one output per parameter, in the order of `ranges`, shape (batch, parameters).
            ranges: Least and greatest value of each parameter that it sets.
            sees: `Probes`, whose values are the input, shape (batch, values); or names of fields, of which it gets all
                cells, components as means of the faces of each cell: shape (batch, *spatial, channels), in the flow's
                order of axes.

        Raises:
            InputError: for ranges that are not in order.
        """
        self.model, self.sees = model, (sees,) if isinstance(sees, str) else sees
        if not ranges:
            raise InputError("A NeuralControl needs the ranges of its parameters, such as dict(reynolds=(100, 1000)).")
        for name, ends in ranges.items():
            fine = isinstance(ends, list | tuple) and len(ends) == 2 and all(map(is_real, ends))
            if not fine or not ends[0] < ends[1]:
                raise InputError(f"The range of {quoted(name)} is two numbers in order, not {quoted(ends)}.")
        self.ranges = {n: (float(low), float(high)) for n, (low, high) in ranges.items()}

    @property
    def weights(self) -> list[Any]:  # type: ignore[override]
        """Of the network, those that are not frozen."""
        return list(self.model.trainable_variables)

    def known(self) -> dict:
        return {n: np.array(ends) for n, ends in self.ranges.items()}

    def on(self, flow: System, name: str):
        for name in self.ranges:
            check_parameter(repr(self), flow, name)
        if not isinstance(self.sees, Probes):
            for name in self.sees:
                if name not in flow.fields:
                    has = f"{suggestion(name, flow.fields)} Its fields: {', '.join(flow.fields)}."
                    raise InputError(f"A NeuralControl can't see {quoted(name)} of {flow}.{has}")
            if not self.sees or len({tuple(flow.layouts[n].resolution.items()) for n in self.sees}) > 1:
                raise InputError(f"A NeuralControl sees fields of one grid, or Probes, not {quoted(self.sees)}.")
        seen = self._seen(flow, rehearsed(flow)[0])
        try:
            shape = tuple(self.model(seen).shape)
        except Exception as err:  # whatever layers say of an input of another shape
            why = str(err).split("\n")[0][:200]
            raise InputError(
                f"The model of a NeuralControl can't take inputs of shape {tuple(seen.shape)}: {why}"
            ) from err
        if shape != (1, len(self.ranges)):
            needed = f"(batch, {len(self.ranges)}), one for each of {', '.join(self.ranges)}"
            raise InputError(f"The model of a NeuralControl gives the shape {('batch', *shape[1:])}, not {needed}.")

    def _seen(self, flow: System, arrays: Arrays) -> tf.Tensor:
        if isinstance(self.sees, Probes):
            return Probes.seen(self.sees.on(flow), arrays)
        parts = []
        for layout in (flow.layouts[n] for n in self.sees):
            for name, component in zip(layout.arrays, layout.components, strict=True):
                values = arrays[name]
                if component:
                    faces, before = layout.pad(values, component), (slice(None),) * layout.axis(component)
                    values = 0.5 * (faces[(*before, slice(1, None))] + faces[(*before, slice(None, -1))])
                parts.append(values)
        return tf.stack(parts, -1)

    def values(self, flow: System, when: When, arrays: Arrays, parameters: Arrays) -> dict:
        seen, dtype = tf.cast(self._seen(flow, arrays), self.model.compute_dtype), when.time.dtype
        fixed, own = ([tf.convert_to_tensor(v) for v in w] for w in (self.model.non_trainable_variables, self.weights))
        output, _ = self.model.stateless_call(own, fixed, seen)
        parts, result = tf.unstack(tf.sigmoid(tf.cast(output, dtype)), axis=1), {}
        for (name, (low, high)), part in zip(self.ranges.items(), parts, strict=True):
            result[name] = low * (high / low) ** part if is_positive(low) else low + (high - low) * part
        return result

    def config(self) -> dict:
        values = checksum({str(i): np.asarray(w) for i, w in enumerate(self.model.variables)})
        sees = {"fields": self.sees.fields, "points": self.sees.points} if isinstance(self.sees, Probes) else self.sees
        facts = {"sees": sees, "ranges": self.ranges, "layers": self.layers, "weights": values}
        return {"type": type(self).__name__} | facts

    @property
    def layers(self) -> list[str]:
        """What decides how long it takes."""
        return [f"{type(x).__name__} {[tuple(w.shape) for w in x.weights]}" for x in self.model.layers]

    def __repr__(self):
        return f"NeuralControl({', '.join(self.ranges)})"
