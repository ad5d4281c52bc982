"""Solvers side by side, of which one gets what another one gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from phi import math

from ..arguments import checked
from ..errors import InputError, check_takes, flag, quoted
from ..kernels.compiled import Arrays
from ..stepping.arrays import array_names
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..stepping.state import State
from .joint import JointFlow
from .values import (
    controllable,
    described,
    field_arrays_of,
    name_of,
    parameter_values,
    rehearsed,
    state_of,
    tensors,
    variables,
)
from .wrapped import weights_of


class Link:
    """
    What one solver of a `Chain` gets from another one, as a function of the states of both.

    Attributes:
        source: Name of the solver that gives.
        target: Name of the solver that gets.
        function: What it gets.
        rates: Whether fields that the function gives are rates of change.
        lagged: Whether the function sees the source as it was at the start of the step of the chain.
        weights: Variables that can be trained.

    Examples:
        >>> ps.Link("wake", "plume", lambda wake, plume: {"buoyancy": 0.1 + 0.0 * wake.reynolds})
        Link('wake', 'plume', <lambda>)
    """

    @checked
    def __init__(
        self,
        source: str,
        target: str,
        function: Callable,
        *,
        rates: bool = False,
        lagged: bool = False,
        weights: Sequence = (),
    ):
        """
        Args:
            source: Name of the solver that gives.
            target: Name of the solver that gets, another one.
            function: Of the states of source and target, and after them one tensor for each of the `weights` (PhiML's
                of single numbers, else native ones). It returns fields and parameters of the target by name: fields, or
                PhiML tensors of their values; parameters as one number per simulation. They take the place of what
                was there before the target's step; of parameters, for this step only.
            rates: Whether fields are rates of change instead, per unit of time: dt times them is added before each of
                the target's steps (first order in time). Parameters are set as without it.
            lagged: Whether it sees the source as it was at the start of the chain's step. Without it, a source that
                stands before the target in the chain has taken its step already.
            weights: Variables to be trained.

        Raises:
            InputError: for what is no function of so many arguments, no list of variables, or one solver twice.
        """
        if source == target:
            raise InputError(f"A link leads from one solver to another, not from {quoted(source)} to itself.")
        self.source, self.target, self.function = source, target, function
        self.rates, self.lagged = flag("rates of a Link", rates), flag("lagged of a Link", lagged)
        self.weights = variables("a Link", weights if isinstance(weights, list | tuple) else list(weights))
        check_takes("What a Link gives", function, "source", "target", *[f"weight_{i}" for i in range(len(weights))])

    def given(self, flows: Mapping, source: tuple[Arrays, Arrays], target: tuple[Arrays, Arrays]) -> tuple:
        """Native fields and parameters that the target gets, from native arrays and parameters of both."""
        what, flow = repr(self), flows[self.target]
        states = [state_of(flows[n], *a) for n, a in ((self.source, source), (self.target, target))]
        example = next(iter(target[0].values()))
        count, dtype = int(example.shape[0]), example.dtype
        found = self.function(*states, *tensors(self.weights, dtype))
        if not isinstance(found, dict):
            raise InputError(f"{what} must return a dictionary of fields and parameters, not {quoted(found)}.")
        fields: Arrays = {}
        parameters: Arrays = {}
        for name, value in found.items():
            if name in flow.fields:
                fields |= field_arrays_of(what, flow, name, value, count, dtype)
            elif name in controllable(flow):
                parameters[name] = parameter_values(what, flow, name, value, count, dtype)
            else:
                has = ", ".join([*flow.fields, *controllable(flow)])
                raise InputError(f"{what} gives {quoted(name)}, but {self.target} ({flow}) has {has}.")
        return fields, parameters

    def config(self) -> dict:
        """All that defines it, as JSON-ready data."""
        ends = {"source": self.source, "target": self.target, "rates": self.rates, "lagged": self.lagged}
        return ends | described(self.function, self.weights)

    def __repr__(self):
        return f"Link({self.source!r}, {self.target!r}, {name_of(self.function)})"


class Chain(Solver):
    """
    Solvers side by side, coupled by functions: a wake that carries smoke into a plume, a heat load behind a flow.

    With P_i the solvers in their order, one step of the chain takes them one after the other: what the links to a
    solver give, from the states as they are now, enters it, and then it steps:

        s_i(t + dt) = P_i(... P_i(s_i(t) with L_ji(s_j, s_i)))

    So a link from an earlier solver sees its new state, and one back from a later solver its old one (a Gauss-Seidel
    coupling, first order in time). Steps may have different lengths: that of the chain is the longest, which the others
    divide; a solver of shorter steps takes several, with what the links gave at their start. A chain is a solver of a
    `JointFlow`, whose states have the fields of all; so chains, controls and estimations of chains are made in the same
    way. Gradients pass through all of it.

    Source: B. Ramsundar, D. Krishnamurthy, V. Viswanathan (2021, arXiv:2109.07573), section 5.4.

    Attributes:
        solvers: By name, in the order in which they step.
        links: The couplings.
        counts: How many steps each takes in one of the chain.
        flow: The flows side by side, a `JointFlow`.
        dt: The longest of the time steps.

    Examples:
        >>> box = ps.PeriodicBox(y=16, x=16)
        >>> carry = lambda wake, box: {"viscosity": 0.01 + 0.001 * math.mean(wake.marker.values)}
        >>> link = ps.Link("wake", "box", carry)
        >>> ps.Chain({"wake": flow, "box": box}, link)
        Chain(wake=WakeFlow(y=16, x=8, dt=1, advection='semi_lagrangian'), box=PeriodicBox(y=16,...
    """

    flow: JointFlow
    by_units = True

    @checked
    def __init__(self, solvers: Mapping[str, Solver], links: Link | Sequence[Link]):
        """
        Args:
            solvers: At least two, by names that become prefixes of fields and parameters; in the order of their steps.
            links: One or several.

        Raises:
            InputError: for names that are none, time steps that do not divide the longest, links of other solvers,
                and functions that give unknown fields or parameters, or other shapes (they are called once).
        """
        for name, solver in solvers.items():
            if not isinstance(solver, Solver):
                raise InputError(f"A Chain is made of flows or other solvers, and {quoted(name)} is {quoted(solver)}.")
        if len(solvers) < 2:
            raise InputError(f"A Chain needs at least two solvers by name, not {quoted([*solvers])}.")
        self.solvers, self.dt = dict(solvers), max(s.dt for s in solvers.values())
        self.counts = {n: max(1, round(self.dt / s.dt)) for n, s in solvers.items()}
        for name, solver in solvers.items():
            if abs(self.counts[name] * solver.dt - self.dt) > 1e-6 * self.dt:
                steps = f"{self.dt:g} is no multiple of dt={solver.dt:g} of {name}"
                raise InputError(f"The time steps of a chain must divide the longest: {steps}.")
        self.flow = JointFlow({n: s.flow for n, s in solvers.items()}, self.dt)
        self._output = JointFlow({n: s.output for n, s in solvers.items()}, self.dt)
        self.diagnostics, self.carried = (
            tuple(f"{n}_{d}" for n, s in solvers.items() for d in getattr(s, kind))
            for kind in ("diagnostics", "carried")
        )
        if twice := {*self.diagnostics, *self.carried} & {*array_names(self.flow)}:
            raise InputError(f"Two parts of a chain would have {min(twice)!r}: give them other names.")
        self.jit_compile = True if all(s.jit_compile for s in solvers.values()) else None
        self.links: tuple[Link, ...] = (links,) if isinstance(links, Link) else tuple(links)
        for link in self.links:
            if not isinstance(link, Link):
                raise InputError(f"The links of a Chain are Links, not {quoted(link)}.")
            for name in (link.source, link.target):
                self.flow.named(name)
        self._rehearse()

    def _rehearse(self):
        with tf.init_scope():
            blank = {n: rehearsed(flow) for n, flow in self.flow.parts.items()}
            for link in self.links:
                link.given(self.flow.parts, blank[link.source], blank[link.target])

    @property
    def output(self) -> JointFlow:
        return self.flow if all(s.output is s.flow for s in self.solvers.values()) else self._output

    @property
    def weights(self) -> list[Any]:
        """All variables that can be trained: those of the links, then those of the solvers."""
        found = [w for link in self.links for w in link.weights] + [
            w for s in self.solvers.values() for w in weights_of(s)
        ]
        return list({id(w): w for w in found}.values())

    def state(self, **states: State) -> State:
        """The state of the chain, from one for each solver, by name. Raises InputError for states of other flows."""
        return self.flow.joined(states)

    def part(self, name: str, of: Any) -> Any:
        """The state of one solver in a state of the chain, or its rollout in one of the chain; else InputError."""
        system = self.output if isinstance(of, Rollout) else self.flow
        return system.part(name, of)

    def _arrays(self, name: str, arrays: Arrays) -> Arrays:
        """Those of one solver."""
        solver = self.solvers[name]
        names = [*array_names(solver.flow), *solver.diagnostics, *solver.carried]
        return {n: arrays[f"{name}_{n}"] for n in names if f"{name}_{n}" in arrays}

    def _parameters(self, name: str, parameters: Arrays) -> Arrays:
        return self.flow.own(name, parameters)

    def begin(self, arrays: Arrays) -> Arrays:
        parts = {n: s.begin(self._fields(n, arrays)) for n, s in self.solvers.items()}
        return _joined(parts)

    def _fields(self, name: str, arrays: Arrays) -> Arrays:
        return {n: arrays[f"{name}_{n}"] for n in array_names(self.solvers[name].flow)}

    def keep(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        kept = {n: s.keep(self._arrays(n, arrays), self._parameters(n, parameters)) for n, s in self.solvers.items()}
        return _joined(kept)

    def remark(self, arrays: Arrays, parameters: Arrays) -> str:
        lines = [s.remark(self._fields(n, arrays), self._parameters(n, parameters)) for n, s in self.solvers.items()]
        return " ".join(line for line in lines if line)

    def check_dt(self, dt: float | None):
        super().check_dt(dt)
        for name, solver in self.solvers.items():
            solver.check_dt(None if dt is None else dt / self.counts[name])

    def check_start(self, arrays: Arrays, parameters: Arrays, dt: float):
        for name, solver in self.solvers.items():
            solver.check_start(self._fields(name, arrays), self._parameters(name, parameters), dt / self.counts[name])

    def advance(self, arrays: Arrays, parameters: Arrays, dt: Any) -> Arrays:
        if any(n not in arrays for n in (*self.diagnostics, *self.carried)):
            arrays = self.begin(arrays)
        own = {n: self._parameters(n, parameters) for n in self.solvers}
        now = {n: self._arrays(n, arrays) for n in self.solvers}
        before = dict(now)
        for name in self.solvers:
            now[name] = self._advanced(name, now, before, own, dt)
        return _joined(now)

    def _advanced(self, name: str, now: dict, before: dict, own: dict, dt: Any) -> Arrays:
        """The arrays of one solver after its steps."""
        solver, count = self.solvers[name], self.counts[name]
        arrays, parameters, rates = now[name], own[name], {}
        with math.precision(next(iter(arrays.values())).dtype.size * 8):
            for link in (x for x in self.links if x.target == name):
                source = (before if link.lagged else now)[link.source]
                found, more = link.given(self.flow.parts, (source, own[link.source]), (arrays, parameters))
                parameters = parameters | more
                if link.rates:
                    rates |= {n: rates[n] + a if n in rates else a for n, a in found.items()}
                else:
                    arrays = arrays | found
        h = dt if count == 1 else dt / count

        def step(arrays: Arrays) -> Arrays:
            return solver.advance(arrays | {n: arrays[n] + h * r for n, r in rates.items()}, parameters, h)

        if count == 1:
            return step(arrays)
        limits: dict = {"maximum_iterations": count, "parallel_iterations": 1}
        return tf.while_loop(lambda i, _: i < count, lambda i, a: (i + 1, step(a)), (0, dict(arrays)), **limits)[1]

    def config(self) -> dict:
        parts = {n: s.config() for n, s in self.solvers.items()}
        return {"type": type(self).__name__, "dt": self.dt, "solvers": parts, "links": [x.config() for x in self.links]}

    def __repr__(self):
        return f"Chain({', '.join(f'{n}={s}' for n, s in self.solvers.items())})"


def _joined(parts: dict[str, Arrays]) -> Arrays:
    return {f"{name}_{n}": a for name, arrays in parts.items() for n, a in arrays.items()}
