"""The compiled step of a flow on native arrays."""

import logging
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property

import tensorflow as tf
from phi import math
from phi.math import NUMPY, batch, reshaped_tensor

from ..grids.layout import tensor_of
from ..kernels.compiled import Arrays, differentiable
from .arrays import array_names, field_arrays, given_profiles, pack, unpack, unpack_fields
from .state import State
from .system import System

LOG = logging.getLogger(__name__)


class CompiledFlow:
    """
    The compiled step of a flow on native arrays.

    Traced once per batch size and precision: parameters and dt are tensors. AutoGraph is off, since it would rewrite
    all of PhiML (minutes instead of seconds to compile). XLA compiles the step as a whole; called inside another
    `tf.function` it stays a compiled unit of its own there, and so does its gradient.

    Attributes:
        traces: How often the step was traced so far.
    """

    def __init__(self, flow: System):
        self.flow, self.traces = flow, 0
        _ = flow.templates, flow.obstacles  # geometry caches must not be filled inside a trace
        _ = "velocity" in flow.fields and flow.incompressible and flow.projection
        with tf.init_scope(), NUMPY, warnings.catch_warnings():  # those about stability do not matter here
            warnings.simplefilter("ignore")
            state = State(dict(flow.templates), {n: math.wrap(1.0) for n in flow.parameters})
            flow.integrate(state, math.wrap(flow.dt))
        self._names, self._functions = array_names(flow), {}

    def _function(self, corrected: tuple[str, ...], wanted: tuple[str, ...], known: tuple[str, ...]) -> Callable:
        """The compiled step with corrections of some arrays that gives some arrays, from values in order."""
        key = corrected, wanted, known
        if key not in self._functions:
            groups = self._names, known, corrected

            def flat(dt: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
                rest = iter(values)
                arrays, parameters, correction = ({n: next(rest) for n in names} for names in groups)
                result = self._step(arrays, parameters, dt, correction, list(rest))
                return [result[n] for n in wanted]

            self._functions[key] = differentiable(flat)
        return self._functions[key]

    def _step(
        self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, correction: Arrays, weights: list[tf.Tensor]
    ) -> Arrays:
        self.traces += 1
        LOG.debug("tracing %s for %s", self.flow, {n: a.shape for n, a in arrays.items()})
        example = next(iter(arrays.values()))
        shape = batch(batch=example.shape[0])
        with math.precision(example.dtype.size * 8):
            state, dt = unpack(self.flow, arrays, parameters, shape), reshaped_tensor(dt, [], convert=False)
            fields = dict.fromkeys(n.partition(".")[0] for n in correction)
            forces = unpack_fields(self.flow, correction, fields, shape) if correction else None
            return pack(self.flow, self.flow.integrate(state, dt, forces, weights), own=True)[0]

    @cached_property
    def _projections(self) -> dict[tuple[str, ...], Callable]:
        return {}

    def _projected(self, known: tuple[str, ...]) -> Callable:
        layout = self.flow.layouts["velocity"]

        def flat(*values: tf.Tensor) -> list[tf.Tensor]:
            shape, count = batch(batch=values[0].shape[0]), len(layout.arrays)
            arrays, profiles = dict(zip(layout.arrays, values[:count], strict=True)), values[count:]
            with math.precision(values[0].dtype.size * 8):
                axes = (list(self.flow.profiles[n]) for n in known)
                given = {n: tensor_of(p, shape, d) for n, p, d in zip(known, profiles, axes, strict=True)}
                state = self.flow.bounded(State({"velocity": layout.to_field(arrays, shape)}, given))
                return list(layout.to_arrays(self.flow.projection(state.velocity)[0], shape).values())

        if known not in self._projections:
            self._projections[known] = differentiable(flat)
        return self._projections[known]

    def project(self, arrays: Arrays, parameters: Arrays | None = None) -> Arrays:
        """The arrays with a velocity that is divergence-free, by the flow's projection, with what may enter."""
        given = parameters or {}
        names, known = field_arrays(self.flow, "velocity"), tuple(given_profiles(self.flow, given))
        values = [*(arrays[n] for n in names), *(given[n] for n in known)]
        return arrays | dict(zip(names, self._projected(known)(*values), strict=True))

    def __call__(
        self,
        arrays: Arrays,
        parameters: Arrays,
        dt: tf.Tensor,
        correction: Arrays | None = None,
        only: Sequence[str] | None = None,
    ) -> Arrays:
        """
        One step, as `Solver.advance`.

        Args:
            correction: Increments of all arrays of some fields, which enter the step as forces, see `Flow.physics`.
            only: Names of the arrays to compute; None for all. What they don't depend on is not computed.
        """
        correction, wanted = correction or {}, tuple(self._names if only is None else only)
        known = (*self.flow.parameters, *given_profiles(self.flow, parameters))
        values = [arrays[n] for n in self._names] + [parameters[n] for n in known]
        step = self._function(tuple(correction), wanted, known)
        weights = map(tf.convert_to_tensor, self.flow.term_weights)
        return dict(zip(wanted, step(dt, *values, *correction.values(), *weights), strict=True))
