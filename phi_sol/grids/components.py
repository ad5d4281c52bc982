"""
Arithmetic of fields component by component.

PhiML computes with the components of a staggered field where the boundary leaves them of different shapes; where all
have the same one, as in periodic boxes, it first writes them into one array, interleaved, and a step takes half as
long again.
"""

from collections.abc import Callable
from typing import Any

from phi import math
from phi.math import Tensor, dual


def by_component(function: Callable[..., Any], *values: Any) -> Tensor:
    """
    `function` of each component of some tensors, as one tensor.

    Args:
        function: Of as many tensors as there are `values`, element by element.
        values: Tensors with the dual dimension `vector`, or without, which all components share; and numbers.
    """
    names = next((v.shape.get_item_names("~vector") for v in values if _has_components(v)), None)
    if names is None:
        return function(*values)
    parts = [function(*[v[{"~vector": n}] if _has_components(v) else v for v in values]) for n in names]
    return math.stack(parts, dual(vector=names))


def _has_components(value: Any) -> bool:
    return isinstance(value, Tensor) and "~vector" in value.shape
