"""What stepping asks of a flow."""

from typing import Any, Protocol

from phi.field import Field

from ..grids.layout import Layout
from .state import State


class System(Protocol):
    """A flow, as solvers see it (`phi_sol.flows.Flow` is one)."""

    fields: tuple[str, ...]
    staggered: tuple[str, ...]
    parameters: tuple[str, ...]
    resolution: dict[str, int]
    dt: float
    obstacles: Any
    incompressible: bool

    @property
    def layouts(self) -> dict[str, Layout]:
        """The layout of each field."""

    @property
    def templates(self) -> dict[str, Field]:
        """A zero field per name that carries grid and boundary."""

    @property
    def projection(self) -> Any:
        """The pressure projection of the velocity."""

    def physics(self, state: State, dt: Any, *correction: Any) -> State:
        """One time step, in PhiFlow operators."""
