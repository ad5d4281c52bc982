"""What is measured behind an obstacle: shedding frequency and profiles."""

import numpy as np

from ..flows import Flow
from .grid import Arrays, axis_of


def line(
    flow: Flow, arrays: Arrays, component: str, along: str, *, at: dict[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """
    A velocity component, or another array, along a line parallel to an axis, by linear interpolation between faces or
    cell centres; second order.

    Args:
        component: `y`, `x` or `z` of the velocity, or the name of an array (`marker`, `forcing.x`).
        along: Axis of the line.
        at: Position along each of the other axes, in domain units.

    Returns:
        Positions along the line (faces or cell centres of the component inside the domain), and values of shape
        (simulations, positions).
    """
    field, component = _parts(flow, component)
    name = f"{field}.{component}" if component else field
    values = flow.layouts[field].surrounded(np.asarray(arrays[name], np.float64), component)
    for dim in flow.resolution:
        axis, h = axis_of(flow, dim), flow.spacing[dim]
        offset = 1.0 if dim == component else 0.5  # the padded array has one layer before the boundary
        if dim == along:
            inner = range(1, values.shape[axis] - 1)
            positions, values = (np.array(inner) - offset) * h, np.take(values, inner, axis)
            continue
        place = at[dim] / h + offset
        lower = int(np.clip(np.floor(place), 0, values.shape[axis] - 2))
        part = place - lower
        values = (1 - part) * np.take(values, [lower], axis) + part * np.take(values, [lower + 1], axis)
    return positions, values.reshape(len(values), -1)


def probe(flow: Flow, arrays: Arrays, component: str, at: dict[str, float]) -> np.ndarray:
    """As `line`, at one point, given by its position along all axes. Shape (simulations,)."""
    along = _parts(flow, component)[1] or next(iter(flow.resolution))
    positions, values = line(flow, arrays, component, along, at=at)
    i = int(np.clip(np.searchsorted(positions, at[along]) - 1, 0, len(positions) - 2))
    part = (at[along] - positions[i]) / (positions[i + 1] - positions[i])
    return (1 - part) * values[:, i] + part * values[:, i + 1]


def _parts(flow: Flow, component: str) -> tuple[str, str]:
    """Field and component (empty: centred) of an axis of the velocity, or of the name of an array."""
    field, _, axis = (f"velocity.{component}" if component in flow.resolution else component).partition(".")
    return field, axis


def mean_and_fluctuation(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Mean ū and root mean square of the fluctuation u - ū over time, as profiles in a wake are given: of shape (...) for
    samples of shape (frames, ...), e.g. lines of several frames, stacked; in their units.
    """
    samples = np.asarray(samples, np.float64)
    return samples.mean(0), samples.std(0)


def dominant_frequency(signal: np.ndarray, dt: float) -> float:
    """
    Frequency of the highest peak of the windowed periodogram, refined by a parabola through its three highest points.

    Args:
        signal: Samples in time, at least 16.
        dt: Time between samples.

    Returns:
        Cycles per unit time; 0 for a constant signal.
    """
    signal = np.asarray(signal, np.float64)
    signal = (signal - signal.mean()) * np.hanning(len(signal))
    power = np.abs(np.fft.rfft(signal, 8 * len(signal))) ** 2
    k = int(np.argmax(power))
    if not 0 < k < len(power) - 1:
        return 0.0
    a, b, c = power[k - 1 : k + 2]
    return float((k + 0.5 * (a - c) / (a - 2 * b + c)) / (8 * len(signal) * dt))


def strouhal_number(signal: np.ndarray, dt: float, length: float, speed: float) -> float:
    """
    St = f L / U with f the dominant frequency of a signal, such as the cross-stream velocity at a point in a wake or
    the lift.

    Args:
        signal: Samples in time; a few periods at least, since the frequency is known to about a tenth of 1 / duration.
        dt: Time between samples.
        length: L, the diameter of a cylinder.
        speed: U, that of the stream.
    """
    return dominant_frequency(signal, dt) * length / speed


def strouhal_error(signal: np.ndarray, reference: np.ndarray, dt: float) -> float:
    """|f - f_r| / f_r of two signals of the same length, see `strouhal_number`; NaN if the reference has no f_r."""
    f, r = dominant_frequency(signal, dt), dominant_frequency(reference, dt)
    return abs(f - r) / r if r else float("nan")
