"""
States as native TensorFlow tensors.

Inside a training or evaluation loop states travel as plain dictionaries of tensors ("arrays"): one entry per centred
field and one per component of a staggered field (`velocity.y`, `velocity.x`, `marker`), each of shape
`(batch, *spatial)` with the flow's axis order, holding the faces that PhiFlow stores.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from phi.math import EMPTY_SHAPE, Shape, Tensor

from ..errors import InputError, is_real, quoted
from ..grids.belonging import difference
from ..grids.layout import native_of, tensor_of
from .state import Fields, State
from .system import System

if TYPE_CHECKING:
    from ..kernels.compiled import Arrays


def native_tensor(value: Any):
    """
    The TensorFlow tensor of a tensor, of a variable (TensorFlow's or Keras's), or of a list with such among numbers,
    which carries gradients on; None for anything else. Raises TypeError where it holds no numbers.
    """
    if "tensorflow" not in sys.modules:
        return None
    import tensorflow as tf

    several = isinstance(value, list | tuple) and any(tf.is_tensor(v) for v in value)
    if not (several or tf.is_tensor(value)):
        return None
    from ..kernels import compiled  # noqa: F401  PhiML's backend

    if several:
        kind = tf.convert_to_tensor(next(v for v in value if tf.is_tensor(v))).dtype
        if not all(tf.is_tensor(v) or is_real(v) for v in value):
            raise TypeError(f"{value!r} does not hold numbers alone")
        value = tf.stack([tf.cast(v, kind) for v in value])
    result = tf.convert_to_tensor(value)
    if not (result.dtype.is_floating or result.dtype.is_integer):
        raise TypeError(f"{value!r} is no number")
    return result


def native_numbers(value: Any):
    """
    The numbers that a user gives, as `native_tensor` has them or as an array of NumPy in double precision. Raises
    TypeError, ValueError or OverflowError for truth values, texts and whatever else is none.
    """
    native = native_tensor(value)
    if native is not None:
        return native
    if np.asarray(value).dtype.kind not in "iuf":
        raise TypeError("numbers only, no truth values and no texts")
    return np.asarray(value, np.float64)


def array_names(flow: System) -> list[str]:
    """Names of the native arrays of a flow's state, in order."""
    return [n for f in flow.fields for n in flow.layouts[f].arrays]


def field_arrays(flow: System, field: str) -> list[str]:
    """Names of the native arrays of one field: the field itself, or one per component of a staggered one."""
    return flow.layouts[field].arrays


def pack(flow: System, state: State, own: bool = False) -> tuple[Arrays, Arrays, Shape]:
    """
    The native form of a flow's state; raises InputError as `check_state` does.

    Returns:
        arrays: By array name, shape (batch, *spatial), where all batch dimensions, or none, are packed into one.
        parameters: By parameter name, shape (batch,), and by name of the profiles that it has, shape (batch, *spatial).
        batch: The batch dimensions, to be given to `unpack`.
    """
    import tensorflow as tf

    from ..kernels import compiled  # noqa: F401  PhiML's backend

    check_state(flow, state, own)
    shape = state.batch_shape
    arrays = {n: tf.convert_to_tensor(a) for n, a in native_arrays(flow, state, shape).items()}
    dtype = next(iter(arrays.values())).dtype
    parameters = {n: tf.cast(native_of(state.parameters[n], shape), dtype) for n in flow.parameters}
    for name in given_profiles(flow, state.parameters):
        parameters[name] = tf.cast(native_of(state.parameters[name], shape, list(flow.profiles[name])), dtype)
    return {n: tf.cast(a, dtype) for n, a in arrays.items()}, parameters, shape


def given_profiles(flow: System, parameters: Mapping) -> list[str]:
    """Names of the profiles of a flow that are among parameters, in order."""
    return [n for n in flow.profiles if n in parameters]


def native_arrays(flow: System, state: State, shape: Shape) -> dict:
    """The arrays of a state in the backends and precisions that its fields have; `shape` becomes the first axis."""
    return {n: a for f in flow.fields for n, a in flow.layouts[f].to_arrays(state.fields[f], shape).items()}


def unpack(flow: System, arrays: Arrays, parameters: Arrays, shape: Shape = EMPTY_SHAPE) -> State:
    """The state of native arrays, the inverse of `pack`. Works inside a trace and on NumPy arrays."""
    fields = unpack_fields(flow, arrays, flow.fields, shape)
    known = {n: tensor_of(parameters[n], shape) for n in flow.parameters}
    known |= {n: tensor_of(parameters[n], shape, list(flow.profiles[n])) for n in given_profiles(flow, parameters)}
    return State(fields, known)


def unpack_fields(flow: System, arrays: Arrays, names: Iterable[str], shape: Shape = EMPTY_SHAPE) -> Fields:
    """Some fields of a flow from their native arrays, see `unpack`."""
    return {n: flow.layouts[n].to_field(arrays, shape) for n in names}


def check_state(flow: System, state: State, own: bool = False):
    """
    Raises InputError if `state` lacks fields or parameters of `flow`, or (unless the flow made it just now: its `own`)
    if a field is of another kind, grid, box or boundary. Values that are being traced are not looked at.
    """
    if not isinstance(state, State):
        hint = ": of a rollout give one of its states, such as rollout.last" if hasattr(state, "last") else ""
        raise InputError(f"{type(flow).__name__} takes a State (from initial_state), not {type(state).__name__}{hint}.")
    for names, there in ((flow.fields, state.fields), (flow.parameters, state.parameters)):
        for name in names:
            if name not in there:
                known = ", ".join([*state.fields, *state.parameters])
                raise InputError(f"{type(flow).__name__} needs {name!r} but the state has {known}.")
    for name in given_profiles(flow, state.parameters):
        there = state.parameters[name].shape.non_batch
        needed = dict(flow.profiles[name])
        if there.untyped_dict != needed:
            raise InputError(f"The {name} of {flow} has one value per face, {needed}, not {there}.")
    for name in flow.fields:
        found = "" if own else difference(flow.layouts[name], state.fields[name])
        if found:
            way = f"field.with_boundary(flow.boundaries[{name!r}]) or " if "boundary" in found else ""
            fault = f"The field {name!r} does not belong to {flow}: {found}"
            raise InputError(f"{fault}. Make it with {way}flow.field({name!r}, values).")


def native_dt(dt: Any, dtype: Any, check: Callable[[float], None] = lambda dt: None) -> Any:
    """A time step, a number or any tensor or variable, as a scalar of TensorFlow; checked if it is known."""
    import tensorflow as tf

    if is_real(dt):
        check(dt)
        return tf.constant(dt, dtype)
    dt = dt.native(dt.shape) if isinstance(dt, Tensor) else dt
    try:
        native = tf.convert_to_tensor(dt)
    except (TypeError, ValueError):
        raise InputError(f"The time step must be a number, not {quoted(dt)}.") from None
    if native.shape.rank or not (native.dtype.is_floating or native.dtype.is_integer):
        raise InputError(f"The time step must be a single number, not {quoted(dt)}.")
    if not tf.is_symbolic_tensor(native):
        check(float(native))
    return tf.cast(native, dtype)
