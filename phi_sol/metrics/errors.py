"""Differences between fields and their reference."""

import numpy as np

from .grid import Arrays
from .metric import BLEW_UP, Metric, at_the_end, percent


def mean_absolute_error(arrays: Arrays, reference: Arrays, names: list[str]) -> np.ndarray:
    """
    MAE = mean over components c of mean over faces of |u_c - T r_c|.

    Args:
        arrays: Shape (simulations, *spatial) per component.
        reference: Restricted reference, of the same shapes.
        names: Components to average over; one name for the error of a component or of a centred field.

    Returns:
        Shape (simulations,), in units of the field; not finite where the solver blew up.
    """
    return np.mean([_mean(np.abs(d)) for d in _differences(arrays, reference, names)], axis=0)


def root_mean_square_error(arrays: Arrays, reference: Arrays, names: list[str]) -> np.ndarray:
    """RMSE = sqrt(mean over components c of mean over faces of (u_c - T r_c)²), as `mean_absolute_error` else."""
    return np.sqrt(np.mean([_mean(np.square(d)) for d in _differences(arrays, reference, names)], axis=0))


def relative_l2(arrays: Arrays, reference: Arrays, names: list[str]) -> np.ndarray:
    """
    ‖u - T r‖ / ‖T r‖ with ‖u‖² = Σ_c mean over faces of u_c². Arguments as for `mean_absolute_error`.

    Returns:
        Shape (simulations,), without unit; infinite or NaN where the reference is zero everywhere.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = sum(_mean(np.square(d)) for d in _differences(arrays, reference, names))
        return np.sqrt(wrong / sum(_mean(np.square(np.asarray(reference[n], np.float64))) for n in names))


def _differences(arrays: Arrays, reference: Arrays, names: list[str]):
    with np.errstate(invalid="ignore", over="ignore"):
        return [np.asarray(arrays[n], np.float64) - reference[n] for n in names]


def _mean(values: np.ndarray) -> np.ndarray:
    """Over all axes but the first."""
    with np.errstate(invalid="ignore", over="ignore"):
        return values.reshape(len(values), -1).mean(1)


MAE = Metric("mae", compare=lambda flow, a, r, names: mean_absolute_error(a, r, names), per_field=True)
RMSE = Metric("rmse", compare=lambda flow, a, r, names: root_mean_square_error(a, r, names), per_field=True)
RELATIVE_L2 = Metric(
    "relative_l2",
    compare=lambda flow, a, r, names: relative_l2(a, r, names),
    per_field=True,
    column={"relative L2": lambda means: percent(at_the_end(means), BLEW_UP)},
)
