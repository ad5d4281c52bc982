"""Runge-Kutta methods for flows that say how fast their fields change."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import fsum
from typing import Any, TypeVar

from phi.math import Tensor

from ..stepping.state import Fields, State

Stage = TypeVar("Stage")


@dataclass(frozen=True)
class Method:
    """
    An explicit Runge-Kutta method: `y_i = y + dt Σ_j a_ij k_j` with `k_j` the rate of `y_j`; the step is the last row.

    Attributes:
        order: In time, for the equations and for their pressure projection alike.
        imaginary: The interval of the imaginary axis in which it is stable, for waves that are carried along.
        real: That of the negative real axis, for diffusion.
        rows: The a_ij of all stages but the first, and then the weights of the step.
    """

    order: int
    imaginary: float
    real: float
    rows: tuple[tuple[float, ...], ...]


METHODS = {
    # on the imaginary axis no method of second order is stable: waves grow by z⁴ / 8 a step, which viscosity must damp
    "heun": Method(2, 1.0, 2.0, ((1.0,), (1 / 2, 1 / 2))),
    "rk3": Method(3, 3**0.5, 2.512, ((1.0,), (1 / 4, 1 / 4), (1 / 6, 1 / 6, 2 / 3))),  # of Shu and Osher
    "rk4": Method(4, 8**0.5, 2.785, ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6))),
}


def march(
    method: str,
    start: Stage,
    rates: Callable[[Stage], dict[str, Any]],
    moved: Callable[[dict[str, Any], float, bool], Stage],
) -> Stage:
    """
    One step of a Runge-Kutta method over stages of any kind.

    Args:
        method: A name of `METHODS`.
        start: The first stage.
        rates: The rates k of a stage by name: anything that can be added, and multiplied by numbers.
        moved: The next stage, from `Σ_j a_ij k_j` by name, the time of the stage as a fraction of the step, and whether
            it is the end of the step.

    Returns:
        The stage at the end of the step.
    """
    rows, found, stage = METHODS[method].rows, [], start
    for i, row in enumerate(rows, 1):
        found.append(rates(stage))
        added = {n: _weighted([k[n] for k in found], row) for n in found[0]}
        stage = moved(added, round(fsum(row), 12), i == len(rows))
    return stage


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
        rates: The rate of change of some fields of a state; the others stay as they are.
        dt: Time step.
        constrained: What each stage goes through, such as the pressure projection.
        correction: Increments by field, which are added before the last stage goes through it.

    Source: for the projection of each stage B. Sanderse, B. Koren, "Accuracy analysis of explicit Runge-Kutta methods
    applied to the incompressible Navier-Stokes equations", J. Comput. Phys. 231 (2012).
    """

    def moved(added: dict[str, Any], fraction: float, last: bool) -> State:
        added = {n: a * dt for n, a in added.items()}
        for name, increment in (correction or {}).items() if last else ():
            added[name] = increment.values + added.get(name, 0.0)
        fields = {n: state.fields[n].with_values(state.fields[n].values + a) for n, a in added.items()}
        return constrained(state.with_fields(**fields))

    return march(method, state, lambda stage: {n: f.values for n, f in rates(stage).items()}, moved)


def _weighted(rates: list[Any], weights: tuple[float, ...]) -> Any:
    parts = [rate * w for rate, w in zip(rates, weights, strict=True) if w]
    return reduce(lambda a, b: a + b, parts)
