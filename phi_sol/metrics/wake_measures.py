"""What is measured of a wake: shedding, forces and profiles behind its obstacle."""

from dataclasses import dataclass

import numpy as np

from ..flows import Flow, WakeFlow
from .forces import force, force_coefficient
from .grid import Arrays
from .metric import Metric, decimal, number, numbers, percent, relative
from .wakes import dominant_frequency, line, mean_and_fluctuation, probe, strouhal_error, strouhal_number

STATIONS = (2.0, 5.0, 10.0)  # of profiles in a wake, in radii behind the centre of the obstacle
PROBE = 5.0  # of the cross-stream velocity whose frequency is the Strouhal number's
PERIODS = 3  # of the shedding that a rollout must have for a Strouhal number


@dataclass(frozen=True)
class Wake:
    """The scales of a wake, in domain units."""

    diameter: float  # of the obstacle
    speed: float  # of the stream
    area: float  # frontal area of the obstacle; in 2D its diameter
    centre: dict[str, float]  # position of the obstacle

    @staticmethod
    def of(flow: Flow) -> "Wake | None":
        """The wake of a flow that has one."""
        if not isinstance(flow, WakeFlow):
            return None
        span = flow.size.get("z", 1.0) / (np.cos(np.deg2rad(flow.inclination)) if flow.obstacle == "inclined" else 1)
        area = np.pi * flow.radius**2 if flow.obstacle == "sphere" else 2 * flow.radius * span
        return Wake(2 * flow.radius, flow.speed, float(area), flow.center)

    def behind(self, radii: float) -> dict[str, float]:
        """The point so many radii downstream of the centre."""
        return self.centre | {"y": self.centre["y"] + radii * self.diameter / 2}

    def profiles(self, flow: Flow, arrays: Arrays) -> dict[tuple[str, float], tuple[np.ndarray, np.ndarray]]:
        """Positions along x and values of shape (n, positions), by component and station (in radii behind)."""
        return {(c, s): line(flow, arrays, c, "x", at=self.behind(s)) for c in "yx" for s in STATIONS}


def _measured(flow: WakeFlow, arrays: Arrays, parameters: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Coefficients of drag and lift, the velocity at the probe, and the profiles of all stations and components."""
    wake, drawn = Wake.of(flow), force(flow, arrays, np.asarray(flow.viscosity(parameters["reynolds"]), np.float64))
    assert wake is not None  # of a WakeFlow
    return {
        "drag": force_coefficient(drawn["y"], wake.speed, wake.area),
        "lift": force_coefficient(drawn["x"], wake.speed, wake.area),
        "probe": probe(flow, arrays, "x", wake.behind(PROBE)),
        "profiles": np.concatenate([values for _, values in wake.profiles(flow, arrays).values()], 1),
    }


def _summary(flow: WakeFlow, series: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict:
    """Strouhal number, drag, lift and profiles of a solver (or of the reference itself) and their errors."""
    wake, dt = Wake.of(flow), flow.dt
    assert wake is not None  # of a WakeFlow
    result: dict = {
        "strouhal": _strouhal_numbers(series["probe"], reference["probe"], wake, dt),
        "drag": numbers(series["drag"].mean(0)),
        "lift_rms": numbers(series["lift"].std(0)),
    }
    if series is reference:
        return {"wake": result}
    shedding = [s for s, known in enumerate(result["strouhal"]) if known is not None]
    errors = [strouhal_error(series["probe"][:, s], reference["probe"][:, s], dt) for s in shedding]
    blown = np.isnan(series["drag"]).any()
    result["strouhal_error"] = None if blown or not errors else number(np.mean(errors))
    drag, lift = reference["drag"].mean(0), reference["lift"].std(0)
    result["drag_error"] = relative(np.abs(series["drag"].mean(0) - drag), np.abs(drag))
    result["lift_rms_error"] = relative(np.abs(series["lift"].std(0) - lift), lift)
    profiles = zip(*(mean_and_fluctuation(s["profiles"]) for s in (series, reference)), strict=True)
    for name, (ours, theirs) in zip(("mean", "fluctuation"), profiles, strict=True):
        result[f"{name}_profile_error"] = number(np.abs(ours - theirs).mean() / wake.speed)
    return {"wake": result}


def _strouhal_numbers(probe: np.ndarray, reference: np.ndarray, wake: Wake, dt: float) -> list[float | None]:
    """Of each simulation; None where it blew up, or the rollout is shorter than three periods of the reference."""
    result = []
    for signal, expected in zip(probe.T, reference.T, strict=True):
        enough = len(signal) >= 16 and dominant_frequency(expected, dt) * dt * len(signal) >= PERIODS
        there = enough and np.isfinite(signal).all()
        result.append(strouhal_number(signal, dt, wake.diameter, wake.speed) if there else None)
    return result


def _drag(wake: dict) -> str:
    return decimal(None if None in wake["drag"] else sum(wake["drag"]) / len(wake["drag"]), 3)


ERRORS = {
    "drag error": "drag_error",
    "lift r.m.s. error": "lift_rms_error",
    "Strouhal error": "strouhal_error",
    "mean profile": "mean_profile_error",
    "fluctuation": "fluctuation_profile_error",
}
WAKE = Metric(
    "wake",
    _measured,
    column={"drag": _drag} | {title: lambda wake, key=key: percent(wake.get(key)) for title, key in ERRORS.items()},
    applies=lambda flow: Wake.of(flow) is not None,
    summary=_summary,
    entry="wake",
    table="The wake",
    note="Drag as it is on the source grid. Profiles: mean absolute error in per cent of the stream.",
)
