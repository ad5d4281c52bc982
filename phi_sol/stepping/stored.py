"""Files of states: exact, without pickle, and refused where they do not belong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from phi.field import Field
from phi.math import Shape, batch, reshaped_tensor, spatial
from phi.math.backend import choose_backend

from ..arguments import checked
from ..errors import InputError
from ..files import read_arrays, write_arrays
from ..grids.belonging import continuation
from ..grids.layout import Layout
from ..places import check_file
from .arrays import given_profiles

if TYPE_CHECKING:
    from .solver import Solver
    from .state import State

KIND = "state"


@checked
def write_state(state: State, path: str | Path):
    """See `State.save`."""
    path, arrays = Path(path), {}
    about: dict = {"kind": KIND, "version": 1, "tensorflow": False, "fields": {}, "parameters": {}}

    def add(kind: str, values: dict[str, Any]):
        for name, value in values.items():
            backend = choose_backend(value)
            about["tensorflow"] |= backend.name == "tensorflow"
            arrays[f"{kind} {name}"] = backend.numpy(value)

    for name, field in state.fields.items():
        if not (isinstance(field, Field) and field.is_grid):
            raise InputError(f"Only states of fields on grids can be saved, and {name!r} is none.")
        if not field.values.available:
            raise InputError("A state can't be saved while a function is being traced.")
        layout, shape = Layout(name, field), batch(field.shape)
        facts = {"dims": layout.dims, "staggered": layout.staggered, "box": layout.box.tolist()}
        about["fields"][name] = facts | {"cells": layout.resolution, "batch": _written(shape)}
        add("field", layout.to_arrays(field, shape))
        add("side", continuation(layout))
    for name, value in state.parameters.items():
        shape, along = value.shape.batch, value.shape.spatial.names
        about["parameters"][name] = _written(shape)
        add("parameter", {name: value.native([shape, *along])})
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} for {path.name}.")
    check_file(path)
    write_arrays(path, arrays, about)


@checked
def load_state(path: str | Path, solver: Solver) -> State:
    """
    The state in a file that `State.save` wrote, with the values that were saved, bit by bit, in their precision, with
    their batch dimensions and parameters. Grid and boundaries are those of the flow, which a file can't hold in full
    (they may be any Python objects); whether they are the ones that the state was saved with is checked by numbers: the
    box, and how each boundary continues a known field. Nothing in the file is executed. States that were TensorFlow's
    are again, so that the next step takes the same way; all others become NumPy's.

    Args:
        solver: The flow that the state belongs to, or any solver of its states.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is damaged, or the state belongs to another flow: other fields or parameters, another grid,
            box or boundary.

    Examples:
        >>> start.save("start.npz")
        >>> ps.load_state("start.npz", flow)
        State(velocity staggered 16x8, marker 16x8, reynolds=300)
    """
    from .solver import Solver
    from .state import State

    if not isinstance(solver, Solver):
        kind = type(solver).__name__
        raise InputError(f"A state is loaded for a flow, load_state(path, flow), or another solver, not for a {kind}.")
    flow, path = solver.flow, Path(path)
    about, arrays = read_arrays(path, KIND)
    for kind, own in (("fields", flow.fields), ("parameters", flow.parameters)):
        if set(about[kind]) - set(flow.profiles if kind == "parameters" else ()) != set(own):
            found = f"{kind} {', '.join(about[kind]) or 'none'}, not {', '.join(own) or 'none'}"
            raise InputError(f"The state in {path} does not belong to {flow}: it has the {found}.")

    fields, parameters = {}, {}
    for name in flow.fields:
        facts, layout = about["fields"][name], flow.layouts[name]
        if found := _difference(layout, facts, arrays):
            raise InputError(f"The state in {path} does not belong to {flow}: {name!r} {found}.")
        order = [0, *(1 + facts["dims"].index(d) for d in layout.dims)]
        parts = {n: _native(np.transpose(arrays[f"field {n}"], order), about) for n in layout.arrays}
        fields[name] = layout.to_field(parts, _read(facts["batch"]))
    for name in (*flow.parameters, *given_profiles(flow, about["parameters"])):
        value, shape = _native(arrays[f"parameter {name}"], about), _read(about["parameters"][name])
        axes = [spatial(d) for d in flow.profiles.get(name, ())]
        parameters[name] = reshaped_tensor(value, [shape, *axes], convert=False)
    return State(fields, parameters)


def _native(array: np.ndarray, about: dict):
    if not about["tensorflow"]:
        return array
    import tensorflow as tf

    from ..kernels import compiled  # noqa: F401  PhiML's backend

    return tf.constant(array)


def _written(shape: Shape) -> list:
    dims = zip(shape.names, shape.sizes, shape.item_names, strict=True)
    return [[n, size, list(names) if names else None] for n, size, names in dims]


def _read(written: list) -> Shape:
    return batch(**{n: tuple(names) if names else size for n, size, names in written})


def _difference(layout: Layout, facts: dict, arrays: dict[str, np.ndarray]) -> str:
    """How a stored field differs from those of a layout, in words; empty if it does not."""
    if (facts["staggered"], facts["cells"]) != (layout.staggered, layout.resolution):
        kinds = ["staggered" if s else "centred" for s in (facts["staggered"], layout.staggered)]
        cells = [", ".join(f"{d}={n}" for d, n in c.items()) for c in (facts["cells"], layout.resolution)]
        return f"is {kinds[0]}, of {cells[0]} cells, not {kinds[1]}, of {cells[1]}"
    box = np.array(facts["box"])[[facts["dims"].index(d) for d in layout.dims]]
    if not np.allclose(box, layout.box, rtol=1e-5, atol=1e-6 * np.abs(layout.box).max()):
        return f"lies in the box {box.tolist()}, not in {layout.box.tolist()}"
    for side, values in continuation(layout).items():
        stored = arrays[f"side {side}"]
        if stored.shape != values.shape or not np.allclose(stored, values, rtol=1e-5, atol=1e-6):
            return f"has another boundary at the side {side.rpartition(' ')[2]}"
    return ""


__all__ = ["load_state", "write_state"]
