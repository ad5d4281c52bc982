"""What defines a flow besides grid and time step, as JSON-ready data that is the same on every machine."""

from __future__ import annotations

import ast
import dataclasses
import enum
import hashlib
import inspect
import json
from functools import cached_property, partial
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from phi import math
from phi.geom import UniformGrid
from phi.math import Shape, Tensor, spatial

from ..errors import is_user_file
from ..grids.layout import CLOSED, OPEN, PERIODIC, Layout
from ..pressure.obstacles import as_axes_of

if TYPE_CHECKING:
    from .base import Flow

LONG = 8  # numbers; more of them are hashed
SINGLE = 6  # digits of single precision that are compared; tensors have the one that was set when they were made
NOT_PHYSICS = ("reach", "jit_compile", "drawn", "profiles")  # attributes that change speed or pictures of a flow only,
# or say what states may have


def definition(flow: Flow) -> dict:
    """
    All that a user can change in a flow.

    Returns:
        options: What the constructor got, with its defaults.
        attributes: Public attributes of its class and of its own, without those that a property or method computes.
        obstacles: Each one by type and numbers, and the cells whose centres they cover.
        boundaries: Per field, component and side how it goes on, with the values that are prescribed.
        code: A hash per method of classes outside of phi_sol, independent of layout and comments.
    """
    if "_outline" not in vars(flow):  # found once: PhiML's settings are those of all threads
        with math.NUMPY, math.precision(64):
            boundaries = {n: _boundary(layout) for n, layout in flow.layouts.items()}
            vars(flow)["_outline"] = {"obstacles": _obstacles(flow), "boundaries": boundaries}
    return {
        "options": {n: describe(v) for n, v in _options(flow).items()},
        "attributes": {n: describe(v) for n, v in sorted(_attributes(flow).items())},
        **vars(flow)["_outline"],
        "code": _code(flow),
    }


# --- values ---


def describe(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """
    Any value as JSON-ready data: numbers and texts as they are, short arrays as lists, long ones by a hash, functions
    by a hash of their source and of what they refer to, other objects by type and public attributes. Of what can be
    trained, the type only. `inside`: identities of the objects around it, so that circles end.
    """
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, float):
        return float(f"{value:.12g}") if np.isfinite(value) else str(value)
    if isinstance(value, Tensor):
        return _tensor(value)
    kind = type(value)  # which is asked for attributes: PhiFlow's objects take any name for a dimension
    if id(value) in inside or hasattr(kind, "trainable"):
        return f"<{kind.__name__}>"
    inside += (id(value),)
    if "__wrapped__" in getattr(value, "__dict__", {}):
        return describe(value.__wrapped__, inside)
    if isinstance(value, enum.Enum | PurePath | Shape):
        return str(value)
    if isinstance(value, dict):
        return {str(k): describe(v, inside) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        content = [describe(v, inside) for v in value]
        content = sorted(content, key=json.dumps) if isinstance(value, set | frozenset) else content
        numbers = len(content) > LONG and all(isinstance(v, int | float) for v in content)
        return _array(np.asarray(content)) if numbers else content
    if isinstance(value, np.ndarray | np.generic) or hasattr(kind, "__array__"):
        array = np.asarray(value)
        return describe(array.tolist(), inside) if array.dtype == object else _array(array)
    if isinstance(value, MethodType):
        return describe(value.__func__, inside)
    if isinstance(value, FunctionType) and is_user_file(value.__code__.co_filename):
        return f"<function {value.__name__} {_hash(_function(value, inside))}>"
    if isinstance(value, partial):
        return [describe(v, inside) for v in (value.func, value.args, value.keywords)]
    if isinstance(value, type | ModuleType) or (callable(value) and hasattr(value, "__name__")):
        return f"<{value.__name__}>"
    return {"type": kind.__name__} | {n: describe(v, inside) for n, v in _content(value).items()}


def is_opaque(description: Any) -> bool:
    """Whether a value can't be made from its description."""
    if isinstance(description, dict):
        return "type" in description or any(map(is_opaque, description.values()))
    if isinstance(description, list):
        return any(map(is_opaque, description))
    return isinstance(description, str) and description.startswith("<")


def _content(value: Any) -> dict[str, Any]:
    """Attributes of an object that hold its data; cached properties and private ones are left out."""
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value) if not f.name.endswith("_attrs")]
    else:
        names = [n for n in getattr(value, "__dict__", {}) if not n.startswith("_")]
    names = [n for n in names if not isinstance(inspect.getattr_static(type(value), n, None), cached_property)]
    return {n.strip("_"): getattr(value, n) for n in names}


def _tensor(value: Tensor) -> Any:
    if value.dtype.kind is object:
        return describe(value.item())  # type: ignore[attr-defined]  # a layout of objects
    if not value.available:
        return f"<traced tensor {value.shape}>"
    if value.rank == 1 and value.shape.item_names[0]:
        return {n: _array(value[{value.shape.names[0]: n}].numpy(), SINGLE) for n in value.shape.item_names[0]}
    return _array(value.numpy(value.shape), SINGLE)


def _array(value: np.ndarray, digits: int = 12) -> Any:
    if value.size <= LONG or value.dtype.kind not in "biuf":
        digits = digits if value.dtype.itemsize == 8 else SINGLE
        rounded = [float(f"{v:.{digits}g}") if isinstance(v, float) else v for v in value.ravel().tolist()]
        return describe(np.array(rounded, object).reshape(value.shape).tolist())
    finite = value.astype(float)[np.isfinite(value)]
    scale = float(f"{np.abs(finite).max(initial=0):.{SINGLE}g}") or 1.0
    scaled = np.round(value.astype(float) / scale, SINGLE) + 0.0  # the last digits of a profile depend on the machine
    return f"<array {'x'.join(map(str, value.shape))} {_hash([scale, scaled.tobytes().hex()])}>"


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


# --- functions ---


def _function(function: FunctionType, inside: tuple[int, ...] = ()) -> list:
    """What a function does: its source without comments, its defaults, and the values and functions it refers to."""
    code = function.__code__
    cells = [c.cell_contents for c in function.__closure__ or ()]
    used = {n: describe(function.__globals__[n], inside) for n in sorted(_names(code)) if n in function.__globals__}
    return [_source(function), describe([function.__defaults__, function.__kwdefaults__, cells], inside), used]


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*[_names(c) for c in code.co_consts if isinstance(c, CodeType)])


def _source(function: FunctionType) -> str:
    try:
        text = inspect.getsource(function)
        tree = ast.parse(f"if True:\n{text}" if text[0].isspace() else text)
    except (OSError, SyntaxError, TypeError):  # typed in, or part of a larger statement
        tree = None
    kinds = ast.Lambda if function.__name__ == "<lambda>" else ast.FunctionDef
    found = [n for n in ast.walk(tree) if isinstance(n, kinds)] if tree else []
    if not found or (kinds is ast.Lambda and len(found) > 1):
        code = function.__code__
        return f"{code.co_code.hex()} {[c for c in code.co_consts if not isinstance(c, CodeType)]} {code.co_names}"
    for node in ast.walk(found[0]):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(found[0])


# --- flows ---


def _own_classes(flow: Flow) -> list[type]:
    """The classes below Flow, the most special one last."""
    from .base import Flow

    return [c for c in reversed(type(flow).__mro__) if c not in Flow.__mro__]


def _is_data(value: Any) -> bool:
    return not (inspect.isroutine(value) or hasattr(value, "__get__") or isinstance(value, type))


def _options(flow: Flow) -> dict[str, Any]:
    """
    Without those that were passed on to the constructor of a base class though they are its defaults. Those that
    phi_sol's own constructors take by keyword only (they came later) are there if they were given and are no attribute.
    """
    owners = [c for c in type(flow).__mro__ if "__init__" in vars(c)]
    inits = [inspect.signature(vars(c)["__init__"]).parameters for c in owners]
    defaults = {n: p.default for parameters in reversed(inits[1:]) for n, p in parameters.items()}
    defaults = {n: getattr(type(flow), n, None) if v is None else v for n, v in defaults.items()}
    passed_on = {n for n in defaults if n not in inits[0]}
    given, known = flow.options, {"size", *_attributes(flow)}
    if _is_own(owners[0]):
        later = {n for n, p in inits[0].items() if p.kind is p.KEYWORD_ONLY}
        given = {n: v for n, v in given.items() if n not in later or (v is not None and n not in known)}
    return {n: v for n, v in given.items() if n not in passed_on or describe(v) != describe(defaults[n])}


def _is_own(kind: type) -> bool:
    """Whether a class is phi_sol's."""
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _attributes(flow: Flow) -> dict[str, Any]:
    names = {n for c in _own_classes(flow) for n, v in vars(c).items() if _is_data(v)}
    names |= {n for n in vars(flow) if _is_data(inspect.getattr_static(type(flow), n, None))}
    names -= {"dt", "advection", "size", "resolution", *NOT_PHYSICS}  # the configuration has them
    return {n: getattr(flow, n) for n in names if not n.startswith("_")}


def _code(flow: Flow) -> dict[str, str]:
    classes = [c for c in _own_classes(flow) if not _is_own(c)]
    result = {}
    for name, value in [item for c in classes for item in vars(c).items()]:
        parts = [getattr(value, n, None) for n in ("fget", "func", "__func__")]
        function = next((inspect.unwrap(p) for p in (*parts, value) if isinstance(p, FunctionType)), None)
        if function is not None:
            result[name] = _hash(_function(function))
    return dict(sorted(result.items()))


def _obstacles(flow: Flow) -> dict[str, Any]:
    given = flow.obstacles if isinstance(flow.obstacles, list | tuple) else [flow.obstacles]
    names = [f"{type(o).__name__}{i + 1 if i else ''}" for i, o in enumerate(given)]
    result: dict[str, Any] = {n: describe(o) for n, o in zip(names, given, strict=True)}
    if not given:
        return result
    centres = UniformGrid(flow.shape, flow.bounds).center
    solid = np.zeros(list(flow.resolution.values()), bool)
    for geometry in (getattr(o, "geometry", o) for o in given):
        if hasattr(geometry, "lies_inside"):
            inside = geometry.lies_inside(as_axes_of(geometry, centres))
            solid |= math.expand(math.any(inside, inside.shape.without(flow.shape)), flow.shape).numpy(flow.shape)
    return result | {"cells": f"{solid.sum()} {_hash(np.packbits(solid).tobytes().hex())}"}


def _boundary(layout: Layout) -> dict[str, Any]:
    """Per component and side what continues a field, found by continuing two of them: zeros, and different numbers."""
    result = {}
    for component in layout.components:
        part = layout.template.vector[component] if component else layout.template
        sides = result.setdefault(component, {})
        sizes = [part.values.shape.get_size(d) for d in layout.dims]
        probe = np.arange(1.0, np.prod(sizes) + 1).reshape(sizes)
        for axis, d in enumerate(layout.dims):
            zero, padded = (_padded(v, d, part, layout) for v in (0 * probe, probe))
            for side, end in (("-", 0), ("+", -1)):
                value, change = (np.take(a, end, axis) for a in (zero, padded - zero))
                inside, opposite = (np.take(probe, i, axis)[..., None] for i in (end, -1 - end))
                kinds = {CLOSED: 0 * inside, OPEN: inside, PERIODIC: opposite}
                kind = next((k for k, v in kinds.items() if np.allclose(change, v, 1e-9)), f"other {_array(change)}")
                constant = np.ptp(value) <= 1e-12 * np.abs(value).max()
                prescribed = f"{value.flat[0]:.7g}" if constant else str(_array(value))
                sides[d + side] = f"{kind} {prescribed}" if kind == CLOSED or value.any() else kind
    return result if layout.staggered else result[""]


def _padded(values: np.ndarray, dim: str, part, layout: Layout) -> np.ndarray:
    field = part.with_values(math.wrap(values, *[spatial(d) for d in layout.dims]))
    padded = math.pad(field.values, {dim: (1, 1)}, part.boundary, bounds=layout.template.bounds)
    return padded.numpy([*layout.dims, padded.shape.without(layout.dims)])  # several values of a boundary come last
