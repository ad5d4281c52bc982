"""Which flows a corrector without dimension can serve, one or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from .base import Flow


def check_scale_free(flow: Flow, correct: Sequence[str]):
    """Raises InputError for a flow without a velocity on faces, or a correction of anything else."""
    if "velocity" not in flow.staggered:
        raise InputError(
            f"A scale-free corrector needs a velocity on faces, which {type(flow).__name__} does not have."
        )
    if tuple(correct) != ("velocity",):
        raise InputError(f"A scale-free corrector corrects the velocity, not {', '.join(correct)}.")


def check_together(flows: Mapping[str, Flow]):
    """Raises InputError for flows that one network can't serve: of different dimension, or without a velocity."""
    (first, known), *_ = flows.items()
    for name, flow in flows.items():
        if len(flow.resolution) != len(known.resolution):
            found = f"{first} has {len(known.resolution)} axes and {name} {len(flow.resolution)}"
            raise InputError(f"One corrector serves flows of one dimension, but {found}: train them apart.")
        try:
            check_scale_free(flow, ("velocity",))
        except InputError as err:
            raise InputError(f"{name}: {err}") from err
