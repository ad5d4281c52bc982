"""What a training draws its windows from: one task, or several that share their variables."""

from abc import ABC
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from .task import Task
    from .validation import Validation


class Members(ABC):
    """
    Of a task: who else trains its variables. One by itself has itself only.

    Attributes:
        errors: The last validation error of each member, by name, where there are several.
    """

    data: Any
    errors: dict[str, float] = {}

    @property
    def members(self) -> Sequence["Task"]:
        """The tasks whose windows are drawn; each iteration is of one of them."""
        return [self]  # type: ignore[list-item]

    @property
    def member_names(self) -> Sequence[str]:
        """What several of them are called in logs; nothing for one."""
        return []

    @property
    def weights(self) -> Sequence[float]:
        """How often each of them is drawn, relative to the others."""
        return [1.0] * len(self.members)

    def split(self, simulations: Sequence[int]) -> list[list[int]]:
        """By member its own numbers of some simulations."""
        return [list(simulations)]

    @classmethod
    def together(cls, experiments: Sequence[Any], data: Sequence[Any], **how) -> "Task":
        """
        One task of several scenes with the training simulations of each, and options as those of `Task.create`. Raises
        InputError where there is none.
        """
        names = " and ".join(e.name for e in experiments)
        raise InputError(f"{names} can't be trained together: only correctors serve several flows.")

    def held_out(self, validation: "Validation") -> list[int]:
        """The simulations that are held out for a validation."""
        return validation.held_out(len(self.data))


class Turns:
    """
    Whose turn each iteration is: drawn by weights from a seed, so that it depends on nothing but its number.
    """

    def __init__(self, weights: Sequence[float], seed: int):
        self.seed = seed
        self.ends = np.cumsum(weights) / np.sum(weights)

    def before(self, iteration: int) -> list[int]:
        """How often each was drawn in the iterations before."""
        found = self._of(np.random.default_rng(self.seed).random(iteration))
        return np.bincount(found, minlength=len(self.ends)).tolist()

    def after(self, iteration: int) -> Iterator[int]:
        """Who is drawn from an iteration on."""
        rng = np.random.default_rng(self.seed)
        rng.random(iteration)
        while True:
            yield int(self._of(rng.random(1))[0])

    def _of(self, numbers: np.ndarray) -> np.ndarray:
        return np.minimum(np.searchsorted(self.ends, numbers, side="right"), len(self.ends) - 1)
