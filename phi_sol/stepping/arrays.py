"""
States as native TensorFlow tensors.

Inside a training or evaluation loop states travel as plain dictionaries of tensors ("arrays"): one entry per centred
field and one per component of a staggered field (`velocity.y`, `velocity.x`, `marker`), each of shape
`(batch, *spatial)` with the flow's axis order, holding the faces that PhiFlow stores.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from phi import math
from phi.math import EMPTY_SHAPE, Shape, dual, reshaped_tensor, spatial

from ..errors import InputError
from .state import Fields, State
from .system import System

if TYPE_CHECKING:
    from ..kernels.compiled import Arrays


def array_names(flow: System) -> list[str]:
    """Names of the native arrays of a flow's state, in order."""
    return [n for f in flow.fields for n in field_arrays(flow, f)]


def field_arrays(flow: System, field: str) -> list[str]:
    """Names of the native arrays of one field: the field itself, or one per component of a staggered one."""
    return [f"{field}.{d}" for d in flow.resolution] if field in flow.staggered else [field]


def pack(flow: System, state: State) -> tuple[Arrays, Arrays, Shape]:
    """
    The native form of a state.

    Returns:
        arrays: By array name, shape (batch, *spatial). All batch dimensions are packed into one; size 1 if
            there is none.
        parameters: By parameter name, shape (batch,).
        batch: The batch dimensions, to be given to `unpack`.
    """
    import tensorflow as tf

    from ..kernels import compiled  # noqa: F401  PhiML's backend

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


def unpack(flow: System, arrays: Arrays, parameters: Arrays, shape: Shape = EMPTY_SHAPE) -> State:
    """The state of native arrays, the inverse of `pack`. Works inside a trace and on NumPy arrays."""
    fields = unpack_fields(flow, arrays, flow.fields, shape)
    return State(fields, {n: reshaped_tensor(parameters[n], [shape], convert=False) for n in flow.parameters})


def unpack_fields(flow: System, arrays: Arrays, names: Iterable[str], shape: Shape = EMPTY_SHAPE) -> Fields:
    """Some fields of a flow from their native arrays, see `unpack`."""
    dims = [spatial(d) for d in flow.resolution]
    fields = {}
    for name in names:
        parts = [reshaped_tensor(arrays[n], [shape, *dims], convert=False) for n in field_arrays(flow, name)]
        values = math.stack(parts, dual(vector=list(flow.resolution))) if name in flow.staggered else parts[0]
        fields[name] = flow.templates[name].with_values(values)
    return fields


def check_state(flow: System, state: State):
    """
    Raises:
        InputError: if `state` lacks fields or parameters of `flow` or lives on another grid.
    """
    if not isinstance(state, State):
        raise InputError(f"{type(flow).__name__} steps a State (from initial_state), not {type(state).__name__}.")
    for name in (*flow.fields, *flow.parameters):
        if name not in state.fields and name not in state.parameters:
            raise InputError(
                f"{type(flow).__name__} needs {name!r} but the state has {', '.join([*state.fields, *state.parameters])}."
            )
    for name in flow.fields:
        field, template = state.fields[name], flow.templates[name]
        if field.resolution.untyped_dict != flow.resolution or field.is_staggered != template.is_staggered:
            kind = "staggered" if template.is_staggered else "centred"
            raise InputError(
                f"{flow} needs a {kind} {name!r} of resolution {flow.resolution} but it has {field.resolution}."
            )
