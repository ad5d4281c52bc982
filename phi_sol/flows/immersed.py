"""How a flow goes around smooth bodies: penalisation of the velocity, with the pressure solve of the free domain."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from phi import math
from phi.field import Field
from phi.math import Tensor, dual, spatial

from ..errors import InputError
from ..grids.layout import Layout
from ..stepping.state import State
from .bodies import Body, Numbers, as_bodies, free_numbers
from .parameters import SEED

CELLS_ACROSS = 2.0  # of the thinnest body
FLOOR = 1e-30  # of what is divided by: both are zero where bodies have nothing to do
DIFFUSIVE = 0.1  # cells² that diffusion crosses in a step, from which on it rules, see `body_walls`
NEAR = 1e-6  # shares below it count as none
Parts = dict[str, Tensor]
"""The components of a velocity, by axis."""


class Immersed:
    """What a flow with a velocity does about its bodies; `phi_sol.flows.Flow` has the rest."""

    bodies: tuple[Body, ...] = ()
    signed: tuple[str, ...] = ()
    """Those of `parameters` that may be any finite numbers."""
    body_passes = 4
    """Pressure solves of a step, or of each stage, that go around bodies."""
    fields: tuple[str, ...]
    staggered: tuple[str, ...]
    parameters: tuple[str, ...]
    incompressible: bool
    dt: float
    size: dict[str, float]
    spacing: Any
    layouts: dict[str, Layout]
    projection: Callable
    bounded: Callable
    templates: Any

    def _immerse(self, given: Any):
        """Takes the bodies that a constructor got; InputError for those that this flow can't have."""
        name = type(self).__name__
        found = as_bodies(name, given)
        if found and "velocity" not in self.staggered:
            raise InputError(f"{name} takes no bodies: it has no velocity on faces that could go around them.")
        for body in found:
            self._check_body(name, body)
        free = free_numbers(found)
        added, signed = tuple(free), tuple(n for n, f in free.items() if f.signed)
        for parameter in added:
            if parameter in (*self.parameters, *self.fields):
                raise InputError(f"{name} has a {parameter!r} already: give the body another name.")
        if found:
            vars(self)["bodies"] = found
        if added:
            vars(self).update(parameters=(*self.parameters, *added), signed=(*self.signed, *signed))

    def _check_body(self, name: str, body: Body):
        dims = list(self.size)
        if not set(body.axes) <= set(dims) or (len(body.axes) < len(dims) and len(dims) < 3):
            raise InputError(
                f"{body} has a center along {', '.join(body.axes)}, but this {name} has {', '.join(dims)}."
            )
        self._check_inside(name, body, body.numbers)
        least, cell = body.thickness(body.numbers), max(self.spacing[d] for d in body.axes)
        if least < CELLS_ACROSS * cell:
            needed = f"cells of {cell:.4g} need at least {CELLS_ACROSS * cell:.4g} ({CELLS_ACROSS:g} cells)"
            raise InputError(f"{body} is too thin for {name}: {needed}, it has {least:.4g}.")

    def _check_inside(self, name: str, body: Body, numbers: Mapping[str, Any]):
        for d in body.axes:
            place = np.asarray(numbers[d])
            if not np.all((place >= 0) & (place <= self.size[d])):
                value = float(np.ravel(place)[0])
                where = f"[0, {self.size[d]:g}]"
                raise InputError(f"The body {body.name!r} at {d}={value:g} is outside of the domain {where} of {name}.")

    def free_numbers(self, given: dict) -> dict:
        """Parameters with those of bodies that are not given, as their bodies have them."""
        own = {n: f.value for n, f in free_numbers(self.bodies).items()}
        return given if given.keys() >= own.keys() else own | given

    def inside(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """The same parameters; InputError where those that are known put a body outside of the domain."""
        for body in self.bodies:
            numbers = {d: math.wrap(v) for d, v in body.numbers_of(parameters).items() if d in body.axes}
            known = {d: v.numpy(v.shape) if v.available else 0.0 for d, v in numbers.items()}
            self._check_inside(type(self).__name__, body, known)
        return parameters

    def without_bodies(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters without those of bodies."""
        own = free_numbers(self.bodies)
        return {n: p for n, p in parameters.items() if n not in own}

    @property
    def seen_parameters(self) -> tuple[str, ...]:
        """Those that networks see, by their logarithms: all that are positive, without seeds."""
        return tuple(n for n in self.parameters if n != SEED and n not in self.signed)

    def started(self, fields: dict[str, Field], parameters: dict[str, Tensor]) -> State:
        """The state at the start, with all batch dimensions, and with the bodies in its velocity."""
        shape = math.merge_shapes(*(p.shape.batch for p in parameters.values()))
        fields, parameters = ({n: math.expand(v, shape) for n, v in group.items()} for group in (fields, parameters))
        state = self.bounded(State(fields, parameters))
        fields = (self.immersed(state, self.dt) if self.bodies else state).fields
        return State({n: self.templates[n].with_values(f.values) for n, f in fields.items()}, parameters)

    # --- where bodies are ---

    @cached_property
    def _places(self) -> dict[str, dict[str, np.ndarray]]:
        """Coordinates of the centres of the stored faces, by component and axis."""
        layout = self.layouts["velocity"]
        where = {c: layout.intervals(c).items() for c in layout.dims}
        return {c: {d: (a + b) / 2 for d, (a, b) in ends} for c, ends in where.items()}

    def offsets(self, body: Body, numbers: Numbers, component: str) -> dict[str, Tensor]:
        """Faces of a component relative to the centre of a body; along periodic axes to its nearest image."""
        result = {}
        for d in body.axes:
            away = math.wrap(self._places[component][d], spatial(d)) - numbers[d]
            if self.layouts["velocity"].is_periodic(d):
                away = away - self.size[d] * math.round(math.stop_gradient(away) / self.size[d])
            result[d] = away
        return result

    def body_walls(self, parameters: Mapping[str, Tensor]) -> tuple[Any, Any]:
        """
        Where the edges of bodies begin, in cells outside of their surface, and η, the time in which a face that is
        covered by half takes the velocity of its body. With q = ν dt / h²

            w = s² (3 - 2 s) with s = min(q / 0.1, 1),   edge = w,   1/η = (1 - w) / dt + w ν / h²

        Where diffusion crosses cells within a step (w = 1) a speed that grows linearly from the wall is exact, wherever
        between the faces the wall is: second order. Where it does not (w = 0) edges lie within the bodies, which then
        are about as large as they should be in wakes: first order. dt is the flow's own, whatever steps are taken.
        """
        cell = float(np.prod([*self.spacing.values()])) ** (1 / len(self.spacing))
        rate = self.known_viscosity(parameters) / cell**2
        s = math.clip(math.wrap(rate * self.dt / DIFFUSIVE), 0.0, 1.0)
        w = s**2 * (3 - 2 * s)
        return w, 1 / ((1 - w) / self.dt + w * rate)

    def known_viscosity(self, parameters: Mapping[str, Tensor]) -> Any:
        """ν of simulations: the parameter, or what `viscosity` makes of the Reynolds number; 0 where there is none."""
        if "reynolds" in parameters and hasattr(self, "viscosity"):
            return self.viscosity(parameters["reynolds"])
        return parameters.get("viscosity", 0.0)

    def coverage(self, body: Body, parameters: Mapping[str, Tensor], component: str) -> Tensor:
        """
        χ of the faces of a component: 1 in a body, 0 outside, linear in the distance from the surface within one cell,
        from the edge (`body_walls`) on.
        """
        numbers, (edge, _) = body.numbers_of(parameters), self.body_walls(parameters)
        cell = float(np.prod([self.spacing[d] for d in body.axes])) ** (1 / len(body.axes))
        away = body.distance(self.offsets(body, numbers, component), numbers)
        return math.clip(edge - away / cell, 0.0, 1.0)

    # --- the step ---

    def immersed(self, state: State, dt: Any, record: list | None = None) -> State:
        """
        The state after bodies have acted on its velocity u*, which is divergence-free, for dt: Brinkman penalisation
        without a splitting error,

            u = P(u* + f),   f = σ (u_b - u) / (1 - σ),   σ = χ dt / (χ dt + (1 - χ) η)

        with P the pressure projection without bodies, u_b their velocity, χ their `coverage`, and η that of
        `body_walls`: what u <- (u + κ u_b) / (1 + κ) with κ = χ dt / ((1 - χ) η) and the projection do together. With f
        = σ h it is (1 - (1 - P) σ) h = u_b - u*, symmetric in the product Σ σ x y: `body_passes` steps of conjugate
        gradients, of one projection each. So u is divergence-free however many they are, and gradients are those of
        what is computed.
        Unconditionally stable; first order in dt.

        Args:
            state: With the velocity that a step without bodies leaves.
            dt: Of the step, or of the stage.
            record: Gets f by body and component.

        Source: P. Angot, C.-H. Bruneau, P. Fabrie, "A penalization method to take into account obstacles in
        incompressible viscous flows", Numer. Math. 81 (1999); the coupled solve is phi_sol's.
        """
        velocity, dims = state.velocity, list(self.size)
        before = {c: velocity.values[{"~vector": c}] for c in dims}
        shares, target = self._wanted(state.parameters, dt)
        covered = {c: _together(shares[c]) for c in dims}
        wanted = {c: target[c] - before[c] for c in dims}
        if self.incompressible:
            force, change = self._solved(velocity, before, covered, wanted)
        else:
            force = change = {c: covered[c] * wanted[c] for c in dims}
        if record is not None:
            each = enumerate(self.bodies)
            record.append({b.name: {c: force[c] * _share(shares[c], i) for c in dims} for i, b in each})
        return state.with_fields(velocity=self._pushed(velocity, before, change))

    def _solved(self, velocity: Field, before: Parts, covered: Parts, wanted: Parts) -> tuple[Parts, Parts]:
        """f and P f, see `immersed`."""
        dims, rest, way = list(before), wanted, wanted
        force = change = {c: 0.0 * before[c] for c in dims}
        size = _product(covered, rest, rest)
        for _ in range(self.body_passes):
            push = {c: covered[c] * way[c] for c in dims}
            moved = self.projection(self._pushed(velocity, before, push))[0].values
            moved = {c: moved[{"~vector": c}] - before[c] for c in dims}  # P of the push, whatever the boundaries are
            image = {c: way[c] - push[c] + moved[c] for c in dims}
            length = size / math.maximum(_product(covered, way, image), FLOOR)
            force = {c: force[c] + length * push[c] for c in dims}
            change = {c: change[c] + length * moved[c] for c in dims}
            rest = {c: rest[c] - length * image[c] for c in dims}
            size, old = _product(covered, rest, rest), size
            way = {c: rest[c] + size / math.maximum(old, FLOOR) * way[c] for c in dims}
        return force, change

    @staticmethod
    def _pushed(velocity: Field, before: Parts, push: Parts) -> Field:
        return velocity.with_values(math.stack([before[c] + push[c] for c in before], dual(vector=list(before))))

    def _wanted(self, parameters: Mapping[str, Tensor], dt: Any) -> tuple[dict[str, list], dict[str, Any]]:
        """By component σ of each body, and the velocity that all of them want."""
        shares, target, (_, eta) = {}, {}, self.body_walls(parameters)
        for c in self.layouts["velocity"].dims:
            own, speeds = [], []
            for body in self.bodies:
                numbers, covered = body.numbers_of(parameters), self.coverage(body, parameters, c)
                own.append(covered * dt / (covered * dt + (1 - covered) * eta))
                speeds.append(body.velocity(self.offsets(body, numbers, c), numbers, c))
            shares[c] = own
            target[c] = sum(_share(own, i) * u for i, u in enumerate(speeds))
        return shares, target


def _product(covered: Parts, a: Parts, b: Parts) -> Tensor:
    """Σ σ a b over all faces."""
    dims = list(covered)
    return sum(math.sum(covered[c] * a[c] * b[c], dims) for c in dims)


def _together(shares: list[Tensor]) -> Tensor:
    free: Any = 1.0
    for s in shares:
        free = free * (1 - s)
    return 1 - free


def _share(shares: list[Tensor], i: int) -> Any:
    """That of one body in what all of them do."""
    return 1.0 if len(shares) == 1 else shares[i] / math.maximum(sum(shares), NEAR)
