"""Source and reference: the same flow on a coarse and on a fine grid."""

import inspect
from collections.abc import Sequence
from functools import cached_property

from .. import flows
from ..errors import InputError, plain
from ..flows import Flow
from ..flows.comparison import first_difference
from ..flows.definition import is_opaque
from ..grids.restriction import restrict
from ..stepping.arrays import check_state, native_arrays, unpack_fields
from ..stepping.state import State


class SolverPair:
    """
    The same flow on the source grid and on a reference grid that is `ratio` times finer along every axis, with the same
    physical parameters and the same dt.

    Attributes:
        source: The coarse, fast flow.
        reference: The fine flow.
        ratio: Fine cells per coarse cell and axis.
    """

    def __init__(
        self,
        flow: type[Flow],
        source: dict[str, int] | None = None,
        ratio: int = 4,
        reference: dict[str, int] | None = None,
        **options,
    ):
        """
        Args:
            flow: Class of the flow.
            source: Resolution of the source, e.g. `dict(y=64, x=32)`.
            ratio: Fine cells per coarse cell and axis, an integer of at least 1.
            reference: Resolution of the reference instead of that of the source.
            options: Further arguments of both flows, e.g. `dt` or `advection`.

        Raises:
            InputError: for a ratio that is not a positive integer, a reference resolution that is not divisible by it,
                both resolutions or none, or what `flow` refuses.
        """
        ratio = plain(ratio)
        if isinstance(ratio, bool) or not isinstance(ratio, int) or ratio < 1:
            raise InputError(f"The ratio of a solver pair must be a positive integer, not {ratio!r}.")
        if (source is None) == (reference is None):
            raise InputError(
                "A solver pair needs the resolution of its source or that of its reference, one of the two."
            )
        coarse = dict(source or {}) if reference is None else _coarsened(reference, ratio)
        self.ratio = ratio
        self.source: Flow = flow(**coarse, **options)
        self.reference: Flow = flow(**options | {d: n * ratio for d, n in self.source.resolution.items()})

    def restrict(self, state: State) -> State:
        """
        Maps a reference state onto the source grid (T in the paper), by the means of the fine faces or cells that tile
        a coarse one: face fluxes are kept exactly, and a divergence-free velocity stays divergence-free. Raises
        InputError if the state does not belong to the reference.
        """
        check_state(self.reference, state)
        shape = state.batch_shape
        arrays = self.restrict_arrays(native_arrays(self.reference, state, shape), {})
        return State(unpack_fields(self.source, arrays, self.source.fields, shape), state.parameters)

    def restrict_arrays(self, arrays: dict, parameters: dict) -> dict:
        """The same for native arrays of shape (batch, *spatial), see `phi_sol.stepping.pack`. Works inside a trace."""
        layouts = self.reference.layouts.values()
        names = {n: (x, c) for x in layouts for n, c in zip(x.arrays, x.components, strict=True)}
        return {n: restrict(a, *names[n], self.ratio) for n, a in arrays.items()}

    def prolong(self, state: State) -> State:
        """A source state, checked, on the reference grid by linear interpolation (second order; not conservative)."""
        check_state(self.source, state)
        fields = self.reference.templates
        fields = {n: fields[n].with_values(state.fields[n].at(fields[n]).values) for n in self.source.fields}
        return State(fields, state.parameters)

    @cached_property
    def config(self) -> dict:
        """All that defines the pair, as JSON-ready data."""
        return {"source": self.source.config(), "ratio": self.ratio}

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
        except (AttributeError, KeyError, TypeError) as err:
            raise InputError(f"No solver pair is described there: {err!r}.") from err
        classes = {c.__name__: c for c in [getattr(flows, n) for n in flows.__all__] + list(known)}
        if name not in classes or not issubclass(classes[name], Flow):
            raise InputError(f"{name} is no flow of phi_sol: name the scene file that defines it, too.")
        arguments = inspect.signature(classes[name].__init__).parameters.values()
        names = {p.name for p in arguments if p.kind is not p.VAR_KEYWORD} | {*found.get("options", {})}
        options = {n: stored[n] for n in names if n in stored and n not in resolution}
        for option, value in options.items():
            if is_opaque(value):
                raise InputError(f"{name} can't be made from its description: {option} is {value}.")
        try:
            pair = cls(classes[name], resolution, ratio, **options)
        except TypeError as err:
            raise InputError(f"{name} has changed since this was made: {err}.") from err
        if difference := first_difference(config, pair.config):
            raise InputError(f"{name} has changed since this was made: {difference}.")
        return pair

    def __repr__(self):
        return f"SolverPair(source={self.source}, ratio={self.ratio})"


def _coarsened(reference: dict, ratio: int) -> dict:
    reference = {dim: plain(n) for dim, n in reference.items()}
    for dim, n in reference.items():
        if isinstance(n, int) and n % ratio:
            near = " or ".join(str(m) for m in (n - n % ratio, n - n % ratio + ratio) if m)
            fault = f"The reference resolution {dim}={n} is not divisible by the pair's ratio {ratio}"
            raise InputError(f"{fault}: use {near}, or another ratio.")
    return {dim: n // ratio if isinstance(n, int) else n for dim, n in reference.items()}
