"""Where the energy and the enstrophy of a periodic box come from, and where they go."""

from itertools import combinations
from typing import Any

import numpy as np
from phi.math import NUMPY, batch

from ..errors import InputError
from ..flows import Flow
from ..flows.periodic import PeriodicBox
from ..grids.strain import in_cells, strain_rate
from .energy import kinetic_energy
from .grid import Arrays, axis_of
from .metric import BLEW_UP, Metric, number
from .vortices import curls, enstrophy

Budget = dict[str, np.ndarray]
"""Rates by name, shape (simulations,) each."""

GAINS = ("input", "stretching")
LOSSES = ("dissipation", "drag")
CHANGE = "change"
REST = "rest"


def energy_budget(flow: Flow, arrays: Arrays, parameters: dict[str, np.ndarray]) -> Budget:
    """
    The rates at which the kinetic energy E = ½ <|u|²> of a `PeriodicBox` changes, means over the box:

        dE/dt = <u·f> - 2 ν Ω - 2 μ E,   Ω = ½ <|ω|²>

    by name: `input` by the force f, `dissipation` by viscosity, `drag`, all in (length / time)² / time; second order.
    Central fluxes follow it but for their time step. What else changes the energy is taken by limiters or lookups, a
    closure or a corrector; of a restricted reference it is what goes over to eddies that the grid does not have.

    Args:
        arrays: Of the velocity, shape (simulations, *spatial).
        parameters: With the `viscosity`, shape (simulations,).

    Raises:
        InputError: for another flow than a periodic box, or without a viscosity.
    """
    force = _forces(flow)
    viscosity = _viscosity(parameters)
    return {
        "input": sum((_mean(arrays[n] * f) for n, f in force.items()), np.zeros(len(viscosity))),
        "dissipation": 2 * viscosity * enstrophy(flow, arrays),
        "drag": 2 * flow.drag * kinetic_energy(flow, arrays),  # type: ignore[attr-defined]  # of a PeriodicBox
    }


def enstrophy_budget(flow: Flow, arrays: Arrays, parameters: dict[str, np.ndarray]) -> Budget:
    """
    The same of the enstrophy Ω = ½ <|ω|²>:

        dΩ/dt = <ω·∇×f> + <ω_i ω_j S_ij> - ν <|∇ω|²> - 2 μ Ω

    by name: `input`, `stretching` of vortices (in 3D), `dissipation` and `drag`, in 1 / time³; second order. Fluxes
    that conserve the energy do not conserve the enstrophy. Arguments and errors are those of `energy_budget`.
    """
    force = _forces(flow)
    viscosity = _viscosity(parameters)
    vorticity = curls(flow, arrays)
    pairs = zip(vorticity, curls(flow, force), strict=True) if force else ()
    level = 0.5 * sum(_mean(w**2) for w in vorticity)
    slopes = [(w - np.roll(w, 1, axis_of(flow, d))) / flow.spacing[d] for w in vorticity for d in flow.resolution]
    result = {"input": sum((_mean(w * t) for w, t in pairs), np.zeros(len(viscosity)))}
    if len(flow.resolution) == 3:
        result["stretching"] = _stretching(flow, arrays, vorticity)
    result["dissipation"] = viscosity * sum(_mean(s**2) for s in slopes)
    return result | {"drag": 2 * flow.drag * level}  # type: ignore[attr-defined]


def _viscosity(parameters: dict[str, np.ndarray]) -> np.ndarray:
    if "viscosity" not in parameters:
        raise InputError('A budget needs the viscosity of each simulation, {"viscosity": [...]}.')
    return np.asarray(parameters["viscosity"], np.float64)


def _forces(flow: Flow) -> Arrays:
    """Those of the box on its faces, shape (1, *spatial); nothing without."""
    if not isinstance(flow, PeriodicBox):
        raise InputError(f"Budgets are of a PeriodicBox, not of a {type(flow).__name__}.")
    if flow.forcing is None:
        return {}
    with NUMPY:
        return flow.layouts["velocity"].to_arrays(flow.forcing, batch(simulations=1))


def _mean(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).mean(1)


def _stretching(flow: Flow, arrays: Arrays, vorticity: list[np.ndarray]) -> np.ndarray:
    """<ω_i ω_j S_ij>, both factors in cells, by means over the edges of a cell."""
    layout, centred = flow.layouts["velocity"], {}
    for pair, w in zip(combinations(sorted(flow.resolution), 2), vorticity, strict=True):
        for d in pair:
            w = (w + np.roll(w, -1, axis_of(flow, d))) / 2
        (normal,) = set(flow.resolution) - {*pair}
        centred[normal] = -w if normal == "y" else w  # ∂u_z/∂x - ∂u_x/∂z is -ω_y
    velocity = {n: np.asarray(arrays[n], np.float64) for n in layout.arrays}
    strain = in_cells(layout, strain_rate(layout, velocity))
    parts: Any = ((1 if i == j else 2) * _mean(np.asarray(s) * centred[i] * centred[j]) for (i, j), s in strain.items())
    return sum(parts)


def _summary(name: str, stored: str):
    """Means over time and simulations, the change between the first and the last frame, and the rest."""

    def summary(flow: Flow, series: dict, reference: dict) -> dict:
        names = [n for n in (*GAINS, *LOSSES) if f"{name} {n}" in series]
        rates = {n: series[f"{name} {n}"] for n in names}
        level, steps = series[stored], max(1, len(series[stored]) - 1)
        means = {n: np.mean((r[:-1] + r[1:]) / 2 if len(r) > 1 else r) for n, r in rates.items()}
        means[CHANGE] = np.mean(level[-1] - level[0]) / (steps * flow.dt)
        means[REST] = sum((-1 if n in LOSSES else 1) * m for n, m in means.items() if n != CHANGE) - means[CHANGE]
        return {name: {n: number(m) for n, m in means.items()}}

    return summary


def _metric(name: str, of: str, compute, stored: str, unit: str, rest: str) -> Metric:
    def cell(n: str):
        return lambda entry: "" if n not in entry else BLEW_UP if entry[n] is None else f"{entry[n]:.3g}"

    return Metric(
        name,
        lambda flow, arrays, parameters: {f"{name} {n}": r for n, r in compute(flow, arrays, parameters).items()},
        unit=unit,
        column={n: cell(n) for n in (*GAINS, *LOSSES, CHANGE, REST)},
        applies=lambda flow: isinstance(flow, PeriodicBox),
        summary=_summary(name, stored),
        entry=name,
        table=f"Where the {of} goes ({unit})",
        note=f"Means over time; change is input less what is lost. {rest}",
    )


ENERGY_BUDGET = _metric(
    "energy_budget",
    "energy",
    energy_budget,
    "kinetic_energy",
    "length² / time³",
    "Rest: what numerics, a closure or a corrector take; of the reference, what eddies take that the source has not.",
)
ENSTROPHY_BUDGET = _metric(
    "enstrophy_budget",
    "enstrophy",
    enstrophy_budget,
    "enstrophy",
    "1 / time³",
    "Rest: as for the energy; fluxes do not conserve the enstrophy.",
)
