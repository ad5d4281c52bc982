"""Source and reference: the same flow on a coarse and on a fine grid."""

import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import overload

from phi.math.backend import choose_backend

from .. import flows
from ..arguments import check, checked
from ..displays import Displayed
from ..errors import InputError, check_takes_named, integer, plain, quoted, suggestion
from ..flows import Flow
from ..flows.comparison import first_difference
from ..flows.definition import describe, is_opaque
from ..grids.restriction import restrict_all
from ..stepping.arrays import check_state, native_arrays, unpack_fields
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..stepping.state import State
from .substeps import Substeps

FINEST = 2**23  # reference steps in a source step: float32 loses what shorter ones change


class SolverPair(Displayed):
    """
    The same flow on the source grid and on a reference grid that is `ratio` times finer along every axis, with the same
    physical parameters. The source takes steps of dt where the reference takes `time_ratio` steps of dt / time_ratio.

    Attributes:
        source: The coarse, fast flow.
        reference: The fine flow, with its own dt.
        ratio: Fine cells per coarse cell and axis.
        time_ratio: Reference steps per source step.
        reference_options: Arguments of the flow that the reference has for itself.

    Examples:
        >>> pair = ps.SolverPair(ps.WakeFlow, dict(y=16, x=8), ratio=2, time_ratio=4)
        >>> pair.reference
        WakeFlow(y=32, x=16, dt=0.25, advection='semi_lagrangian')
    """

    @checked
    def __init__(
        self,
        flow: type[Flow],
        source: dict[str, int] | None = None,
        ratio: int = 4,
        reference: dict[str, int] | None = None,
        *,
        time_ratio: int = 1,
        reference_options: dict | None = None,
        **options,
    ):
        """
        Args:
            flow: Class of the flow.
            source: Resolution of the source, e.g. `dict(y=64, x=32)`.
            ratio: Fine cells per coarse cell and axis, an integer of at least 1.
            reference: Resolution of the reference instead of that of the source.
            time_ratio: Reference steps per source step, an integer of at least 1, and at most 2^23: float32 would lose
                what shorter ones change.
            reference_options: Arguments of the reference instead of those of both, e.g. `dict(advection="mac_cormack")`
                for a source of first order that learns from a reference of second order.
            options: Further arguments of both flows, e.g. `dt` (that of the source) or `advection`.

        Raises:
            InputError: for a ratio that is not a positive integer, a reference resolution that is not divisible by it,
                both resolutions or none, options of the reference that the flow does not know or that are given
                otherwise (`dt` by the time ratio, cells by the ratio), or what `flow` refuses.
        """
        ratio = integer("The ratio of a solver pair", ratio, 1)
        if (source is None) == (reference is None):
            raise InputError(
                "A solver pair needs the resolution of its source or that of its reference, one of the two."
            )
        coarse = dict(source or {}) if reference is None else _coarsened(reference, ratio)
        self.ratio, self.time_ratio = ratio, integer("The time ratio of a solver pair", time_ratio, 1, FINEST)
        for given in (coarse, options):
            check("The arguments of a flow", given, dict[str, object])
        if both := coarse.keys() & options.keys():
            raise InputError(f"{min(both)} is given twice: as cells of the grid and as an option of the flow.")
        check_takes_named(flow, coarse | options)
        self.source: Flow = flow(**coarse, **options)
        self.reference_options = own = self._checked({} if reference_options is None else reference_options)
        step = {"dt": self.source.dt / self.time_ratio} if self.time_ratio > 1 else {}
        fine = {d: n * ratio for d, n in self.source.resolution.items()}
        self.reference: Flow = flow(**options | step | own | fine)
        if abs(self.reference.dt * self.time_ratio - self.source.dt) > 1e-9 * self.source.dt:
            raise InputError(f"{flow.__name__} takes no dt, so that there can be no time ratio of {self.time_ratio}.")
        if self.reference.size != self.source.size:
            sizes = f"{self.reference.size} instead of {self.source.size}"
            raise InputError(f"Source and reference must have the same domain; that of the reference is {sizes}.")

    def _checked(self, own: dict) -> dict:
        """The options of the reference alone; InputError for those that the flow does not know."""
        name = type(self.source).__name__
        if not isinstance(own, dict):
            raise InputError(f"The options of a reference are a dictionary of arguments of {name}, not {quoted(own)}.")
        kinds = inspect.signature(type(self.source).__init__).parameters
        known = [n for n, p in kinds.items() if n not in ("self", "dt") and p.kind is not p.VAR_KEYWORD]
        for option in own:
            if option == "dt":
                raise InputError("The reference's dt follows from the source's: give a time_ratio instead.")
            if option in self.source.resolution:
                raise InputError(f"The reference's cells follow from the source's: give a ratio instead of {option!r}.")
            if option not in known:
                hint = suggestion(str(option), known)
                raise InputError(f"{name} has no option {option!r} for a reference.{hint} Known: {', '.join(known)}.")
        return dict(own)

    @cached_property
    def fine(self) -> Solver:
        """What takes the reference by one step of the source: `time_ratio` steps of the reference in one."""
        return self.reference if self.time_ratio == 1 else Substeps(self.reference, self.time_ratio)

    def check_stability(self, **parameters: float):
        """Raises InputError if one of the two flows is unstable at these parameters with its own time step."""
        for flow in (self.reference, self.source):
            flow.check_stability(flow.dt, **flow.without_bodies(parameters))

    @overload
    def restrict(self, state: State) -> State: ...
    @overload
    def restrict(self, state: Rollout) -> Rollout: ...
    def restrict(self, state):
        """
        Maps a reference state onto the source grid (T in the paper), by the means of the fine faces or cells that tile
        a coarse one: face fluxes are kept exactly, and a divergence-free velocity stays divergence-free. Of a rollout
        all states. Raises InputError if the state does not belong to the reference.
        """
        if isinstance(state, Rollout):
            frames = [native_arrays(self.source, self.restrict(s), s.batch_shape) for s in state]
            arrays = {n: choose_backend(f[n]).stack([f[n] for f in frames], 0) for f in frames[:1] for n in f}
            return Rollout(self.source, arrays, state.parameters, state.times, batch=state.batch_shape)
        check_state(self.reference, state)
        shape = state.batch_shape
        arrays = self.restrict_arrays(native_arrays(self.reference, state, shape), {})
        return State(unpack_fields(self.source, arrays, self.source.fields, shape), state.parameters)

    def restrict_arrays(self, arrays: dict, parameters: dict) -> dict:
        """The same for native arrays of shape (batch, *spatial), see `phi_sol.stepping.pack`. Works inside a trace."""
        return restrict_all(arrays, self.reference.layouts.values(), self.ratio)

    def prolong(self, state: State) -> State:
        """A source state, checked, on the reference grid by linear interpolation (second order; not conservative)."""
        check_state(self.source, state)
        fields = self.reference.templates
        fields = {n: fields[n].with_values(state.fields[n].at(fields[n]).values) for n in self.source.fields}
        return State(fields, state.parameters)

    @cached_property
    def config(self) -> dict:
        """All that defines the pair, as JSON-ready data."""
        own = {n: describe(v) for n, v in self.reference_options.items()}
        ratios = {"ratio": self.ratio, "time_ratio": self.time_ratio}
        return {"source": self.source.config()} | ratios | {"reference_options": own}

    @classmethod
    def of_config(cls, config: dict, known: Sequence[type[Flow]] = ()) -> "SolverPair":
        """
        The solver pair of a stored configuration.

        Args:
            config: What `config` gave, from `run.json` or `description.json`.
            known: Flow classes besides those of phi_sol, from scene files.

        Raises:
            InputError: if the configuration is damaged or its flow unknown or changed.
        """
        try:
            source, ratio = config["source"], config["ratio"]
            name, resolution = source["type"], source["resolution"]
            found = source.get("definition", {})
            stored = source | found.get("attributes", {}) | found.get("options", {})
            reference = {"time_ratio": config.get("time_ratio", 1)}  # neither was there in version 0.2
            reference |= {"reference_options": config.get("reference_options", {})}
        except (AttributeError, KeyError, TypeError) as err:
            raise InputError(f"No solver pair is described there: {err!r}.") from err
        classes = {c.__name__: c for c in [getattr(flows, n) for n in flows.__all__] + list(known)}
        if name not in classes or not issubclass(classes[name], Flow):
            raise InputError(f"{name} is no flow of phi_sol: name the scene file that defines it, too.")
        arguments = inspect.signature(classes[name].__init__).parameters.values()
        names = {p.name for p in arguments if p.kind is not p.VAR_KEYWORD} | {*found.get("options", {})}
        options = {n: stored[n] for n in names if n in stored and n not in resolution}
        for option, value in (options | reference["reference_options"]).items():
            if is_opaque(value):
                found = f"{option} is {value!s:.100}"
                raise InputError(f"{name} can't be made from its description: {found}. Name the scene file, too.")
        try:
            pair = cls(classes[name], resolution, ratio, **reference, **options)
        except TypeError as err:
            raise InputError(f"{name} has changed since this was made: {err}.") from err
        if difference := first_difference(config, pair.config):
            raise InputError(f"{name} has changed since this was made: {difference}.")
        return pair

    def _told(self) -> dict:
        ratios = {"ratio": f"{self.ratio} cells along every axis", "time ratio": f"{self.time_ratio} steps"}
        return {"source": repr(self.source), "reference": repr(self.reference)} | ratios

    def __repr__(self):
        own = f", time_ratio={self.time_ratio}" if self.time_ratio > 1 else ""
        own += f", reference_options={self.reference_options}" if self.reference_options else ""
        return f"SolverPair(source={self.source}, ratio={self.ratio}{own})"


def _coarsened(reference: dict, ratio: int) -> dict:
    reference = {dim: plain(n) for dim, n in reference.items()}
    for dim, n in reference.items():
        if isinstance(n, int) and n % ratio:
            near = " or ".join(str(m) for m in (n - n % ratio, n - n % ratio + ratio) if m)
            fault = f"The reference resolution {dim}={n} is not divisible by the pair's ratio {ratio}"
            raise InputError(f"{fault}: use {near}, or another ratio.")
    return {dim: n // ratio if isinstance(n, int) else n for dim, n in reference.items()}
