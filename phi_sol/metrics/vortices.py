"""Vorticity, and for how long vortices stay where those of the reference are."""

import numpy as np

from ..flows import Flow
from ..grids import differences
from .grid import Arrays, axis_of
from .metric import Metric, has_velocity, number, numbers, percent

THRESHOLDS = (0.95, 0.8)  # of the correlation


def vorticity(flow: Flow, arrays: Arrays) -> np.ndarray:
    """
    ω = ∂u_y/∂x - ∂u_x/∂y at the inner nodes of a 2D grid, or of the layer of cells in the middle of z of a 3D grid;
    second order, from `velocity.y` and `velocity.x` of a flow, shape (simulations, *faces).

    Returns:
        Shape (simulations, ny - 1, nx - 1), in 1 / time unit; positive where the flow turns from x to y.
    """
    rotation = curl(flow, arrays, ("x", "y"))
    dims = [d for d in flow.resolution if d in ("y", "x")]
    if "z" in flow.resolution:
        rotation = np.take(rotation, flow.resolution["z"] // 2, axis_of(flow, "z"))
    return rotation if dims == ["y", "x"] else np.swapaxes(rotation, 1, 2)


def curl(flow: Flow, arrays: Arrays, plane: tuple[str, str], around: bool = False) -> np.ndarray:
    """
    ∂u_b/∂a - ∂u_a/∂b for `plane` = (a, b), at the inner edges normal to both (in 2D: nodes), in 1 / time unit; second
    order. Shape (simulations, ...) with n - 1 entries along a and b and n along a third axis.

    Args:
        around: Along axes that are periodic also at the edges on the ends, first of all: n entries there.
    """
    layout, faces = flow.layouts["velocity"], {}
    closed = [d for d in plane if around and layout.is_periodic(d)]
    for d, across in (plane, plane[::-1]):
        first, n, axis = 1 - layout.missing(d)[0], flow.resolution[d], axis_of(flow, d)
        inner = range(n) if d in closed else range(first, first + n - 1)
        faces[d] = np.take(np.asarray(arrays[f"velocity.{d}"], np.float64), inner, axis)
        if across in closed:
            axis = axis_of(flow, across)
            faces[d] = np.concatenate([np.take(faces[d], [-1], axis), faces[d]], axis)
    return differences.curl(faces, plane, {d: axis_of(flow, d) for d in plane}, flow.spacing)


def curls(flow: Flow, arrays: Arrays) -> list[np.ndarray]:
    """
    All components of the vorticity: one in 2D, three in 3D, each at its edges (see `curl`), those on the ends of
    periodic axes among them.
    """
    dims = sorted(flow.resolution)
    return [curl(flow, arrays, (a, b), around=True) for i, a in enumerate(dims) for b in dims[i + 1 :]]


def enstrophy(flow: Flow, arrays: Arrays) -> np.ndarray:
    """
    ½ <|ω|²>, a mean over edges (in 2D: nodes) inside and on the ends of periodic axes, in 1 / time²; second order.
    Shape (simulations,).
    """
    return 0.5 * sum(np.square(w).reshape(len(w), -1).mean(1) for w in curls(flow, arrays))


def vorticity_correlation(flow: Flow, arrays: Arrays, reference: Arrays) -> np.ndarray:
    """
    ρ = <ω·ω_r> / sqrt(<ω²> <ω_r²>) with ω at the edges that `curls` has, of velocities of shape (simulations,
    *faces) per component, `reference` that of the restricted reference.

    Returns:
        Shape (simulations,): 1 for the same vortices in the same places, whatever their strength, 0 for unrelated ones;
        NaN if one has no vorticity.
    """
    own, other = ([w.reshape(len(w), -1) for w in curls(flow, a)] for a in (arrays, reference))
    product, squares, reference_squares = (
        sum((a * b).mean(1) for a, b in zip(*pair, strict=True)) for pair in ((own, other), (own, own), (other, other))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return product / np.sqrt(squares * reference_squares)


def time_until_below(series: np.ndarray, threshold: float, dt: float, start: float = 1.0) -> np.ndarray:
    """
    When a series first falls below a threshold, by linear interpolation between frames `dt` apart, from the value
    `start` at time 0 on.

    Args:
        series: Values of frames 1, 2, ..., shape (frames, simulations), e.g. of `vorticity_correlation`.

    Returns:
        Shape (simulations,); NaN if it never does within the frames. A value that is not a number counts as below.
    """
    values = np.concatenate([np.full((1, series.shape[1]), start), series])
    below = ~(values >= threshold)
    first = below.argmax(0)
    result = np.full(series.shape[1], np.nan)
    for s in np.flatnonzero(below.any(0)):
        i = first[s]
        before, after = values[max(i - 1, 0), s], values[i, s]
        part = (before - threshold) / (before - after) if i > 0 and np.isfinite(after) else 0.0
        result[s] = dt * (max(i - 1, 0) + part)
    return result


def correlation_time(correlation: np.ndarray, threshold: float, dt: float) -> dict:
    """
    When the correlation falls below a threshold: `per_parameter` (None where it never does), how many
    `reached_the_end`, and the `mean`, for which these count with the whole duration, so that it is a lower bound then.
    """
    times = time_until_below(correlation, threshold, dt)
    mean = np.where(np.isnan(times), dt * len(correlation), times).mean()
    return {"mean": float(mean), "per_parameter": numbers(times), "reached_the_end": int(np.isnan(times).sum())}


def _correlation_summary(flow: Flow, series: dict, reference: dict) -> dict:
    values = series["correlation"]
    times = {f"time_to_{t:g}": correlation_time(values, t, flow.dt) for t in THRESHOLDS}
    return {"vorticity_correlation": {"mean": number(values.mean())} | times}


def _time_cell(time: dict) -> str:
    return ("> " if time["reached_the_end"] else "") + f"{time['mean']:.4g}"


ENSTROPHY = Metric(
    "enstrophy",
    lambda flow, arrays, parameters: enstrophy(flow, arrays),
    unit="1 / time²",
    column={"enstrophy": percent},
    applies=has_velocity,
)
CORRELATION = Metric(
    "correlation",
    compare=lambda flow, arrays, reference, names: vorticity_correlation(flow, arrays, reference),
    better="larger",
    column={f"time to {t:g}": lambda entry, t=t: _time_cell(entry[f"time_to_{t:g}"]) for t in THRESHOLDS},
    applies=has_velocity,
    summary=_correlation_summary,
    entry="vorticity_correlation",
    note="Time until the correlation of the vorticity falls below; > where it does not in all simulations.",
)
