"""What solvers that are made of one solver share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..stepping.solver import Solver

if TYPE_CHECKING:
    from ..kernels.compiled import Arrays


class Wrapped(Solver):
    """
    A solver around another one: all that it does not define itself is that of the one inside.

    Attributes:
        solver: The one inside.
    """

    def __init__(self, solver: Solver):
        self.solver, self.flow, self.dt = solver, solver.flow, solver.dt
        self.jit_compile, self.measured = solver.jit_compile, solver.measured
        self.diagnostics, self.carried, self.by_units = solver.diagnostics, solver.carried, solver.by_units

    def config(self) -> dict:
        return {"type": type(self).__name__, "dt": self.dt, "solver": self.solver.config()}

    @property
    def output(self):
        return self.solver.output

    def remark(self, arrays: Arrays, parameters: Arrays) -> str:
        return self.solver.remark(arrays, parameters)

    def check_start(self, arrays: Arrays, parameters: Arrays, dt: float):
        self.solver.check_start(arrays, parameters, dt)

    def begin(self, arrays: Arrays) -> Arrays:
        return self.solver.begin(arrays)

    def keep(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        return self.solver.keep(arrays, parameters)

    def advance(self, arrays: Arrays, parameters: Arrays, dt) -> Arrays:
        return self.solver.advance(arrays, parameters, dt)


def weights_of(solver: Solver) -> list[Any]:
    """All variables of a solver that can be trained: of its controls and links, its corrector, its flow's terms."""
    own = getattr(solver, "weights", None)
    if own is not None:
        return list(own)
    network = getattr(getattr(solver, "corrector", None), "network", None)
    inner = getattr(solver, "solver", None)
    found = [] if network is None else list(network.trainable_variables)
    return found + (weights_of(inner) if isinstance(inner, Solver) else list(solver.flow.term_weights))
