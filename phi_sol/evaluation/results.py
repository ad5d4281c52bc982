"""The content of `results.json`."""

import numpy as np

from .. import metrics
from .groups import Group
from .measures import Measures
from .milestones import THRESHOLDS, milestones
from .runs import Rollout

PERIODS = 3  # of the shedding that a rollout must have for a Strouhal number


def number(value) -> float | None:
    """A float for JSON, which knows no NaN."""
    return float(value) if value is not None and np.isfinite(value) else None


def numbers(values) -> list[float | None]:
    return [number(v) for v in values]


def relative(errors: np.ndarray, scales: np.ndarray) -> float | None:
    """
    Mean over simulations of errors relative to scales; None where one of them is not finite, or its scale is zero.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return number((errors / scales).mean())


def solver_results(run: Rollout, frames: int, measures: Measures | None = None) -> dict:
    """The entry of one solver in `results.json`. What a simulation that blew up takes part in is None."""
    result = {
        "mae": {str(n): run.mean(n) for n in milestones(frames)},
        "mae_per_parameter": run.mean_per_simulation(frames),
        "ms_per_step": number(run.ms_per_step),
        "blow_ups": run.blow_ups,
        "blew_up_at": run.blew_up_at,
    }
    if measures is None:
        return result
    reference, series = measures.reference, run.series
    result["over_time"] = {
        n: numbers(np.round(series[n].mean(1), 7)) for n in ("mae", "rmse", "relative_l2", "correlation")
    }
    for name in ("rmse", "relative_l2"):
        result[name] = {str(n): run.mean(n, name) for n in milestones(frames)}
    result["fields"] = {
        n: {m: run.mean(frames, f"{m} {n}") for m in ("mae", "rmse", "relative_l2")} for n in measures.names
    }
    result["vorticity_correlation"] = {"mean": run.mean(frames, "correlation")} | {
        f"time_to_{t:g}": correlation_time(series["correlation"], t, measures.flow.dt) for t in THRESHOLDS
    }
    for name in ("kinetic_energy", "enstrophy", "marker_mass"):
        if name in series:
            result[f"{name}_error"] = relative(
                np.abs(series[name] - reference[name]).mean(0), np.abs(reference[name]).mean(0)
            )
    whole = metrics.resolved(measures.flow, measures.wave_numbers)
    spectra = [s["spectrum"].mean(0)[:, whole] for s in (series, reference)]
    result["spectral_error"] = number(metrics.spectral_error(*spectra).mean())
    if "divergence" in series:
        result["divergence"] = number(series["divergence"].max())
    if measures.wake is not None:
        result["wake"] = wake_results(series, reference, measures)
    return result


def correlation_time(correlation: np.ndarray, threshold: float, dt: float) -> dict:
    """
    When the correlation falls below a threshold: `per_parameter` (None where it never does), how many
        `reached_the_end`, and the `mean`, for which
    these count with the whole duration, so that it is a lower bound then.
    """
    times = metrics.time_until_below(correlation, threshold, dt)
    mean = np.where(np.isnan(times), dt * len(correlation), times).mean()
    return {"mean": float(mean), "per_parameter": numbers(times), "reached_the_end": int(np.isnan(times).sum())}


def wake_results(series: dict[str, np.ndarray], reference: dict[str, np.ndarray], measures: Measures) -> dict:
    """Strouhal number, drag, lift and profiles of a solver (or of the reference itself) and their errors."""
    wake, dt = measures.wake, measures.flow.dt
    result = {"strouhal": strouhal_numbers(series["probe"], reference["probe"], measures)}
    result["drag"] = numbers(series["drag"].mean(0))
    result["lift_rms"] = numbers(series["lift"].std(0))
    if series is reference:
        return result
    shedding = [s for s in range(len(result["strouhal"])) if result["strouhal"][s] is not None]
    errors = [metrics.strouhal_error(series["probe"][:, s], reference["probe"][:, s], dt) for s in shedding]
    blown = np.isnan(series["drag"]).any()
    result["strouhal_error"] = None if blown or not errors else number(np.mean(errors))
    drag, lift = (reference[n] for n in ("drag", "lift"))
    result["drag_error"] = relative(np.abs(series["drag"].mean(0) - drag.mean(0)), np.abs(drag.mean(0)))
    result["lift_rms_error"] = relative(np.abs(series["lift"].std(0) - lift.std(0)), lift.std(0))
    (mean, fluctuation), (r_mean, r_fluctuation) = (
        metrics.mean_and_fluctuation(s["profiles"]) for s in (series, reference)
    )
    result["mean_profile_error"] = number(np.abs(mean - r_mean).mean() / wake.speed)
    result["fluctuation_profile_error"] = number(np.abs(fluctuation - r_fluctuation).mean() / wake.speed)
    return result


def strouhal_numbers(probe: np.ndarray, reference: np.ndarray, measures: Measures) -> list[float | None]:
    """Of each simulation; None where it blew up, or the rollout is shorter than three periods of the reference."""
    wake, dt, result = measures.wake, measures.flow.dt, []
    for signal, expected in zip(probe.T, reference.T, strict=True):
        enough = len(signal) >= 16 and metrics.dominant_frequency(expected, dt) * dt * len(signal) >= PERIODS
        there = enough and np.isfinite(signal).all()
        result.append(metrics.strouhal_number(signal, dt, wake.diameter, wake.speed) if there else None)
    return result


def reference_results(measures: Measures, ms_per_step: float) -> dict:
    """The entry of the reference: its time per step, and what it is measured to be on the source grid."""
    result = {"ms_per_step": ms_per_step}
    return result | (
        {"wake": wake_results(measures.reference, measures.reference, measures)} if measures.wake is not None else {}
    )


def group_results(groups: list[Group], frames: int) -> dict:
    """Mean and standard deviation over training seeds of the MAE, for every group of correctors."""
    result = {}
    for group in groups:
        if not group.method:
            continue
        mae = {str(n): dict(zip(("mean", "std"), group.statistics(n), strict=True)) for n in milestones(frames)}
        mean, std = group.statistics(frames)
        facts = {"runs": list(group.runs), "method": group.method, "unroll": group.unroll}
        result[group.label] = facts | {
            "mae": mae,
            "mean": mean,
            "std": std,
            "blow_ups": sum(r.blow_ups for r in group.runs.values()),
        }
    return result
