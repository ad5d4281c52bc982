"""What solvers that are made of one solver share."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        self.jit_compile, self.measured, self.diagnostics = solver.jit_compile, solver.measured, solver.diagnostics

    def config(self) -> dict:
        return {"type": type(self).__name__, "dt": self.dt, "solver": self.solver.config()}

    @property
    def output(self):
        return self.solver.output

    def remark(self, arrays: Arrays, parameters: Arrays) -> str:
        return self.solver.remark(arrays, parameters)

    def check_start(self, arrays: Arrays, parameters: Arrays, dt: float):
        self.solver.check_start(arrays, parameters, dt)

    def keep(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        return self.solver.keep(arrays, parameters)

    def advance(self, arrays: Arrays, parameters: Arrays, dt) -> Arrays:
        return self.solver.advance(arrays, parameters, dt)
