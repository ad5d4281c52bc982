"""The content of `results.json`."""

import numpy as np

from ..metrics import Metric
from ..metrics.metric import number, numbers, relative
from .groups import Group
from .measures import Measures
from .milestones import milestones
from .records import Record


def solver_results(record: Record, frames: int, measures: Measures | None = None) -> dict:
    """The entry of one solver in `results.json`. What a simulation that blew up takes part in is None."""
    result: dict = {
        "mae": {str(n): record.mean(n) for n in milestones(frames)},
        "mae_per_parameter": record.mean_per_simulation(frames),
        "ms_per_step": number(record.ms_per_step),
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
    """The entry of the reference: its time per step, and what it is measured to be on the source grid."""
    result = {"ms_per_step": ms_per_step}
    for metric in (m for m in measures.metrics if m.table):
        result |= _entries(metric, measures, measures.reference)
    return result


def _entries(metric: Metric, measures: Measures, series: dict[str, np.ndarray]) -> dict:
    """What `results.json` has of one metric, see `Metric.summary`."""
    if metric.summary:
        return metric.summary(measures.flow, series, measures.reference)
    values = series[metric.name]
    if metric.compare:
        return {metric.entry: {str(n): number(values[:n].mean()) for n in milestones(len(values))}}
    reference = measures.reference[metric.name]
    return {metric.entry: relative(np.abs(values - reference).mean(0), np.abs(reference).mean(0))}


def group_results(groups: list[Group], frames: int) -> dict:
    """Mean and standard deviation over training seeds of the MAE, for every group of correctors."""
    result = {}
    for group in (g for g in groups if g.method):
        mae = {str(n): dict(zip(("mean", "std"), group.statistics(n), strict=True)) for n in milestones(frames)}
        facts = {"runs": list(group.runs), "method": group.method, "unroll": group.unroll, "mae": mae}
        blow_ups = {"blow_ups": sum(r.blow_ups for r in group.runs.values())}
        result[group.label] = facts | mae[str(frames)] | blow_ups
    return result
