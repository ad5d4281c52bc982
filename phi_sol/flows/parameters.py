"""The parameters of simulations, as users give them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from phi import math
from phi.math import Tensor, batch, reshaped_tensor

from ..errors import InputError, is_positive, is_real, quoted, suggestion
from ..stepping.arrays import native_numbers

ROUNDED = 1 + 1e-6  # values at a limit may be above it in float32
SEED = "seed"  # the parameter of this name is an integer that random numbers are drawn from; networks don't see it


def possible(name: str, value: Any, signed: Sequence[str] = ()) -> bool:
    """Whether `value` is possible for the parameter `name`; those that are `signed` may be any finite numbers."""
    if not is_real(value) or name in signed:
        return is_real(value)
    return 0 <= value < 2**24 and value == int(value) if name == SEED else is_positive(value)


def kind_of(name: str, signed: Sequence[str] = ()) -> str:
    """What the values of a parameter must be, in words."""
    if name in signed:
        return "finite, in float32"
    return "an integer of at least 0 and below 2^24" if name == SEED else "positive and finite, in float32"


def check_names(owner: str, known: Sequence[str], given: Iterable[str]):
    """Raises InputError for a name that is none of the `known` parameters of `owner`."""
    for name in given:
        if name not in known:
            has = f"Its parameters: {', '.join(known) or 'none'}."
            raise InputError(f"{owner} has no parameter {name!r}.{suggestion(name, known)} {has}")


def parameter_tensors(owner: str, known: Sequence[str], given: dict, signed: Sequence[str] = ()) -> dict[str, Tensor]:
    """
    Checks the parameters that a flow (`owner`) is given by name: numbers, lists of numbers, tensors and variables of
    TensorFlow and Keras, or PhiML tensors; and turns them into PhiML tensors, lists with a batch dimension `batch`.
    Gradients flow on through tensors and variables. Those that are `signed` may be any finite numbers.

    Raises:
        InputError: for missing, unknown or not positive values, seeds that are no integers of at least 0, and tensors
            with dimensions that are no batch.
    """
    check_names(owner, known, given)
    result = {}
    for name in known:
        if name not in given:
            raise InputError(f"{owner} needs the parameter {name!r}.")
        value = given[name] if isinstance(given[name], Tensor) else _wrapped(name, given[name], signed)
        if beyond := value.shape.non_batch:
            several = f"several simulations are a list, or a batch: batch({', '.join(map(repr, beyond.names))})"
            raise InputError(f"The parameter {name} has the dimensions {beyond}: {several}.")
        if value.available:
            numbers = value.numpy(value.shape)
            _check(name, numbers, signed)
        result[name] = math.to_float(value)
    return result


def _wrapped(name: str, value: Any, signed: Sequence[str]) -> Tensor:
    """A number or a list of numbers, of any kind but a PhiML tensor, as one."""
    try:
        native = native_numbers(value)
        if isinstance(native, np.ndarray):
            _check(name, native, signed)  # before it is rounded
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"The parameter {name}={quoted(value)} must be a number or a list of numbers, {kind_of(name, signed)}."
        ) from None
    if len(native.shape) > 1 or 0 in native.shape:
        raise InputError(
            f"The parameter {name} must be a number or a list of numbers, not of shape {tuple(native.shape)}."
        )
    return reshaped_tensor(native, [batch("batch")] * len(native.shape), convert=False)


def _check(name: str, numbers: np.ndarray, signed: Sequence[str]):
    if not all(possible(name, v, signed) for v in np.ravel(numbers)):
        raise InputError(f"The parameter {name} must be {kind_of(name, signed)}, not {quoted(numbers.tolist())}.")
