"""The content of `results.json`."""

from collections.abc import Mapping

import numpy as np

from ..metrics import Metric
from ..metrics.metric import number, numbers, relative
from .cost import REFERENCE, Point, advantage, envelope
from .groups import Group, mean_and_deviation
from .measures import Measures
from .milestones import milestones
from .records import Record


def solver_results(record: Record, frames: int, dt: float, measures: Measures | None = None) -> dict:
    """
    The entry of one solver in `results.json`. What a simulation that blew up takes part in is None.

    Args:
        dt: Time between frames.
        measures: What was measured besides the MAE.
    """
    known = {key: n for key, n in milestones(frames, dt).items() if n >= record.every}
    result: dict = {
        "mae": {key: record.mean(n) for key, n in known.items()},
        "mae_per_parameter": record.mean_per_simulation(frames),
        "dt": record.dt,
        "ms_per_step": number(record.ms_per_step),
        "ms_per_time": number(record.ms_per_time),
        "blow_ups": record.blow_ups,
        "blew_up_at": record.blew_up_at,
    }
    if measures is None:
        return result
    series, errors = record.series, [m for m in measures.metrics if m.compare]
    result["over_time"] = {m.name: numbers(np.round(series[m.name].mean(1), 7)) for m in errors}
    result["fields"] = {
        n: {m.name: record.mean(frames, f"{m.name} {n}") for m in errors if m.per_field} for n in measures.names
    }
    for metric in measures.metrics:
        result |= _entries(metric, measures, series)
    return result


def reference_results(measures: Measures, ms_per_step: float) -> dict:
    """The entry of the reference: what its own steps cost, and what it is measured to be on the source grid."""
    dt = measures.data.pair.reference.dt
    result: dict = {"dt": dt, "ms_per_step": ms_per_step, "ms_per_time": ms_per_step / dt}
    for metric in (m for m in measures.metrics if m.table):
        result |= _entries(metric, measures, measures.reference)
    return result


def _entries(metric: Metric, measures: Measures, series: dict[str, np.ndarray]) -> dict:
    """What `results.json` has of one metric, see `Metric.summary`."""
    if metric.summary:
        return metric.summary(measures.flow, series, measures.reference)
    values = series[metric.name]
    if metric.compare:
        times = milestones(len(values), measures.flow.dt)
        return {metric.entry: {key: number(values[:n].mean()) for key, n in times.items()}}
    reference = measures.reference[metric.name]
    return {metric.entry: relative(np.abs(values - reference).mean(0), np.abs(reference).mean(0))}


def group_results(groups: list[Group], frames: int, dt: float) -> dict:
    """Mean and standard deviation over training seeds of the MAE, for every group of correctors."""
    result = {}
    for group in (g for g in groups if g.method):
        times = {key: n for key, n in milestones(frames, dt).items() if n >= group.first.every}
        mae = {key: dict(zip(("mean", "std"), group.statistics(n), strict=True)) for key, n in times.items()}
        facts = {"runs": list(group.runs), "method": group.method, "unroll": group.unroll, "mae": mae}
        mean, deviation = group.statistics(frames)
        blow_ups = {"blow_ups": sum(r.blow_ups for r in group.runs.values())}
        result[group.label] = facts | {"mean": mean, "std": deviation} | blow_ups
    return result


def add_costs(results: dict, records: Mapping[str, Record]):
    """
    Adds to results what accuracy costs: the `envelope` of the solvers without a network, and for all others, and for
    groups of those that differ in their seed, what `advantage` says. All by `mae_shared`, the MAE at every
    `compared_every`th frame, which are those that all solvers have.

    Args:
        results: With `solvers`, `groups` and `correctors`.
        records: By the name of the solver.
    """
    every = int(np.lcm.reduce([r.every for r in records.values()]))
    solvers, reference_cost = results["solvers"], results["solvers"][REFERENCE]["ms_per_time"]
    results["compared_every"] = every
    points = {n: Point(r.ms_per_time, r.shared_mean(results["frames"], every)) for n, r in records.items()}
    for name, point in points.items():
        solvers[name]["mae_shared"] = point.error
    plain = {n: p for n, p in points.items() if n not in results["correctors"]}
    front = envelope(plain, reference_cost)
    results["envelope"] = [{"solver": n, "ms_per_time": plain[n].cost, "mae": plain[n].error} for n in front]
    for name in points.keys() - plain.keys():
        solvers[name] |= advantage(points[name], plain, reference_cost)
    for group in results["groups"].values():
        error, _ = mean_and_deviation([points[n].error for n in group["runs"]])
        cost = float(np.mean([points[n].cost for n in group["runs"]]))
        group |= {"ms_per_time": cost, "mae_shared": error} | advantage(Point(cost, error), plain, reference_cost)
