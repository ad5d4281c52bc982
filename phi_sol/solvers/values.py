"""What functions of the user's give between steps: values of parameters and fields, checked and made native."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from phi import math
from phi.field import Field
from phi.math import Tensor, batch, reshaped_tensor, spatial

from ..errors import LARGEST, InputError, is_real, quoted, suggestion
from ..files import checksum
from ..flows.bodies import free_numbers
from ..flows.definition import describe
from ..flows.parameters import SEED
from ..flows.profile import profile_values
from ..grids.layout import native_of
from ..kernels.compiled import Arrays
from ..stepping.arrays import unpack
from ..stepping.state import State
from ..stepping.system import System


def state_of(flow: System, arrays: Arrays, parameters: Arrays) -> State:
    """The state of native arrays with a batch axis, inside of a trace, too."""
    return unpack(flow, arrays, parameters, batch(batch=int(next(iter(arrays.values())).shape[0])))


def rehearsed(flow: System) -> tuple[Arrays, Arrays]:
    """
    A state of zeros, of one simulation, and parameters of 1: what functions are called with once before anything is
    compiled, so that they are checked early, and geometry that they cache is not first computed inside a trace.
    """
    names = [(n, x.shape(c)) for x in flow.layouts.values() for n, c in zip(x.arrays, x.components, strict=True)]
    return {n: tf.zeros((1, *shape)) for n, shape in names}, {n: tf.ones([1]) for n in flow.parameters}


def controllable(flow: System) -> list[str]:
    """What may change from step to step: parameters but the one that random numbers are drawn from, and profiles."""
    return [*(n for n in flow.parameters if n != SEED), *flow.profiles]


def faces_of(flow: System, name: str) -> tuple[int, ...]:
    """The shape of the values of a profile; () of a parameter."""
    return tuple(flow.profiles.get(name, {}).values())


def check_parameter(what: str, flow: System, name: Any):
    """Raises InputError if a flow has no such parameter, or none that changes a step."""
    known = controllable(flow)
    if name not in known:
        has = f"Its parameters: {', '.join(known) or 'none'}."
        raise InputError(
            f"{what} sets {quoted(name)}, but {flow} has no such parameter.{suggestion(name, known)} {has}"
        )


def check_values(what: str, flow: System, name: str, values: Any):
    """Raises InputError if known values of a parameter are not possible."""
    found = np.ravel(np.asarray(values, np.float64))
    signed = name in flow.profiles or name in getattr(flow, "signed", ())
    wrong = ~np.isfinite(found) | (np.abs(found) > LARGEST)
    wrong |= False if signed else found <= 0
    if wrong.any():
        kind = "finite" if signed else "positive and finite"
        raise InputError(f"{what} gives {name}={found[wrong][0]:g}, but it must be {kind}.")


def check_places(flow: Any, given: Mapping[str, Any]):
    """Raises InputError where known values of parameters put a body outside of the domain."""
    if bodies := getattr(flow, "bodies", ()):
        own = {n: math.wrap(f.value) for n, f in free_numbers(bodies).items()}
        flow.inside(own | {n: math.wrap(np.ravel(v), batch("known")) for n, v in given.items() if n in own})


def parameter_values(what: str, flow: System, name: str, value: Any, count: int, dtype: tf.DType) -> tf.Tensor:
    """
    A value of a parameter as a tensor of shape (count,): a number, a tensor of PhiML with or without batch dimensions,
    or one of TensorFlow or NumPy of shape () or (count,). That of a profile has the shape (count, *faces), of what
    `initial_state` takes for it. Raises InputError for anything else.
    """
    if faces := flow.profiles.get(name):
        try:
            values = profile_values(name, value, faces)
        except InputError as err:
            raise InputError(f"{what}: {err}") from None
        if values.shape.batch.volume not in (1, count):
            raise InputError(f"{what} gives {name} of {values.shape.batch.volume} simulations, but there are {count}.")
        native = native_of(values, values.shape.batch, list(faces))
        return tf.broadcast_to(tf.cast(native, dtype), [count, *faces.values()])
    needed = f"a number, or one for each of {count} simulations"
    if isinstance(value, Tensor):
        if value.shape.non_batch:
            raise InputError(f"{what} gives {name} with the dimensions {value.shape.non_batch}, not {needed}.")
        value = value.native([value.shape]) if value.shape else value.native([])
    try:
        native = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} gives {name}={quoted(value)}, not {needed}.") from None
    if not (native.dtype.is_floating or native.dtype.is_integer):
        raise InputError(f"{what} gives {name}={quoted(value)}, not {needed}.")
    if native.shape.rank is None or native.shape.rank > 1 or (native.shape.rank and native.shape[0] not in (1, count)):
        raise InputError(f"{what} gives {name} of the shape {tuple(native.shape)}, not {needed}.")
    return tf.broadcast_to(tf.cast(native, dtype), [count])


def field_arrays_of(what: str, flow: System, name: str, value: Any, count: int, dtype: tf.DType) -> Arrays:
    """
    What is given for a field, a field or a tensor of PhiML of its values, as native arrays; of a centred one also
    values without some of its axes. Raises InputError for anything else, and values of another shape.
    """
    layout, needed = flow.layouts[name], flow.templates[name].values.shape
    values = value.values if isinstance(value, Field) else math.wrap(float(value)) if is_real(value) else value
    if not isinstance(values, Tensor):
        raise InputError(f"{what} gives {quoted(name)} as {quoted(value)}: give a field, or a tensor of its values.")
    found = values.shape.non_batch
    fits = not found or found == needed
    if not layout.staggered and set(found.names) <= set(needed.names):
        fits = all(found.get_size(d) == needed.get_size(d) for d in found.names)
    if not fits or values.shape.batch.volume not in (1, count):
        raise InputError(f"{what} gives {name!r} of the shape {values.shape}, but {flow} needs {needed}.")
    if values.dtype.kind not in (bool, int, float):
        raise InputError(f"{what} gives {name!r} as complex numbers: take its real part.")
    result = {}
    for n, c in zip(layout.arrays, layout.components, strict=True):
        sizes = layout.shape(c)
        part = values[{"~vector": c}] if c and found else values
        whole = math.expand(part, spatial(**dict(zip(layout.dims, sizes, strict=True))))
        native = native_of(whole, whole.shape.batch, layout.dims)
        result[n] = tf.broadcast_to(tf.cast(native, dtype), (count, *sizes))
    return result


def variables(what: str, given: Any) -> tuple:
    """Variables that can be trained; InputError for anything else."""
    if not (isinstance(given, list | tuple) and all(hasattr(w, "assign") for w in given)):
        raise InputError(f"The weights of {what} are a list of variables, not {quoted(given)}.")
    return tuple(given)


def tensors(weights: Sequence[Any], dtype: tf.DType) -> list:
    """The values of variables as functions of a state of this type get them: single numbers as PhiML's tensors."""
    values = [tf.convert_to_tensor(w) for w in weights]
    values = [tf.cast(w, dtype) if w.dtype.is_floating else w for w in values]
    return [w if len(w.shape) else reshaped_tensor(w, [], convert=False) for w in values]


def described(function: Callable, weights: Sequence[Any]) -> dict:
    """A function with variables, as JSON-ready data: its source, and the values that they have now."""
    values = {str(i): np.asarray(w) for i, w in enumerate(weights)}
    return {"function": describe(function)} | ({"weights": checksum(values)} if values else {})


def name_of(function: Callable) -> str:
    return getattr(function, "__name__", type(function).__name__)
