"""What a rollout asks of what it goes on with after a kill."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .solver import Solver


class Resumable(Protocol):
    """What a rollout asks of a restart (`phi_sol.Restart` is one)."""

    every: int

    def begin(self, solver: Solver, arrays: dict, parameters: dict, keep_every: int) -> tuple[dict, list[dict]]:
        """The arrays to go on from, and the frames before, in parts."""

    def alone(self) -> AbstractContextManager:
        """Within it no other process adds to it."""

    def add(self, arrays: dict, kept: dict, last: bool):
        """Takes frames, and the arrays after them."""
