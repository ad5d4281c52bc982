"""What stepping asks of a flow."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from phi.field import Field

from ..grids.layout import Layout
from .state import State


class System(ABC):
    """
    A flow, as solvers see it (`phi_sol.flows.Flow` is one).

    Attributes:
        layouts: The layout of each field.
        templates: A zero field per name that carries grid and boundary.
        projection: The pressure projection of the velocity.
        compiled: The compiled step, a `CompiledFlow`.
    """

    fields: tuple[str, ...]
    staggered: tuple[str, ...]
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    profiles: Mapping[str, Mapping[str, int]]
    resolution: dict[str, int]
    dt: float
    obstacles: Any
    incompressible: bool
    layouts: dict[str, Layout]
    templates: dict[str, Field]
    projection: Any
    compiled: Any

    @abstractmethod
    def advance(self, arrays: dict, parameters: dict, dt: Any, correction: Any = None, only: Any = None) -> dict:
        """One step of native arrays."""

    @abstractmethod
    def check_start(self, arrays: dict, parameters: dict, dt: float):
        """Raises InputError if a step of this length can't be taken from a native state, whose values are known."""

    @abstractmethod
    def config(self) -> dict:
        """All that defines it, as JSON-ready data."""

    @abstractmethod
    def integrate(self, state: State, dt: Any, correction: Any = None, weights: Any = None) -> State:
        """One time step, in PhiFlow operators."""

    @abstractmethod
    def bounded(self, state: State) -> State:
        """The state with the boundaries of its own that its profiles give its fields."""

    @property
    def term_weights(self) -> list:
        """Variables of what was added to its equations."""
        return []
