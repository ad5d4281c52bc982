"""What is measured of a wake: shedding, forces and profiles behind its obstacle."""

from dataclasses import dataclass

import numpy as np

from ..flows import Flow, WakeFlow
from ..pressure.obstacles import parts_of
from .forces import force, force_coefficient, force_per_obstacle
from .grid import Arrays
from .metric import Metric, decimal, number, numbers, percent, relative
from .wakes import dominant_frequency, line, mean_and_fluctuation, probe, strouhal_error, strouhal_number

STATIONS = (2.0, 5.0, 10.0)  # of profiles in a wake, in radii behind the centre of the obstacle
PROBE = 5.0  # of the cross-stream velocity whose frequency is the Strouhal number's
EACH = {"drag": "y", "lift": "x"}
PERIODS = 3  # of the shedding that a rollout must have for a Strouhal number


@dataclass(frozen=True)
class Wake:
    """The scales of a wake, in domain units."""

    diameter: float  # of the obstacle
    speed: float  # of the stream
    area: float  # frontal area of the obstacle; in 2D its diameter
    centre: dict[str, float]  # position of the obstacle
    stations: tuple[float, ...] = STATIONS  # of profiles, in radii behind it
    probe: float = PROBE  # where the cross-stream velocity is taken
    obstacles: int = 1

    @staticmethod
    def of(flow: Flow) -> "Wake | None":
        """The wake of a flow that has one: with obstacles. Where the domain ends sooner, it is measured nearer."""
        count = len(parts_of(flow.obstacles)) if isinstance(flow, WakeFlow) else 0
        if not isinstance(flow, WakeFlow) or not count:
            return None
        end = (flow.size["y"] - flow.center["y"]) / flow.radius
        stations, probe = tuple(s for s in STATIONS if s < end) or (end / 2,), PROBE if end > PROBE else end / 2
        span = flow.size.get("z", 1.0) / (np.cos(np.deg2rad(flow.inclination)) if flow.obstacle == "inclined" else 1)
        area = np.pi * flow.radius**2 if flow.obstacle == "sphere" else 2 * flow.radius * span
        return Wake(2 * flow.radius, flow.speed, float(area), flow.center, stations, probe, count)

    def behind(self, radii: float) -> dict[str, float]:
        """The point so many radii downstream of the centre."""
        return self.centre | {"y": self.centre["y"] + radii * self.diameter / 2}

    def profiles(self, flow: Flow, arrays: Arrays) -> dict[tuple[str, float], tuple[np.ndarray, np.ndarray]]:
        """Positions along x and values of shape (n, positions), by component and station (in radii behind)."""
        return {(c, s): line(flow, arrays, c, "x", at=self.behind(s)) for c in "yx" for s in self.stations}


def _measured(flow: WakeFlow, arrays: Arrays, parameters: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Coefficients of drag and lift, of several obstacles also of each, the velocity at the probe, and all profiles."""
    wake, viscosity = Wake.of(flow), np.asarray(flow.viscosity(parameters["reynolds"]), np.float64)
    assert wake is not None  # of a WakeFlow
    several = force_per_obstacle(flow, arrays, viscosity) if wake.obstacles > 1 else None
    drawn = force(flow, arrays, viscosity) if several is None else {d: f.sum(1) for d, f in several.items()}
    result = {n: force_coefficient(drawn[d], wake.speed, wake.area) for n, d in EACH.items()}
    if several is not None:
        result |= {f"{n}_per_obstacle": force_coefficient(several[d], wake.speed, wake.area) for n, d in EACH.items()}
    result["probe"] = probe(flow, arrays, "x", wake.behind(wake.probe))
    result["profiles"] = np.concatenate([values for _, values in wake.profiles(flow, arrays).values()], 1)
    return result


def _summary(flow: WakeFlow, series: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict:
    """Strouhal number, drag, lift and profiles of a solver (or of the reference itself) and their errors."""
    wake, dt = Wake.of(flow), flow.dt
    assert wake is not None  # of a WakeFlow
    result: dict = {
        "strouhal": _strouhal_numbers(series["probe"], reference["probe"], wake, dt),
        "drag": numbers(series["drag"].mean(0)),
        "lift_rms": numbers(series["lift"].std(0)),
    }
    if wake.obstacles > 1:
        result["drag_per_obstacle"] = [numbers(c) for c in series["drag_per_obstacle"].mean(0).T]
        result["lift_rms_per_obstacle"] = [numbers(c) for c in series["lift_per_obstacle"].std(0).T]
    if series is reference:
        return {"wake": result}
    shedding = [s for s, known in enumerate(result["strouhal"]) if known is not None]
    errors = [strouhal_error(series["probe"][:, s], reference["probe"][:, s], dt) for s in shedding]
    blown = np.isnan(series["drag"]).any()
    result["strouhal_error"] = None if blown or not errors else number(np.mean(errors))
    for name, key, moment in (("drag", "drag", np.mean), ("lift_rms", "lift", np.std)) if wake.obstacles > 1 else ():
        ours, theirs = (moment(s[f"{key}_per_obstacle"], axis=0).T for s in (series, reference))
        each = zip(ours, theirs, strict=True)
        result[f"{name}_error_per_obstacle"] = [relative(np.abs(a - b), np.abs(b)) for a, b in each]
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
    """Mean over simulations, and where there are several obstacles what it is the sum of."""
    parts = [None if None in c else sum(c) / len(c) for c in [wake["drag"], *wake.get("drag_per_obstacle", [])]]
    whole, *each = [decimal(p, 3) for p in parts]
    return f"{whole} = {' + '.join(each)}" if each and None not in parts else whole


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
