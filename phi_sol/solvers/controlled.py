"""A solver whose parameters are set from step to step."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ..arguments import checked
from ..errors import InputError, check_takes, integer, quoted
from ..kernels.compiled import Arrays
from ..kernels.settings import compile_whole
from ..progress import Show
from ..stepping.arrays import array_names, pack, unpack
from ..stepping.resumable import Resumable
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..stepping.state import State
from .controls import Control, FunctionControl, NeuralControl, When
from .timetable import TimeTable
from .values import check_parameter, check_places, check_values, faces_of, parameter_values, rehearsed
from .wrapped import Wrapped, weights_of

LOG = logging.getLogger(__name__)


class Controlled(Wrapped):
    """
    A solver whose parameters are set from step to step. With P the step of the solver and c the controls:

        s_{n+1} = P(s_n; p = c(n, t_n, s_n)),   t_n = n dt

    A rollout begins at step `first`. Parameters that no control sets stay those of the state, and so do those of the
    states that a rollout consists of; what was set is among its diagnostics, by the parameter's name, of each frame the
    value of the step before it. The number of the step travels with the arrays, also in compiled loops and restarts.
    Variables of the controls enter compiled steps with the values that they have, and there are gradients of them.

    Attributes:
        solver: What steps.
        controls: What sets parameters.
        names: Of the parameters that are set.
        first: Number of the first step of a rollout; may be changed at any time, such as to go on.
        weights: All variables that can be trained, of the controls, then of the solver.

    Examples:
        >>> ps.Controlled(flow, {"reynolds": ps.TimeTable([100.0, 400.0], times=[0.0, 50.0])})
        Controlled(WakeFlow(y=16, x=8, dt=1, advection='semi_lagrangian'), reynolds)
    """

    @checked
    def __init__(self, solver: Solver, controls: Any, first: int = 0):
        """
        Args:
            solver: A flow or another solver.
            controls: By parameter or profile a `TimeTable`, or values of one, or a function of (time, state), see
                `FunctionControl`; or a `NeuralControl`, `FunctionControl` or function that gives several by name; or a
                list of these.
            first: Number of the first step of a rollout.

        Raises:
            InputError: for what is no control, parameters that the flow does not have or that two controls set, values
                that are not possible, networks that don't fit. Functions and networks are called once.
        """
        super().__init__(solver)
        self.first = integer("The number of the first step", first, 0)
        self.controls: list[tuple[str, Control]] = []
        given = list(controls) if isinstance(controls, list | tuple) else [controls]
        for item in given:
            if isinstance(item, Mapping):
                self.controls += [(n, _single(n, c)) for n, c in item.items()]
            else:
                self.controls.append(("", _several(item)))
        if not self.controls:
            raise InputError("A Controlled solver needs at least one control, such as {'viscosity': TimeTable(...)}.")
        self._counter = f"steps_{len([n for n in solver.carried if n.startswith('steps_')])}"
        self.carried = (*solver.carried, self._counter)
        self.by_units = True
        network = any(c.network for _, c in self.controls)
        self.jit_compile = compile_whole() if network and solver.jit_compile else solver.jit_compile
        layers = [c.layers for _, c in self.controls if isinstance(c, NeuralControl)]
        known = str(solver) if solver.jit_compile else solver.measured
        self.measured = known and f"{known}, controls {[type(c).__name__ for _, c in self.controls]} {layers}"
        self.names = self._rehearse()
        for name in self.names:
            if name in array_names(self.flow) or name in solver.diagnostics:
                raise InputError(f"{self.flow} has a field or a parameter set before of the name {name!r}.")
        self.diagnostics = (*solver.diagnostics, *self.names)
        self._check_known()

    def _rehearse(self) -> tuple[str, ...]:
        """Names of what is set, after one call of each control."""
        with tf.init_scope():
            for name, control in self.controls:
                if name:
                    check_parameter(repr(control), self.flow, name)
                control.on(self.flow, name)
            arrays, parameters = rehearsed(self.flow)
            tables = [c.simulations(self.flow, n) for n, c in self.controls if isinstance(c, TimeTable)]
            if (several := max(tables, default=1)) > 1:
                arrays, parameters = (
                    {n: tf.repeat(a, several, 0) for n, a in group.items()} for group in (arrays, parameters)
                )
            found = self._set(tf.zeros([len(next(iter(arrays.values())))], tf.int32), arrays, parameters, self.dt)
        return tuple(n for n in (*self.flow.parameters, *self.flow.profiles) if n in found)

    @property
    def weights(self) -> list[Any]:
        """What can be trained, of the controls and of the solver."""
        found = [w for _, control in self.controls for w in control.weights] + weights_of(self.solver)
        return list({id(w): w for w in found}.values())

    def _set(self, step: tf.Tensor, arrays: Arrays, parameters: Arrays, dt: Any) -> Arrays:
        """The parameters and profiles of a step that are set, shape (batch, ...)."""
        example, result = next(iter(arrays.values())), {}
        count, dtype = int(example.shape[0]), example.dtype
        time = tf.cast(step, dtype) * tf.cast(dt, dtype)
        for name, control in self.controls:
            found = control.values(self.flow, When(step, time, tf.cast(dt, dtype), name), arrays, parameters)
            if not name and not isinstance(found, dict):
                raise InputError(f"{control} must return a dictionary of parameters, not {quoted(found)}.")
            for n, value in ({name: found} if name else found).items():
                check_parameter(repr(control), self.flow, n)
                if n in result:
                    raise InputError(f"Two controls set {n!r} of {self.flow}: one is enough.")
                result[n] = parameter_values(repr(control), self.flow, n, value, count, dtype)
        return result

    def _check_known(self):
        """Raises InputError for values of tables and ranges that are not possible."""
        for name, control in self.controls:
            known = control.known()
            for n, values in (known if isinstance(known, dict) else {} if known is None else {name: known}).items():
                check_values(repr(control), self.flow, n, values)

    def _inner(self, arrays: Arrays) -> Arrays:
        """Arrays as the solver inside has them."""
        return {n: a for n, a in arrays.items() if n != self._counter and n not in self.names}

    def begin(self, arrays: Arrays) -> Arrays:
        arrays = self.solver.begin(self._inner(arrays))
        example = next(iter(arrays.values()))
        zeros = {n: tf.zeros([example.shape[0], *faces_of(self.flow, n)], example.dtype) for n in self.names}
        return arrays | zeros | {self._counter: tf.fill([example.shape[0]], self.first)}

    def keep(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        found = {n: arrays[n] for n in self.names}
        return self.solver.keep(self._inner(arrays), parameters | found) | found

    def check_start(self, arrays: Arrays, parameters: Arrays, dt: float):
        """Raises InputError as the solver does with the parameters at the start, and for impossible ones."""
        self._check_known()
        arrays = {n: tf.convert_to_tensor(a) for n, a in self._inner(arrays).items()}
        parameters = {n: tf.convert_to_tensor(p) for n, p in parameters.items()}
        step = tf.fill([next(iter(arrays.values())).shape[0]], self.first)
        found = self._set(step, arrays, parameters, dt)
        for name, values in found.items():
            check_values("A control", self.flow, name, values)
        check_places(self.flow, found)
        ends = [found]
        for name, control in self.controls:
            if name and isinstance(control, TimeTable):
                faces, known = len(faces_of(self.flow, name)), control.known()
                over = tuple(range(known.ndim - (faces if known.ndim > faces else 0)))
                extremes = [tf.cast(f(known, over), found[name].dtype) for f in (np.min, np.max)]
                ends += [found | {name: tf.broadcast_to(v, found[name].shape)} for v in extremes]
        for each in ends:
            self.solver.check_start(arrays, parameters | each, dt)

    def advance(self, arrays: Arrays, parameters: Arrays, dt: Any) -> Arrays:
        if self._counter not in arrays:
            arrays = self.begin(arrays)
        step, inner = arrays[self._counter], self._inner(arrays)
        fields = {n: inner[n] for n in array_names(self.flow)}
        found = self._set(step, fields, parameters, dt)
        return self.solver.advance(inner, parameters | found, dt) | found | {self._counter: step + 1}

    def step(self, state: State, dt: Any = None, number: int | None = None) -> State:
        """
        One step, as `Solver.step`.

        Args:
            state: At the start of the step.
            dt: Time step, None for the solver's.
            number: Number of the step, which with dt gives the time; None for `first`.
        """
        number = self.first if number is None else integer("The number of a step", number, 0)
        arrays, parameters, shape = pack(self.flow, state)
        dt = self._native_dt(arrays, dt)
        self._look(arrays, parameters, dt)
        begun = self.begin(arrays) | {self._counter: tf.fill([next(iter(arrays.values())).shape[0]], number)}
        return unpack(self.flow, self(begun, parameters, dt), parameters, shape)

    def rollout(
        self,
        state: State,
        steps: int,
        keep_every: int = 1,
        progress: bool | Show = True,
        *,
        restart: Resumable | None = None,
    ) -> Rollout:
        """As `Solver.rollout`; says in a line where a control gave what no parameter can be."""
        frames = super().rollout(state, steps, keep_every, progress, restart=restart)
        known = {n: frames.diagnostics.get(n) for n in self.names}
        known = {n: v for n, v in known.items() if isinstance(v, np.ndarray)}
        checks = [lambda n=n, v=v: check_values("A control", self.flow, n, v) for n, v in known.items()]
        for check in (*checks, lambda: check_places(self.flow, known)):
            try:
                check()
            except InputError as err:
                LOG.warning("%s", err)
        return frames

    def config(self) -> dict:
        return super().config() | {"controls": [[n, c.config()] for n, c in self.controls], "first": self.first}

    def __repr__(self):
        return f"Controlled({self.solver}, {', '.join(self.names)})"


def _single(name: Any, given: Any) -> Control:
    """The control of one parameter."""
    if isinstance(given, TimeTable | FunctionControl):
        return given
    if isinstance(given, Control):
        raise InputError(f"{given} names its own parameters: give it without {quoted(name)}.")
    if callable(given) and not hasattr(given, "assign"):
        return FunctionControl(given)
    return TimeTable(given)


def _several(given: Any) -> Control:
    """A control that names its parameters."""
    if isinstance(given, TimeTable):
        raise InputError("A TimeTable needs the name of its parameter: {'viscosity': TimeTable(...)}.")
    if isinstance(given, Control):
        return given
    if not callable(given) or isinstance(given, type):
        raise InputError(f"A control is a TimeTable by parameter, a function or a NeuralControl, not {quoted(given)}.")
    check_takes("A control", given, "time", "state")
    return FunctionControl(given)
