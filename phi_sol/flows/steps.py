"""How a flow takes a time step: by its own physics, or by integrating its rates."""

import inspect
from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from functools import partial
from operator import add, mul
from typing import Any, TypeVar

import numpy as np
from phi.field import Field
from phi.math import Tensor

from ..errors import InputError
from ..grids.components import by_component
from ..stepping.state import Fields, State
from .advection import REACH, SCHEMES
from .runge_kutta import METHODS, integrated
from .terms import Term, as_terms, term_rates

Own = TypeVar("Own", bound="Steps")


class Steps:
    """The steps of a flow; `phi_sol.flows.Flow` has the rest of what they need."""

    terms: tuple[Term, ...] = ()
    """What is added to its equations, see `with_terms`."""
    size: dict[str, float]
    spacing: Any
    layouts: dict
    fields: tuple[str, ...]
    parameters: tuple[str, ...]
    projection: Any
    advection = "semi_lagrangian"
    integrator = "rk3"
    """The Runge-Kutta method (`flows/runge_kutta.py`) for schemes of fluxes."""
    bodies: tuple
    immersed: Any
    without_bodies: Any
    incompressible = True
    """Whether a step ends in the pressure projection of `velocity`."""
    reach = REACH
    """Cells that `|v| dt` may cross until advection needs a gather; the result is the same."""

    # --- what a subclass defines ---

    @abstractmethod
    def physics(self, state: State, dt: Tensor, correction: Fields | None = None) -> State:
        """
        One time step, in PhiFlow operators.

        Args:
            state: State at the start of the step.
            dt: Time step.
            correction: Increments by field name, to be added (see `corrected`) where the step adds its forces: after
                advection, before the projection. A flow without this argument is corrected after its step only.
        """

    def rates(self, state: State) -> Fields:
        """
        How fast fields change without the pressure, for schemes of fluxes: `transport` of each, and all else. Without
        this method `physics` takes its step with those, too, along a velocity that stays during the step.
        """
        raise NotImplementedError

    def acceleration(self, state: State) -> Field | None:
        """
        What pushes the velocity besides advection, diffusion, pressure, bodies and terms, on its faces, for networks
        that see it (`phi_sol.correctors.scale_free`); here: nothing.
        """
        return None

    # --- what every flow can do ---

    def advect(self, field: Field, velocity: Field, dt: Tensor) -> Field:
        """`field` carried along `velocity`, which stays, for `dt` by the flow's advection scheme."""
        scheme = SCHEMES[self.advection]
        if scheme.moved:
            return scheme.moved(field, velocity, dt, self.reach)
        state = State({"field": field})
        rates = lambda state: {"field": self.transport(state.fields["field"], velocity)}  # noqa: E731
        return integrated(self.integrator, state, rates, dt).fields["field"]

    def transport(self, field: Field, velocity: Field) -> Field:
        """`-∇·(v f)`, of a flow that is compressible `-v·∇f`, by the flow's scheme of fluxes."""
        return SCHEMES[self.advection].rate(field, velocity, self.incompressible)  # type: ignore[misc]

    @property
    def by_rates(self) -> bool:
        """Whether a step integrates `rates`: for schemes of fluxes, unless a subclass has a `physics` of its own."""
        first = next(c for c in type(self).__mro__ if {"rates", "physics"} & vars(c).keys())
        return SCHEMES[self.advection].rate is not None and first is not Steps and "rates" in vars(first)

    def integrate(
        self,
        state: State,
        dt: Tensor,
        correction: Fields | None = None,
        weights: Sequence[Any] | None = None,
        *,
        record: list | None = None,
    ) -> State:
        """
        One time step, as `physics`, by the flow's scheme, with its terms and bodies; `weights`: the values of the
        terms' variables, see `term_rates`; `record` gets what the bodies do in it, see `immersed`.
        """
        state = self.bounded(state)
        if self.by_rates:
            rates, parts = partial(self._all_rates, weights), iter(METHODS[self.integrator].stages)
            act = lambda state: self.immersed(self.constrained(state), next(parts)[1] * dt, record)  # noqa: E731
            return integrated(self.integrator, state, rates, dt, act if self.bodies else self.constrained, correction)
        if self.terms:
            forces = term_rates(self, self.terms, state, weights)  # type: ignore[arg-type]  # a Flow
            forces = {n: f.with_values(by_component(mul, f.values, dt)) for n, f in forces.items()}
            correction = forces | {n: self.corrected(n, c, forces) for n, c in (correction or {}).items()}
        state = self.physics(state, dt, *([correction] if correction else []))
        return self.immersed(state, dt, record) if self.bodies else state

    def _all_rates(self, weights: Sequence[Any] | None, state: State) -> Fields:
        rates = self.rates(state)
        more = term_rates(self, self.terms, state, weights) if self.terms else {}  # type: ignore[arg-type]
        return rates | more | {n: self.corrected(n, rates[n], more) for n in rates.keys() & more.keys()}

    def with_terms(self: Own, *terms: Any) -> Own:
        """
        This flow with more terms in its equations.

        Args:
            terms: Of `phi_sol.Term`, such as `Smagorinsky()`, or functions of the state that return rates by field,
                such as `lambda state: {"velocity": -0.1 * state.velocity}`.

        Raises:
            InputError: for anything else, and for a flow into whose step nothing can enter.
        """
        if not self.takes_correction:
            raise InputError(f"{type(self).__name__}.physics has no argument 'correction': no term can enter its step.")
        flow = copy(self)
        flow.terms = (*self.terms, *as_terms(self, terms))  # type: ignore[arg-type]
        return flow

    @property
    def term_weights(self) -> list:
        """The variables of all terms, in order."""
        return [w for term in self.terms for w in term.weights]

    def constrained(self, state: State) -> State:
        """The state with a velocity that is divergence-free, where the flow is incompressible."""
        if not self.incompressible:
            return state
        return state.with_fields(velocity=self.projection(state.velocity)[0])

    @property
    def takes_correction(self) -> bool:
        """Whether a correction can enter the step as a force."""
        return self.by_rates or "correction" in inspect.signature(self.physics).parameters

    @property
    def courant(self) -> float | None:
        """Greatest `Σ_d |v_d| dt / dx_d` at which a step of fluxes is stable; None with lookups, which always are."""
        scheme = SCHEMES[self.advection]
        return None if scheme.rate is None else scheme.courant or METHODS[self.integrator].imaginary

    @staticmethod
    def corrected(name: str, field: Field, correction: Fields | None) -> Field:
        """`field` plus the increment for the field `name`, if there is one."""
        added = (correction or {}).get(name)
        return field if added is None else field.with_values(by_component(add, field.values, added.values))

    def bounded(self, state: State) -> State:
        """The state with the boundaries of its own that its profiles give its fields; here: as it is."""
        return state

    def check_diffusion(self, dt: float, **parameters: float):
        """Raises InputError if explicit diffusion amplifies the shortest waves at these parameters; here: never."""

    def check_start(self, arrays: dict, parameters: dict, dt: float):
        """
        Raises InputError if a step of fluxes, or one of diffusion, is unstable from a native state, whose values are
        known.
        """
        own = self.without_bodies(parameters)
        scalars = {n: own[n] for n in self.parameters if n in own}
        values = (np.ravel(p).tolist() for p in np.broadcast_arrays(*scalars.values()))
        for row in set(zip(*values, strict=True)) if scalars else [()]:
            self.check_diffusion(dt, **dict(zip(scalars, row, strict=True)))
        if self.courant is None or "velocity" not in self.fields:
            return
        layout = self.layouts["velocity"]
        known = {c: np.asarray(arrays[n]) for n, c in zip(layout.arrays, layout.components, strict=True)}
        bound = sum(max(a.max(), -a.min()) / layout.spacing[c] for c, a in known.items())
        if bound * dt > self.courant:  # of all cells together; now cell by cell
            crossed: Any = 0.0
            for c, a in known.items():
                faces = np.abs(layout.pad(a, c))
                low, high = (faces[(slice(None),) * layout.axis(c) + (s,)] for s in (slice(-1), slice(1, None)))
                crossed = crossed + (low + high) / 2 / layout.spacing[c]
            self._check_courant(self.courant, dt, float(np.max(crossed)), "for this velocity")

    def _check_courant(self, limit: float, dt: float, crossed: float, when: str):
        """`crossed`: cells per time."""
        if dt * crossed > limit:
            reason = f"{self.advection} is stable up to a Courant number of {limit:.3g}, {when}"
            raise InputError(f"dt={dt:g} is too large for {self}: {reason} that is dt <= {limit / crossed:.3g}.")

    def check_cfl(self, dt: float, speed: float):
        """
        Raises InputError if what moves with `speed` leaves the domain along an axis within one step, or with a scheme
        of fluxes crosses more cells than keep it stable. Lookups along the way of the flow are stable at any CFL
        number; beyond this, they find nothing of the flow.
        """
        if self.courant is not None:
            self._check_courant(self.courant, dt, speed / min(self.spacing.values()), f"at speed {speed:.3g}")
        axis, least = min(self.size.items(), key=lambda item: item[1])
        if speed * dt > least:
            crossed = f"at speed {speed:.3g} the flow crosses the domain ({axis}={least:g}) within one step"
            raise InputError(f"dt={dt:g} is too large for {self}: {crossed}; dt <= {least / speed:.3g} is possible.")
