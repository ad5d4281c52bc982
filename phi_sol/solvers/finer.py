"""A source on a finer grid, seen on the source grid."""

from ..arguments import checked
from ..errors import InputError
from ..kernels.compiled import Arrays
from ..stepping.solver import Solver
from .pair import SolverPair
from .wrapped import Wrapped


class FinerSource(Wrapped):
    """
    A solver of the finer flow of a pair whose rollouts are restricted to the coarser one, to be compared there.

    Attributes:
        pair: `source` is what rollouts show, `reference` what is stepped.
        solver: Steps states of the finer flow: as a rule this flow itself.

    Examples:
        >>> pair = ps.SolverPair(ps.WakeFlow, dict(y=16, x=8), ratio=2)
        >>> ps.FinerSource(pair, pair.reference)
        FinerSource(WakeFlow(y=32, x=16, dt=1, advection='semi_lagrangian'))
    """

    @checked
    def __init__(self, pair: SolverPair, solver: Solver):
        """Raises InputError if `solver` steps states of another flow than the finer one of the pair."""
        if solver.flow is not pair.reference:
            raise InputError(f"A FinerSource of {pair} needs a solver of {pair.reference}, not of {solver.flow}.")
        super().__init__(solver)
        self.pair = pair

    def config(self) -> dict:
        return super().config() | {"ratio": self.pair.ratio}

    @property
    def output(self):
        return self.pair.source

    def keep(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        numbers = {n: arrays[n] for n in self.diagnostics}
        return self.pair.restrict_arrays({n: a for n, a in arrays.items() if n not in numbers}, parameters) | numbers

    def __repr__(self):
        return f"FinerSource({self.solver})"
