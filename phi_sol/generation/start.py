"""States that simulations begin from in the place of their flow's own."""

from pathlib import Path

import numpy as np

from ..errors import InputError, MissingError
from ..flows import Flow
from ..stepping.arrays import pack
from ..stepping.state import State
from ..stepping.stored import load_state


def starts(flow: Flow, given: State | str | Path, count: int) -> list[dict[str, np.ndarray]]:
    """
    The arrays that each of `count` simulations of a reference begins from, shape (*spatial), float32: of one state the
    same for all, of a batch of as many as there are simulations one each, in order. The state's parameters don't count.

    Raises:
        MissingError: if there is no such file.
        InputError: if the state does not belong to the flow, is not finite, or is a batch of another number.
    """
    try:
        state = load_state(given, flow) if isinstance(given, str | Path) else given
        arrays = {n: np.asarray(a, np.float32) for n, a in pack(flow, state)[0].items()}
    except MissingError:
        raise
    except InputError as err:
        raise InputError(f"Simulations begin from states of the reference: {err}") from err
    batch = state.batch_shape.volume
    if batch not in (1, count):
        raise InputError(f"There are {batch} states to begin from, but {count} simulations: give one, or one each.")
    if not all(np.isfinite(a).all() for a in arrays.values()):
        raise InputError("The state to begin from is not finite.")
    return [{n: a[i % batch] for n, a in arrays.items()} for i in range(count)]
