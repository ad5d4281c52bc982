"""Runge-Kutta methods for flows that say how fast their fields change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any, TypeVar

from phi.math import Tensor

from ..grids.components import by_component
from ..stepping.state import Fields, State

Stage = TypeVar("Stage")


@dataclass(frozen=True)
class Method:
    """
    An explicit Runge-Kutta method: from `y_0` at the start the stages `y_i = Σ_j α_ij y_j + β_i dt r(y_{i-1})` with j <
    i and r the rates; the last one is the step. Each stage needs the rates of the one before only, so that no older
    ones are kept, or computed again.

    With the pressure projection P of each stage this is the method `P(y_0 + dt Σ_j a_ij r_j)` of its Butcher tableau:
    P is linear (with walls affine), the α_i sum to 1, and P leaves what it gave as it is.

    Attributes:
        order: In time, for the equations and for their pressure projection alike.
        imaginary: The interval of the imaginary axis in which it is stable, for waves that are carried along.
        real: That of the negative real axis, for diffusion.
        stages: `(α_i0, α_i1, ...), β_i` of each.
    """

    order: int
    imaginary: float
    real: float
    stages: tuple[tuple[tuple[float, ...], float], ...]


METHODS = {
    # on the imaginary axis no method of second order is stable: waves grow by z⁴ / 8 a step, which viscosity must damp
    "heun": Method(2, 1.0, 2.0, (((1.0,), 1.0), ((1 / 2, 1 / 2), 1 / 2))),
    "rk3": Method(  # of Shu and Osher
        3, 3**0.5, 2.512, (((1.0,), 1.0), ((3 / 4, 1 / 4), 1 / 4), ((1 / 3, 0.0, 2 / 3), 2 / 3))
    ),
    "rk4": Method(  # the classical one
        4,
        8**0.5,
        2.785,
        (((1.0,), 1 / 2), ((1.0, 0.0), 1 / 2), ((1.0, 0.0, 0.0), 1.0), ((-1 / 3, 1 / 3, 2 / 3, 1 / 3), 1 / 6)),
    ),
}


def march(
    method: str,
    start: Stage,
    rates: Callable[[Stage], dict[str, Any]],
    values: Callable[[Stage], Mapping[str, Any]],
    moved: Callable[[dict[str, Any], float, bool], Stage],
    dt: Tensor | float = 1.0,
) -> Stage:
    """
    One step of a Runge-Kutta method over stages of any kind.

    Args:
        method: A name of `METHODS`.
        start: The first stage.
        rates: The rates of a stage by name, the same names of every stage: tensors of PhiML or of another library.
        values: The values of a stage by name.
        moved: The next stage, from its values by name, its time as a fraction of the step, and whether it is the end of
            the step.
        dt: Time step.

    Returns:
        The stage at the end of the step.
    """
    stages, done, times = METHODS[method].stages, [start], [0.0]
    for i, (weights, share) in enumerate(stages, 1):
        added, before = rates(done[-1]), [values(s) for s, w in zip(done, weights, strict=True) if w]
        mean = partial(_combined, [w for w in weights if w], share * dt)
        found = {n: by_component(mean, rate, *[b[n] for b in before]) for n, rate in added.items()}
        times.append(sum(w * t for w, t in zip(weights, times, strict=True)) + share)
        done.append(moved(found, round(times[-1], 12), i == len(stages)))
    return done[-1]


def integrated(
    method: str,
    state: State,
    rates: Callable[[State], Fields],
    dt: Tensor | float,
    constrained: Callable[[State], State] = lambda state: state,
    correction: Fields | None = None,
) -> State:
    """
    One step of a Runge-Kutta method.

    Args:
        method: A name of `METHODS`.
        state: At the start of the step.
        rates: The rate of change of some fields of a state, the same ones of every state; the others stay as they are.
        dt: Time step.
        constrained: What each stage goes through, such as the pressure projection.
        correction: Increments by field, which are added before the last stage goes through it.

    Sources: C.-W. Shu, S. Osher, J. Comput. Phys. 77 (1988) for this form; for the projection of each stage B.
    Sanderse, B. Koren, "Accuracy analysis of explicit Runge-Kutta methods applied to the incompressible Navier-Stokes
    equations", J. Comput. Phys. 231 (2012).
    """

    def values_of(fields: Fields) -> dict[str, Tensor]:
        return {n: f.values for n, f in fields.items()}

    def moved(found: dict[str, Any], fraction: float, last: bool) -> State:
        for name, increment in (correction or {}).items() if last else ():
            found[name] = by_component(add, increment.values, found.get(name, state.fields[name].values))
        return constrained(state.with_fields(**{n: state.fields[n].with_values(v) for n, v in found.items()}))

    return march(method, state, lambda s: values_of(rates(s)), lambda s: values_of(s.fields), moved, dt)


def _combined(weights: list[float], dt: Tensor | float, rate: Any, *values: Any) -> Any:
    """`Σ_j α_j y_j + dt r`."""
    return reduce(add, [v if w == 1 else v * w for v, w in zip(values, weights, strict=True)]) + rate * dt
