"""A solver that takes several steps of another one as its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError, integer
from ..stepping.solver import Solver
from .wrapped import Wrapped

if TYPE_CHECKING:
    from ..kernels.compiled import Arrays


class Substeps(Wrapped):
    """
    n steps of a solver as one step of n times its length: `s(t + n dt) = P(P(... P(s(t))))`, in a compiled loop.

    So a reference advances by the time step of its source. Differentiable as the solver is.

    Attributes:
        solver: What takes the short steps.
        count: Their number n.
    """

    def __init__(self, solver: Solver, count: int):
        """Raises InputError for what is no solver, a number that is no positive integer, and diagnostics of a step."""
        if not isinstance(solver, Solver):
            raise InputError(f"Substeps need a flow or another solver, not {type(solver).__name__}.")
        if solver.diagnostics:
            raise InputError(
                f"A {type(solver).__name__} says {solver.diagnostics[0]!r} of each step: it has no substeps."
            )
        super().__init__(solver)
        self.count = integer("The number of substeps", count, 1)
        self.dt, self.by_units = solver.dt * self.count, self.count > 1 or solver.by_units
        self.measured = solver.measured and f"{solver.measured} x {self.count}"

    def config(self) -> dict:
        return super().config() | {"count": self.count}

    def check_dt(self, dt: float | None):
        self.solver.check_dt(None if dt is None else dt / self.count)

    def check_start(self, arrays: Arrays, parameters: Arrays, dt: float):
        self.solver.check_start(arrays, parameters, dt / self.count)

    def advance(self, arrays: Arrays, parameters: Arrays, dt) -> Arrays:
        import tensorflow as tf

        def body(i, arrays):
            return i + 1, self.solver.advance(arrays, parameters, dt / self.count)

        if self.count == 1:
            return self.solver.advance(arrays, parameters, dt)
        limits = {"maximum_iterations": self.count, "parallel_iterations": 1}
        return tf.while_loop(lambda i, _: i < self.count, body, (0, dict(arrays)), **limits)[1]

    def __repr__(self):
        return f"Substeps({self.solver}, {self.count})"
