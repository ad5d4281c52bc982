"""Error measures of velocity fields. Pure functions on NumPy arrays named as in `phi_sol.stepping`."""

import numpy as np

from ..flows import Flow


def mean_absolute_error(arrays: dict[str, np.ndarray], reference: dict[str, np.ndarray], names: list[str]) -> np.ndarray:
    """
    MAE = mean over components c of mean over faces of |u_c - T r_c|.

    Args:
        arrays: Shape (simulations, *spatial) per component.
        reference: Restricted reference, of the same shapes.
        names: Components to average over.

    Returns:
        Shape (simulations,); not finite where the solver blew up.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        errors = [np.abs(np.float64(arrays[n]) - reference[n]) for n in names]
        return np.mean([e.reshape(len(e), -1).mean(1) for e in errors], axis=0)


def vorticity(flow: Flow, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """
    ω = ∂u_y/∂x - ∂u_x/∂y at the inner nodes of a 2D grid, or of the layer of cells in the middle of z of a 3D grid; second order.

    Args:
        flow: The flow whose velocity it is; gives grid and boundary.
        arrays: `velocity.y` and `velocity.x`, shape (simulations, *faces).

    Returns:
        Shape (simulations, ny - 1, nx - 1), in 1 / time unit; positive where the flow turns from x to y.
    """
    parts, dims = {}, list(flow.resolution)
    order = [0, *[1 + dims.index(d) for d in ("y", "x", "z") if d in dims]]
    for axis, dim in enumerate("yx", 1):
        values = np.transpose(np.asarray(arrays[f"velocity.{dim}"]), order)
        lower_stored, _ = flow.templates["velocity"].boundary.valid_outer_faces(dim)
        inner = [slice(None)] * values.ndim
        inner[axis] = slice(int(lower_stored), int(lower_stored) + flow.resolution[dim] - 1)
        values = values[tuple(inner)]
        parts[dim] = values[..., flow.resolution["z"] // 2] if "z" in dims else values
    return np.diff(parts["y"], axis=2) / flow.spacing["x"] - np.diff(parts["x"], axis=1) / flow.spacing["y"]


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
