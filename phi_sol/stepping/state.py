"""The state of a flow: the fields that a step advances and the parameters that they belong to."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from phi.field import Field
from phiml import math
from phiml.dataclasses import sliceable
from phiml.math import Shape, Tensor, merge_shapes
from phiml.math.magic import BoundDim, slicing_dict

from ..displays import Displayed, drawn, table, together
from ..errors import InputError, quoted
from ..grids.layout import sliced

Fields = dict[str, Field]


@sliceable(dim_attrs=False, dim_repr=False)
@dataclass(frozen=True)
class State(Displayed):
    """
    Fields of one or several simulations, with their physical parameters.

    Fields and parameters are also attributes: `state.velocity`, `state.reynolds`. Batch dimensions (several
    simulations) can be sliced as with any PhiML object: `state.batch[0]`, `state.batch[1:3]`, `state[{"batch": 0}]`.

    Attributes:
        fields: PhiFlow fields by name, in the order of `Flow.fields`.
        parameters: PhiML tensors by name, in the order of `Flow.parameters`; without spatial dimensions.

    Examples:
        >>> start
        State(velocity staggered 16x8, marker 16x8, reynolds=300)
        >>> start.velocity.resolution, start.reynolds
        ((yˢ=16, xˢ=8), 300.0)
        >>> flow.initial_state(reynolds=[100.0, 200.0]).batch[1]
        State(velocity staggered 16x8, marker 16x8, reynolds=200)
    """

    fields: dict[str, Field]
    parameters: dict[str, Tensor] = field(default_factory=dict)

    variable_attrs: tuple[str, ...] = ("fields", "parameters")
    value_attrs: tuple[str, ...] = ("fields",)

    def __post_init__(self):
        """Raises InputError for what are no fields and parameters by name."""
        for what, given, kind in (("field", self.fields, Field), ("parameter", self.parameters, Tensor)):
            if not isinstance(given, dict):
                raise InputError(f"The {what}s of a state are a dictionary by name, not {quoted(given)}.")
            for name, value in given.items():
                if not (isinstance(name, str) and isinstance(value, kind)):
                    words = f"{kind.__name__}s of PhiFlow by name, not {quoted(name)}: {quoted(value)}"
                    raise InputError(f"The {what}s of a state are {words}.")

    def __getattr__(self, name: str):
        fields, parameters = (self.__dict__.get(n, {}) for n in ("fields", "parameters"))  # none while it is copied
        values = fields | parameters | fields
        if name in values:
            return values[name]
        if not name.startswith("_") and values and name in self.batch_shape:
            return BoundDim(self, name)
        raise AttributeError(f"This state has no {name!r}. It has {', '.join([*values])}.")

    def __getitem__(self, item) -> "State":
        """
        All fields and parameters at some places of batch dimensions, e.g. `state[{'batch': 0}]`. Raises InputError for
        what names no dimension.
        """
        if isinstance(item, str):
            raise InputError(f"A state has no {item!r}: metrics take phi_sol.metrics.arrays_of(flow, state).")
        if not isinstance(item, dict):
            raise InputError(f"A state is taken apart by a batch dimension, as state.batch[1], not by {quoted(item)}.")
        item = slicing_dict(self, item)
        return State(
            {name: sliced(field, item) for name, field in self.fields.items()},
            {name: value[item] for name, value in self.parameters.items()},
        )

    @property
    def batch_shape(self) -> Shape:
        """Batch dimensions of all fields and parameters together."""
        found = [f.values.shape.batch for f in self.fields.values()]
        found += [p.shape.batch for p in self.parameters.values()]
        found += [g.shape.batch for g in {id(f.geometry): f.geometry for f in self.fields.values()}.values()]
        return found[0] if all(s == found[0] for s in found if s) else merge_shapes(*found)

    def with_fields(self, **fields: Field) -> "State":
        """This state with some fields replaced."""
        unknown = set(fields) - set(self.fields)
        if unknown:
            raise ValueError(f"Unknown field {quoted(sorted(unknown)[0])}. This state has {', '.join(self.fields)}.")
        return replace(self, fields={**self.fields, **fields})

    def save(self, path: str | Path):
        """
        Writes values, precision, batch dimensions, parameters, grid and how boundaries continue the fields into one
        file (NumPy's npz, without pickle), atomically; `phi_sol.load_state(path, flow)` reads it, bit by bit.

        Raises:
            InputError: if there is no such folder, or the state is being traced.
        """
        from .stored import write_state

        write_state(self, path)

    def __repr__(self):
        several = ", ".join(f"{d}={n}" for d, n in zip(self.batch_shape.names, self.batch_shape.sizes, strict=True))
        batch = f", {several}" if several else ""
        return f"State({', '.join(f'{n} {_cells(f)}' for n, f in self.fields.items())}{_given(self.parameters)}{batch})"

    def _shown(self) -> str:
        """A table of fields, with means and extremes of all their values, and of parameters; and a picture."""
        rows = [(n, _cells(f), *_facts(f.values)) for n, f in self.fields.items()]
        rows += [(n, "", *_facts(p)) for n, p in self.parameters.items()]
        note = f"batch: {self.batch_shape}" if self.batch_shape else ""
        return together(table(["", "cells", "mean", "least", "greatest"], rows, note), drawn(self))


def _cells(field: Field) -> str:
    kind = "staggered " if field.is_staggered else ""
    return kind + "x".join(str(n) for n in field.resolution.sizes)


def _facts(values: Tensor) -> tuple[str, ...]:
    """Mean, least and greatest value, in words; none of values that are being traced."""
    if not values.available:
        return ("", "", "")
    return tuple(f"{float(f(values, lambda s: s)):.4g}" for f in (math.mean, math.min, math.max))


def _given(parameters: dict[str, Tensor]) -> str:
    return "".join(f", {n}={_facts(p)[0] if p.shape.volume == 1 else '...'}" for n, p in parameters.items())
