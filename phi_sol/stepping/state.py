"""The state of a flow: the fields that a step advances and the parameters that they belong to."""

from dataclasses import dataclass, field, replace

from phi.field import Field
from phiml.dataclasses import sliceable
from phiml.math import Shape, Tensor, batch, merge_shapes, shape

Fields = dict[str, Field]


@sliceable(dim_attrs=False, dim_repr=False)
@dataclass(frozen=True)
class State:
    """
    Fields of one or several simulations, with their physical parameters.

    Fields and parameters are also attributes: `state.velocity`, `state.reynolds`. Batch dimensions
    (several simulations) can be sliced, `state['batch', 0]` style, as with any PhiML object: `state.batch[0]`.

    Attributes:
        fields: PhiFlow fields by name, in the order of `Flow.fields`.
        parameters: PhiML tensors by name, in the order of `Flow.parameters`; without spatial dimensions.
    """

    fields: dict[str, Field]
    parameters: dict[str, Tensor] = field(default_factory=dict)

    variable_attrs: tuple[str, ...] = ("fields", "parameters")
    value_attrs: tuple[str, ...] = ("fields",)

    def __getattr__(self, name: str):
        if not name.startswith("_"):
            for values in (self.__dict__.get("fields", {}), self.__dict__.get("parameters", {})):
                if name in values:
                    return values[name]
        raise AttributeError(f"This state has no {name!r}. It has {', '.join([*self.fields, *self.parameters])}.")

    def __getitem__(self, item) -> "State":
        """Slices all fields and parameters, e.g. `state[{'batch': 0}]`."""
        return State(
            {name: value[item] for name, value in self.fields.items()},
            {name: value[item] for name, value in self.parameters.items()},
        )

    @property
    def batch_shape(self) -> Shape:
        """Batch dimensions of all fields and parameters together."""
        return merge_shapes(*[batch(shape(v)) for v in [*self.fields.values(), *self.parameters.values()]])

    def with_fields(self, **fields: Field) -> "State":
        """This state with some fields replaced."""
        unknown = set(fields) - set(self.fields)
        if unknown:
            raise ValueError(f"Unknown field {sorted(unknown)[0]!r}. This state has {', '.join(self.fields)}.")
        return replace(self, fields={**self.fields, **fields})

    def __repr__(self):
        content = [f"{n}: {v.shape}" for n, v in self.fields.items()] + [
            f"{n}: {v}" for n, v in self.parameters.items()
        ]
        return f"State({', '.join(content)})"
