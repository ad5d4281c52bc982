"""Runge-Kutta methods for flows that say how fast their fields change."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from operator import add

from phi.math import Tensor

from ..grids.components import by_component
from ..stepping.state import Fields, State


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
    stages, done = METHODS[method].stages, [state]
    for i, (weights, share) in enumerate(stages):
        found = rates(done[-1])
        moved = {}
        for name, rate in found.items():
            values = [s.fields[name].values for s, w in zip(done, weights, strict=True) if w]
            mean = partial(_combined, [w for w in weights if w], share * dt)
            moved[name] = by_component(mean, rate.values, *values)
        if i == len(stages) - 1:
            for name, increment in (correction or {}).items():
                values = moved.get(name, state.fields[name].values)
                moved[name] = by_component(add, increment.values, values)
        done.append(constrained(state.with_fields(**{n: state.fields[n].with_values(v) for n, v in moved.items()})))
    return done[-1]


def _combined(weights: list[float], dt: Tensor | float, rate: Tensor, *values: Tensor) -> Tensor:
    """`Σ_j α_j y_j + dt r`."""
    return reduce(add, [v if w == 1 else v * w for v, w in zip(values, weights, strict=True)]) + rate * dt
