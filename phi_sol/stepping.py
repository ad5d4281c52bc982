"""
Compiled stepping: PhiFlow fields <-> native TensorFlow tensors, and one `tf.function` per flow.

Inside a training or evaluation loop states travel as plain dictionaries of tensors ("arrays"): one entry per centred
field and one per component of a staggered field (`velocity.y`, `velocity.x`, `marker`), each of shape
`(batch, *spatial)` with the flow's axis order, holding the faces that PhiFlow stores.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter; errors stay

import numpy as np
import tensorflow as tf
from phi import math
from phi.math import EMPTY_SHAPE, NUMPY, Shape, Tensor, batch, dual, reshaped_tensor, spatial
from phi.tf import TENSORFLOW  # noqa: F401  registers the backend without making it the default

from .errors import InputError
from .flows import Flow, State
from .flows.base import Fields

try:
    from tensorflow.python.eager.record import could_possibly_record
except ImportError:  # not public; without it nothing but a little time is lost

    def could_possibly_record() -> bool:
        """Whether a gradient tape may be listening."""
        return True


LOG = logging.getLogger(__name__)

# TensorFlow 2.21's graph rewriter fuses convolution, bias, addition and leaky ReLU on CPUs into one operation that forgets
# the slope (it takes 0.2): residual networks then compute something else in a tf.function than in eager mode.
# Without the fusion a step takes 3 % longer.
tf.config.optimizer.set_experimental_options({"remapping": False})

Arrays = dict[str, tf.Tensor]

LOOP_FRAMES = 50  # frames kept by one compiled loop, at most,
LOOP_BYTES = 64 * 2**20  # and the memory that they may take


def compile_whole() -> bool | None:
    """
    Whether XLA compiles a whole step with its network: on a GPU yes. On a CPU it is for the solver only, since XLA runs
    convolutions many times slower than TensorFlow's own kernels there; the solver stays a compiled unit inside.
    """
    return True if tf.config.list_physical_devices("GPU") else None


def array_names(flow: Flow) -> list[str]:
    """Names of the native arrays of a flow's state, in order."""
    return [n for f in flow.fields for n in field_arrays(flow, f)]


def field_arrays(flow: Flow, field: str) -> list[str]:
    """Names of the native arrays of one field: the field itself, or one per component of a staggered one."""
    return [f"{field}.{d}" for d in flow.resolution] if field in flow.staggered else [field]


def pack(flow: Flow, state: State) -> tuple[Arrays, Arrays, Shape]:
    """
    The native form of a state.

    Returns:
        arrays: By array name, shape (batch, *spatial). All batch dimensions are packed into one; size 1 if there is none.
        parameters: By parameter name, shape (batch,).
        batch: The batch dimensions, to be given to `unpack`.
    """
    check_state(flow, state)
    dims, shape = list(flow.resolution), state.batch_shape
    arrays = {}
    for name in flow.fields:
        values = state.fields[name].values
        parts = [values[{"~vector": d}] for d in dims] if name in flow.staggered else [values]
        for key, part in zip(field_arrays(flow, name), parts, strict=True):
            arrays[key] = tf.convert_to_tensor(math.expand(part, shape).native([shape, *dims]))
    dtype = arrays[array_names(flow)[0]].dtype
    parameters = {n: tf.cast(math.expand(state.parameters[n], shape).native([shape]), dtype) for n in flow.parameters}
    return {n: tf.cast(a, dtype) for n, a in arrays.items()}, parameters, shape


def unpack(flow: Flow, arrays: Arrays, parameters: Arrays, shape: Shape = EMPTY_SHAPE) -> State:
    """The state of native arrays, the inverse of `pack`. Works inside a trace and on NumPy arrays."""
    fields = unpack_fields(flow, arrays, flow.fields, shape)
    return State(fields, {n: reshaped_tensor(parameters[n], [shape], convert=False) for n in flow.parameters})


def unpack_fields(flow: Flow, arrays: Arrays, names: Iterable[str], shape: Shape = EMPTY_SHAPE) -> Fields:
    """Some fields of a flow from their native arrays, see `unpack`."""
    dims = [spatial(d) for d in flow.resolution]
    fields = {}
    for name in names:
        parts = [reshaped_tensor(arrays[n], [shape, *dims], convert=False) for n in field_arrays(flow, name)]
        values = math.stack(parts, dual(vector=list(flow.resolution))) if name in flow.staggered else parts[0]
        fields[name] = flow.templates[name].with_values(values)
    return fields


def check_state(flow: Flow, state: State):
    """
    Raises:
        InputError: if `state` lacks fields or parameters of `flow` or lives on another grid.
    """
    if not isinstance(state, State):
        raise InputError(f"{type(flow).__name__} steps a State (from initial_state), not {type(state).__name__}.")
    for name in (*flow.fields, *flow.parameters):
        if name not in state.fields and name not in state.parameters:
            raise InputError(f"{type(flow).__name__} needs {name!r} but the state has {', '.join([*state.fields, *state.parameters])}.")
    for name in flow.fields:
        field, template = state.fields[name], flow.templates[name]
        if field.resolution.untyped_dict != flow.resolution or field.is_staggered != template.is_staggered:
            kind = "staggered" if template.is_staggered else "centred"
            raise InputError(f"{flow} needs a {kind} {name!r} of resolution {flow.resolution} but it has {field.resolution}.")


def differentiable(function: Callable) -> Callable:
    """
    `function`, compiled by XLA as one unit, and so is its gradient.

    The gradient computes the values of `function` again instead of keeping what happened inside: for a solver step this is
    faster than to write all intermediate arrays to memory, and they don't accumulate over many steps. Gradients of gradients
    are made in the same way.

    Args:
        function: Of floating-point tensors, returns a list of tensors.
    """
    compiled = tf.function(function, autograph=False, jit_compile=True)
    backward = None  # made when it is first needed

    def gradient(*given: tf.Tensor) -> list[tf.Tensor]:
        values, upstream = given[: len(given) - outputs], given[len(given) - outputs :]
        with tf.GradientTape() as tape:
            tape.watch(values)
            results = function(*values)
        return tape.gradient(results, values, list(upstream), unconnected_gradients=tf.UnconnectedGradients.ZERO)

    outputs = 0

    @tf.custom_gradient
    def recorded(*values):
        nonlocal backward, outputs
        results = compiled(*values)
        outputs = len(results)

        def grad(*upstream):
            nonlocal backward
            backward = backward or differentiable(gradient)
            return backward(*values, *upstream)

        return results, grad

    def result(*values):
        if tf.executing_eagerly() and not could_possibly_record():
            return compiled(*values)  # a custom gradient costs 0.15 ms a call
        return recorded(*values)

    return result


class Loop:
    """
    Many steps of a solver in one compiled loop, so that nothing is dispatched between them.

    Traced once per batch size, precision and number of kept frames; the numbers of steps are tensors.
    """

    def __init__(self, solver, keep: Callable[[Arrays, Arrays], Arrays] = lambda arrays, parameters: arrays):
        """
        Args:
            solver: `CompiledFlow` or `HybridSolver`: with the method `advance(arrays, parameters, dt)` and the attributes `flow`
                and `jit_compile` (whether XLA compiles the loop as a whole).
            keep: What `frames` keeps of the arrays (and parameters) of a step, such as their restriction; default: all.
        """
        self.solver, self.keep = solver, keep
        self._steps = tf.function(self._advance, autograph=False, jit_compile=solver.jit_compile)
        self._frames = tf.function(self._keep, autograph=False, jit_compile=solver.jit_compile)

    def steps(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, steps: int) -> Arrays:
        """The arrays after `steps` steps."""
        return self._steps(arrays, parameters, dt, tf.constant(steps))

    def frames(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, count: int, every: int, room: int) -> tuple[Arrays, Arrays]:
        """
        Runs `count * every` steps and keeps what `keep` makes of the arrays after every `every` of them.

        Returns:
            The last arrays, and the kept ones, of shape (room, batch, *spatial); entries from `count` on mean nothing.
        """
        return self._frames(arrays, parameters, dt, tf.constant(count), tf.constant(every), room)

    def _advance(self, arrays, parameters, dt, steps):
        def body(i, arrays):
            return i + 1, self.solver.advance(arrays, parameters, dt)

        return tf.while_loop(lambda i, _: i < steps, body, (0, arrays), parallel_iterations=1)[1]

    def _keep(self, arrays, parameters, dt, count, every, room: int):
        kept = {n: tf.TensorArray(a.dtype, room, element_shape=a.shape) for n, a in self.keep(arrays, parameters).items()}

        def body(i, arrays, kept):
            arrays = self._advance(arrays, parameters, dt, every)
            return i + 1, arrays, {n: kept[n].write(i, a) for n, a in self.keep(arrays, parameters).items()}

        _, arrays, kept = tf.while_loop(lambda i, *_: i < count, body, (0, arrays, kept), parallel_iterations=1)
        return arrays, {n: k.stack() for n, k in kept.items()}


class CompiledFlow:
    """
    The compiled step of a flow on native arrays.

    Traced once per batch size and precision: parameters and dt are tensors. AutoGraph is off, since it would rewrite
    all of PhiML (minutes instead of seconds to compile). XLA compiles the step as a whole; called inside another
    `tf.function` it stays a compiled unit of its own there, and so does its gradient.

    Attributes:
        traces: How often the step was traced so far.
    """

    def __init__(self, flow: Flow):
        self.flow = flow
        self.traces = 0
        _ = flow.templates, flow.obstacles, "velocity" in flow.fields and flow.projection  # geometry caches must not be filled inside a trace
        with NUMPY:
            self._warm_caches()
        self._names = array_names(flow)
        self._functions = {}

    def _warm_caches(self):
        state = State(dict(self.flow.templates), {n: math.wrap(1.0) for n in self.flow.parameters})
        with warnings.catch_warnings():  # about stability, which does not matter here
            warnings.simplefilter("ignore")
            self.flow.physics(state, math.wrap(self.flow.dt))

    def _function(self, corrected: tuple[str, ...], wanted: tuple[str, ...]) -> Callable:
        """The compiled step with corrections of some arrays that gives some arrays, from values in order."""
        if (corrected, wanted) not in self._functions:
            names, parameters = self._names, self.flow.parameters

            def flat(dt: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
                state, values = dict(zip(names, values, strict=False)), values[len(names) :]
                given, values = dict(zip(parameters, values, strict=False)), values[len(parameters) :]
                result = self._step(state, given, dt, dict(zip(corrected, values, strict=True)))
                return [result[n] for n in wanted]

            self._functions[corrected, wanted] = differentiable(flat)
        return self._functions[corrected, wanted]

    def _step(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, correction: Arrays) -> Arrays:
        self.traces += 1
        LOG.debug("tracing %s for %s", self.flow, {n: a.shape for n, a in arrays.items()})
        example = next(iter(arrays.values()))
        shape = batch(batch=example.shape[0])
        with math.precision(example.dtype.size * 8):
            state, dt = unpack(self.flow, arrays, parameters, shape), reshaped_tensor(dt, [], convert=False)
            if correction:
                fields = dict.fromkeys(n.partition(".")[0] for n in correction)
                state = self.flow.physics(state, dt, unpack_fields(self.flow, correction, fields, shape))
            else:
                state = self.flow.physics(state, dt)
            result, _, _ = pack(self.flow, state)
        return result

    @cached_property
    def _projected(self) -> Callable:
        names = field_arrays(self.flow, "velocity")

        def flat(*values: tf.Tensor) -> list[tf.Tensor]:
            shape = batch(batch=values[0].shape[0])
            with math.precision(values[0].dtype.size * 8):
                velocity = unpack_fields(self.flow, dict(zip(names, values, strict=True)), ["velocity"], shape)["velocity"]
                velocity, _ = self.flow.projection(velocity)
                return [velocity.values[{"~vector": d}].native([shape, *self.flow.resolution]) for d in self.flow.resolution]

        return differentiable(flat)

    def project(self, arrays: Arrays) -> Arrays:
        """The arrays with a velocity that is divergence-free, by the flow's projection."""
        names = field_arrays(self.flow, "velocity")
        return arrays | dict(zip(names, self._projected(*[arrays[n] for n in names]), strict=True))

    jit_compile = True

    @cached_property
    def loop(self) -> Loop:
        """Many steps in one compiled loop."""
        return Loop(self)

    def rollout(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, steps: int) -> Arrays:
        """The arrays after `steps` steps in one compiled loop; arguments as for one step."""
        return self.loop.steps(arrays, parameters, dt, steps)

    def advance(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> Arrays:
        """One step, for use inside a compiled function."""
        return self(arrays, parameters, dt)

    def __call__(
        self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, correction: Arrays | None = None, only: Sequence[str] | None = None
    ) -> Arrays:
        """
        One step.

        Args:
            arrays: By array name, shape (batch, *spatial), float32 or float64.
            parameters: By parameter name, shape (batch,), of the same type.
            dt: Scalar of the same type.
            correction: Increments of all arrays of some fields, which enter the step as forces, see `Flow.physics`.
            only: Names of the arrays to compute; None for all. What they don't depend on is not computed.
        """
        correction, wanted = correction or {}, tuple(self._names if only is None else only)
        values = [arrays[n] for n in self._names] + [parameters[n] for n in self.flow.parameters] + [*correction.values()]
        return dict(zip(wanted, self._function(tuple(correction), wanted)(dt, *values), strict=True))


def step(flow: Flow, state: State, dt=None) -> State:
    """`Flow.step` for TensorFlow fields; see there."""
    arrays, parameters, shape = pack(flow, state)
    dtype = next(iter(arrays.values())).dtype
    dt = flow.dt if dt is None else dt.native() if isinstance(dt, Tensor) else dt
    arrays = flow.compiled(arrays, parameters, tf.cast(dt, dtype))
    return unpack(flow, arrays, parameters, shape)


def blocks(solver, arrays: Arrays, parameters: Arrays, steps: int, keep_every: int = 1) -> Iterator[Arrays]:
    """
    As `rollout`, but yields the arrays of as many frames as one compiled loop keeps together, of shape (frames, batch, *spatial).
    """
    dt = tf.constant(solver.flow.dt, next(iter(arrays.values())).dtype)
    size = sum(a.dtype.size * int(np.prod(a.shape)) for a in arrays.values())
    room = int(np.clip(LOOP_BYTES // size, 1, LOOP_FRAMES))
    frames = steps // keep_every
    for first in range(0, frames, room):
        count = min(room, frames - first)
        arrays, kept = solver.loop.frames(arrays, parameters, dt, count, keep_every, room)
        yield {n: k[:count] for n, k in kept.items()}


def rollout(solver, arrays: Arrays, parameters: Arrays, steps: int, keep_every: int = 1) -> Iterator[Arrays]:
    """
    Repeated steps without gradients, many of them in one compiled loop.

    Args:
        solver: `CompiledFlow` or `HybridSolver`.
        arrays: Start, shape (batch, *spatial) each.
        parameters: Shape (batch,) each.
        steps: Number of steps.
        keep_every: Yields every so many steps.

    Yields:
        The arrays after `keep_every`, `2 keep_every`, ... steps.
    """
    for block in blocks(solver, arrays, parameters, steps, keep_every):
        for i in range(len(next(iter(block.values())))):
            yield {n: kept[i] for n, kept in block.items()}
