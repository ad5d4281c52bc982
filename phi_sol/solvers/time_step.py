"""A solver with a time step of another length."""

from ..errors import InputError, positive
from ..stepping.solver import Solver
from .wrapped import Wrapped


class WithTimeStep(Wrapped):
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
        dt = positive("The time step", dt)
        solver.check_dt(dt)
        super().__init__(solver)
        self.dt = dt

    @property
    def loop(self):
        return self.solver.loop

    def check_dt(self, dt: float | None):
        self.solver.check_dt(dt)

    def __repr__(self):
        return f"WithTimeStep({self.solver}, dt={self.dt:g})"
