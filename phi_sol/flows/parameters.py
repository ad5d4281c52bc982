"""Numbers that users give: parameters of simulations, and NumPy's numbers as Python's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from phi import math
from phi.math import Tensor, batch

from ..errors import InputError, suggestion

SEED = "seed"  # the parameter of this name is an integer that random numbers are drawn from; networks don't see it


def plain(value: Any) -> Any:
    """A NumPy number, also as an array without axes, as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value


def integer(what: str, value: Any, least: int) -> int:
    """
    An integer of Python or NumPy.

    Raises:
        InputError: if it is none, or smaller than `least`.
    """
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise InputError(f"{what} must be an integer of at least {least}, not {number!r}.")
    return number


def is_real(value: Any) -> bool:
    """Whether a value is a finite number of Python or NumPy."""
    number = plain(value)
    return not isinstance(number, bool) and isinstance(number, int | float) and bool(np.isfinite(number))


def possible(name: str, value: Any) -> bool:
    """Whether `value` is possible for the parameter `name`."""
    if not is_real(value):
        return False
    return 0 <= value < 2**24 and value == int(value) if name == SEED else value > 0


def kind_of(name: str) -> str:
    """What the values of a parameter must be, in words."""
    return "an integer of at least 0 and below 2^24" if name == SEED else "positive and finite"


def parameter_tensors(owner: str, known: Sequence[str], given: dict) -> dict[str, Tensor]:
    """
    Checks parameter values and turns lists into tensors with a batch dimension `batch`.

    Args:
        owner: Name of the flow, for messages.
        known: Names of its parameters.
        given: Numbers, lists of numbers or PhiML tensors by name.

    Raises:
        InputError: for missing, unknown or not positive values, and seeds that are no integers of at least 0.
    """
    for name in given:
        if name not in known:
            raise InputError(
                f"{owner} has no parameter {name!r}.{suggestion(name, known)} "
                f"Its parameters: {', '.join(known) or 'none'}."
            )
    result = {}
    for name in known:
        if name not in given:
            raise InputError(f"{owner} needs the parameter {name!r}.")
        value = given[name]
        if not isinstance(value, Tensor):
            try:
                array = np.asarray(value, np.float64)
            except (TypeError, ValueError):
                raise InputError(f"The parameter {name}={value!r} must be a number or a list of numbers.") from None
            if array.ndim > 1 or array.size == 0:
                raise InputError(
                    f"The parameter {name} must be a number or a list of numbers, not of shape {array.shape}."
                )
            value = math.wrap(array, batch(batch=array.size) if array.ndim else math.EMPTY_SHAPE)
        if value.available:
            numbers = value.numpy(value.shape)
            if not all(possible(name, v) for v in np.ravel(numbers)):
                raise InputError(f"The parameter {name} must be {kind_of(name)}, not {numbers.tolist()!r}.")
        result[name] = math.to_float(value)
    return result
