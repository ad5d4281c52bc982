"""A solver with a time step of another length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError, is_real
from ..stepping.solver import Solver

if TYPE_CHECKING:
    from ..kernels.compiled import Arrays


class WithTimeStep(Solver):
    """
    The steps of a solver, each of another length. Compiled loops take the time step as a number, so that solvers which
    only differ in it share one: nothing is compiled anew.

    Attributes:
        solver: What takes the steps.
    """

    def __init__(self, solver: Solver, dt: float):
        """Raises InputError for what is no solver, and for a time step that is not positive or that it can't take."""
        if not isinstance(solver, Solver):
            raise InputError(f"Only a flow or another solver has a time step, not {type(solver).__name__}.")
        if not (is_real(dt) and dt > 0):
            raise InputError(f"The time step must be positive and finite, not {dt!r}.")
        solver.check_dt(dt)
        self.solver, self.flow, self.dt = solver, solver.flow, float(dt)
        self.jit_compile, self.measured, self.diagnostics = solver.jit_compile, solver.measured, solver.diagnostics

    @property
    def output(self):
        return self.solver.output

    @property
    def loop(self):
        return self.solver.loop

    def keep(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        return self.solver.keep(arrays, parameters)

    def check_dt(self, dt: float | None):
        self.solver.check_dt(dt)

    def advance(self, arrays: Arrays, parameters: Arrays, dt) -> Arrays:
        return self.solver.advance(arrays, parameters, dt)

    def __repr__(self):
        return f"WithTimeStep({self.solver}, dt={self.dt:g})"
