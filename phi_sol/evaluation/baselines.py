"""
Plain numerics, which a corrector has to beat: every scheme of advection on every grid from that of the source to that
of the reference, with shorter and longer time steps.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from phi.math import batch

from ..errors import InputError, quoted
from ..experiment import Experiment
from ..flows.advection import SCHEMES
from ..grids.restriction import restrict_all
from ..solvers.finer import FinerSource
from ..solvers.pair import SolverPair
from ..solvers.time_step import WithTimeStep
from ..stepping.arrays import native_arrays, unpack
from ..stepping.solver import Solver
from ..storage.dataset import Dataset

SHORT = {"semi_lagrangian": "SL", "mac_cormack": "MC"}  # schemes in names
LONGER = 2  # times that the source's time step is doubled
SECOND_ORDER = "mac_cormack"


@dataclass(frozen=True)
class Plain:
    """
    A solver without a network.

    Attributes:
        solver: It, with rollouts on the source grid.
        factor: Its cells per source cell and axis.
        advection: Its scheme, or nothing for a flow without a choice.
        named: Whether it is in every evaluation, with all measures: the source with second-order advection, and on the
            next finer grid.
    """

    solver: Solver
    factor: int
    advection: str | None
    named: bool = False

    @property
    def facts(self) -> dict:
        """What `results.json` says about it."""
        return {"factor": self.factor, "advection": self.advection, "dt": self.solver.dt}


def plain_solvers(
    experiment: Experiment,
    simulations: list[dict[str, float]],
    frames: int,
    schemes: Sequence[str] | None = None,
) -> dict[str, Plain]:
    """
    All of them but source and reference themselves, by name: `SRC-MC` has another scheme, `SRC-2x` cells half as large,
    `SRC-2x-MC-dt2` both and a time step of 2 units of time; `REF-dt4` is the reference with another time step.

    Grids have 1, ..., ratio cells per source cell and axis, of the divisors of the ratio. Time steps are that of the
    source halved as long as it is not shorter than the reference's, and doubled twice.

    Args:
        simulations: Parameters at which all must be stable by the flow's own criterion; what is not is left out.
        frames: Frames that are compared: no time step is longer.
        schemes: Of advection; default: all that there are.
    """
    pair, found = experiment.pair, {}
    dt, least = pair.source.dt, pair.reference.dt
    steps = sorted({dt / 2**k for k in range(64) if dt / 2**k >= least * (1 - 1e-9)} | {least})
    steps += [dt * 2**k for k in range(1, LONGER + 1) if 2**k <= frames]
    finer = min((f for f in _factors(pair) if 1 < f < pair.ratio), default=None)
    for factor, scheme, solver in _solvers(experiment, check_schemes(experiment, schemes)):
        same_scheme = scheme in (None, pair.source.advection)
        reference = factor == pair.ratio and solver.flow is pair.reference
        for step in steps:
            own, same_step = abs(step / solver.dt - 1) < 1e-9, abs(step / dt - 1) < 1e-9
            if (reference and own) or (solver is pair.source and same_step):
                continue  # the reference, the source
            if not is_stable(solver, step, simulations):
                continue
            named = same_step and (factor, same_scheme) in ((1, False), (finer, True))
            name = "REF" if reference else "SRC" + (f"-{factor}x" if factor > 1 else "")
            name += "" if reference or same_scheme else f"-{SHORT.get(scheme or '', scheme)}"
            name += "" if same_step and not reference else f"-dt{step:g}"
            named &= scheme in (None, pair.source.advection, SECOND_ORDER)
            found[name] = Plain(solver if own else WithTimeStep(solver, step), factor, scheme, named)
    return found


def advects(experiment: Experiment) -> bool:
    """Whether its flow has a choice of schemes of advection."""
    known = inspect.signature(experiment.flow.__init__).parameters
    return "velocity" in experiment.pair.source.fields and "advection" in known


def _factors(pair: SolverPair) -> list[int]:
    return [f for f in range(1, pair.ratio + 1) if pair.ratio % f == 0]


def check_schemes(experiment: Experiment, given: Sequence[str] | None) -> Sequence[str]:
    """All schemes of advection, or those that are given; an InputError for others, and for a flow without a choice."""
    if given is None:
        return tuple(SCHEMES)
    wanted = [given] if isinstance(given, str) else list(given)
    if not advects(experiment):
        raise InputError(f"{experiment.name} has no choice of schemes of advection: leave out schemes=.")
    for scheme in wanted:
        if not (isinstance(scheme, str) and scheme in SCHEMES):
            raise InputError(f"Unknown advection scheme {quoted(scheme)} in schemes. Known: {', '.join(SCHEMES)}.")
    if not wanted:
        raise InputError("schemes names no scheme of advection: give numerics=False for no plain numerics.")
    return wanted


def _solvers(experiment: Experiment, schemes: Sequence[str]) -> Iterator[tuple[int, str | None, Solver]]:
    """One for every grid and scheme, with any time step: loops are compiled once for all of them."""
    pair, options = experiment.pair, experiment.options
    for factor in _factors(pair):
        for scheme in schemes if advects(experiment) else (None,):
            if factor == pair.ratio and scheme in (None, pair.reference.advection):
                yield factor, scheme, FinerSource(pair, pair.reference) if factor > 1 else pair.reference
            elif factor == 1 and scheme in (None, pair.source.advection):
                yield factor, scheme, pair.source
            else:
                chosen: dict = {} if scheme is None else {"advection": scheme}
                own = pair.reference_options if factor == pair.ratio else {}
                between = SolverPair(
                    experiment.flow, pair.source.resolution, factor, reference_options={**own, **chosen}, **options
                )
                yield factor, scheme, FinerSource(between, between.reference) if factor > 1 else between.reference


def is_stable(solver: Solver, dt: float, simulations: list[dict[str, float]]) -> bool:
    """Whether a solver's flow takes a time step at the parameters of all simulations, by its `check_stability`."""
    try:
        for parameters in simulations:
            flow: Any = solver.flow  # a Flow
            flow.check_stability(dt, **flow.without_bodies(parameters))
    except InputError:
        return False
    return True


class Starts:
    """
    Where solvers start: at frame 0 of all simulations; on a finer grid at the full-resolution reference of this frame,
    restricted to it. On the grid of the reference this is the reference itself.
    """

    def __init__(self, data: Dataset):
        self.data, self._known = data, {}

    @cached_property
    def full(self) -> dict[str, np.ndarray]:
        """
        Frame 0 at full resolution, shape (simulations, *spatial); of imported data, which have none, the source's state
        on the grid of the scene's reference, interpolated linearly.
        """
        if not self.data.imported:
            return self.data.reference_frames(0)
        pair, many = self.data.pair, batch(simulation=len(self.data))
        state = unpack(pair.source, self.data.frame(0), self.data.parameters, many)
        return {n: np.asarray(a) for n, a in native_arrays(pair.reference, pair.prolong(state), many).items()}

    def of(self, solver: Solver) -> dict[str, np.ndarray]:
        """Arrays of shape (simulations, *spatial)."""
        pair, cells = self.data.pair, solver.flow.resolution
        if cells == pair.source.resolution:
            return self.data.frame(0)
        if cells == pair.reference.resolution:
            return self.full
        key = tuple(cells.items())
        if key not in self._known:
            first, fine = next(iter(cells)), pair.reference
            ratio = fine.resolution[first] // cells[first]
            self._known[key] = restrict_all(self.full, fine.layouts.values(), ratio)
        return self._known[key]
