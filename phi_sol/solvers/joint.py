"""Several flows side by side, as one system."""

from collections.abc import Mapping
from typing import Any, overload

from phi.field import Field

from ..errors import NAME, InputError, quoted, suggestion
from ..grids.layout import Layout
from ..kernels.compiled import Arrays
from ..stepping.arrays import array_names, check_state, given_profiles
from ..stepping.rollout import Rollout
from ..stepping.state import State
from ..stepping.system import System


class JointFlow(System):
    """
    Several flows side by side. A state has the fields and parameters of all of them, each with the name of its flow and
    a line before it: `wake_velocity`, `wake_reynolds`, `plume_marker`. The flows know nothing of each other; what steps
    and couples them is a `Chain`.

    Attributes:
        parts: The flows by name.
    """

    inputs = ()
    incompressible = False
    obstacles = ()
    compiled = None

    def __init__(self, parts: Mapping[str, System], dt: float):
        """Raises InputError for names that are none, and fields or parameters of which two would have one name."""
        for name in parts:
            if not (isinstance(name, str) and NAME.fullmatch(name) and name.isidentifier()):
                raise InputError(f"The name of a part must be one of letters and digits, not {quoted(name)}.")
        self.parts, self.dt, self.resolution = dict(parts), dt, {}
        self.fields, self.parameters = (self._all(n) for n in ("fields", "parameters"))
        self.staggered, self.prescribed, self.signed = (self._all(n) for n in ("staggered", "prescribed", "signed"))
        self.profiles = {f"{p}_{n}": d for p, flow in self.parts.items() for n, d in flow.profiles.items()}
        self.layouts, self.templates = {}, {}
        self.size: dict[str, float] = {}
        for part, flow in self.parts.items():
            for field in flow.fields:
                name, layout = f"{part}_{field}", flow.layouts[field]
                self.layouts[name] = Layout(name, flow.templates[field], layout.size)
                self.templates[name] = flow.templates[field]
                self.size |= {d: max(s, self.size.get(d, 0.0)) for d, s in layout.size.items()}
        for names in (array_names(self), self.parameters):
            if twice := [n for n in names if names.count(n) > 1]:
                raise InputError(f"Two parts of a chain would have {twice[0]!r}: give them other names.")

    def _all(self, kind: str) -> tuple[str, ...]:
        return tuple(f"{part}_{n}" for part, flow in self.parts.items() for n in getattr(flow, kind, ()))

    @property
    def drawn(self) -> tuple[str, ...]:
        """Directions of pictures, as the first of the flows has them."""
        return next(iter(self.parts.values())).drawn  # type: ignore[attr-defined]

    @property
    def boundaries(self) -> dict:
        return {f"{p}_{n}": b for p, flow in self.parts.items() for n, b in flow.boundaries.items()}  # type: ignore

    @property
    def projection(self):
        raise InputError(f"{self} has several pressures or none: take one of its flows, {', '.join(self.parts)}.")

    def field(self, name: str, values: Any) -> Field:
        """A field of one of the flows, by its name here, see `Flow.field`."""
        for part, flow in self.parts.items():
            if name.startswith(f"{part}_") and name.removeprefix(f"{part}_") in flow.fields:
                return flow.field(name.removeprefix(f"{part}_"), values)  # type: ignore[attr-defined]
        raise InputError(f"{self} has no field {quoted(name)}.{suggestion(name, self.fields)}")

    def joined(self, states: Mapping[str, State]) -> State:
        """The state of all flows, from one for each. Raises InputError for states that do not belong to them."""
        if set(states) != set(self.parts):
            raise InputError(f"{self} is made of states of {', '.join(self.parts)}, not of {quoted([*states])}.")
        for name, flow in self.parts.items():
            check_state(flow, states[name])
        fields = {f"{p}_{n}": states[p].fields[n] for p, flow in self.parts.items() for n in flow.fields}
        known = {p: [*flow.parameters, *given_profiles(flow, states[p].parameters)] for p, flow in self.parts.items()}
        return State(fields, {f"{p}_{n}": states[p].parameters[n] for p in self.parts for n in known[p]})

    @overload
    def part(self, name: str, of: State) -> State: ...
    @overload
    def part(self, name: str, of: Rollout) -> Rollout: ...
    def part(self, name, of):
        """The state, or of a rollout all states, of one of the flows. Raises InputError for what is none of its own."""
        flow = self.named(name)
        if isinstance(of, Rollout) and isinstance(of.flow, JointFlow) and of.flow.parts.get(name) is flow:
            arrays = {n: of.arrays[f"{name}_{n}"] for n in array_names(flow)} if len(of) else {}
            parameters = self.own(name, of.parameters)
            numbers = {n.removeprefix(f"{name}_"): d for n, d in of.diagnostics.items() if n.startswith(f"{name}_")}
            return Rollout(flow, arrays, parameters, of.times, diagnostics=numbers, batch=of.batch_shape)
        if isinstance(of, Rollout):
            raise InputError(f"A part is taken of a rollout of {self}, not of {of.flow}.")
        check_state(self, of)
        fields = {n: of.fields[f"{name}_{n}"] for n in flow.fields}
        return State(fields, self.own(name, of.parameters))

    def own(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of one of the flows, with the profiles that there are."""
        known = (*self.parts[name].parameters, *self.parts[name].profiles)
        return {n: parameters[f"{name}_{n}"] for n in known if f"{name}_{n}" in parameters}

    def bounded(self, state: State) -> State:
        """As it is: each flow has boundaries of its own."""
        return state

    def named(self, name: Any) -> System:
        """One of the flows; InputError for an unknown name."""
        if not (isinstance(name, str) and name in self.parts):
            known = ", ".join(self.parts)
            raise InputError(f"There is no part {quoted(name)}.{suggestion(name, self.parts)} Known: {known}.")
        return self.parts[name]

    def advance(self, arrays: Arrays, parameters: Arrays, dt, correction: Any = None, only: Any = None) -> Arrays:
        raise InputError(f"{self} is stepped by its chain.")

    def integrate(self, state: State, dt: Any, correction: Any = None, weights: Any = None) -> State:
        raise InputError(f"{self} is stepped by its chain.")

    def check_start(self, arrays: Arrays, parameters: Arrays, dt: float):
        """Nothing: each flow takes steps of its own length, which the chain knows."""

    def config(self) -> dict:
        return {"type": type(self).__name__, "parts": {n: f.config() for n, f in self.parts.items()}}

    def __repr__(self):
        return f"JointFlow({', '.join(f'{n}={type(f).__name__}' for n, f in self.parts.items())})"
