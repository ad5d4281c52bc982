"""Measures over time: of a rollout as arrays, and in CSV or Parquet files."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError, MissingError, is_real, quoted
from ..files import write_atomic
from ..flows import Flow
from ..stepping.rollout import Rollout
from .grid import Arrays
from .metric import Metric
from .wakes import probe

TOGETHER = 50  # frames that are measured at once
EACH = "_per_obstacle"
PARQUET = ".parquet"
Point = Mapping[str, float]


def series(frames: Rollout, probes: Iterable[Point] = (), metrics: Iterable[Metric] | None = None) -> dict:
    """
    All measures of a rollout that are one number per state, over time: those of `phi_sol.metrics.METRICS` that its flow
    has (kinetic energy, enstrophy, divergence, a marker's mass, forces on obstacles, ...), and fields at points.

    Args:
        probes: Points, by their position along each axis in domain units; there all fields are interpolated linearly.
        metrics: Others than those of phi_sol, see `Metric`; those that compare with a reference are left out.

    Returns:
        By name: `time`, shape (frames,), and the measures, shape (frames, *batch), float64.

    Raises:
        InputError: for a point without a position along an axis, or outside of the domain.

    Examples:
        >>> series = ps.metrics.series(frames, probes=[dict(y=100, x=50)])
        >>> series["drag"].shape, series["velocity.x at y=100 x=50"].shape
        ((4,), (4,))
    """
    from . import METRICS

    frames = frames.numpy()
    flow: Flow = frames.flow  # type: ignore[assignment]
    given = list(METRICS.values() if metrics is None else metrics)
    chosen = [m for m in given if m.compute and m.applies(flow)] + [probe_metric(flow, at) for at in probes]
    one = {n: a[0, :1] for n, a in frames.arrays.items()}, {n: p[:1] for n, p in frames.parameters.items()}
    chosen = [m for m in chosen if len(frames) and single(_measured(m, flow, *one))]  # a spectrum is left out
    parts = []
    for first in range(0, len(frames), TOGETHER):
        arrays = {n: a[first : first + TOGETHER] for n, a in frames.arrays.items()}
        count = len(next(iter(arrays.values())))
        flat = {n: a.reshape(-1, *a.shape[2:]) for n, a in arrays.items()}
        parameters = {n: np.concatenate([p] * count) for n, p in frames.parameters.items()}
        values = {n: v for m in chosen for n, v in single(_measured(m, flow, flat, parameters)).items()}
        shape = count, *frames.batch_shape.sizes
        parts.append({n: np.asarray(v, np.float64).reshape(shape) for n, v in values.items()})
    measured = {n: np.concatenate([p[n] for p in parts]) for n in (parts[0] if parts else ())}
    return {"time": np.array(frames.times, np.float64)} | measured


def _measured(metric: Metric, flow: Flow, arrays: Arrays, parameters: dict) -> dict[str, np.ndarray]:
    values = metric.compute(flow, arrays, parameters)  # type: ignore[misc]
    return values if isinstance(values, dict) else {metric.name: values}


def single(values: dict[str, np.ndarray], axes: int = 1) -> dict[str, np.ndarray]:
    """
    Those of some measures that are single numbers, with `axes` axes for states; what there is of each obstacle
    (`drag_per_obstacle`, one axis more) by its number (`drag of obstacle 1`). A spectrum is left out.
    """
    result = {}
    for name, value in values.items():
        if np.ndim(value) == axes:
            result[name] = value
        elif name.endswith(EACH) and np.ndim(value) == axes + 1:
            kind = name.removesuffix(EACH)
            result |= {f"{kind} of obstacle {k + 1}": value[..., k] for k in range(value.shape[-1])}
    return result


def probe_metric(flow: Flow, at: Point) -> Metric:
    """All fields of a flow at a point, as a metric without a table; raises InputError for a point that is none."""
    own = ", ".join(flow.resolution)
    if not isinstance(at, Mapping):
        raise InputError(f"A probe is a dictionary by axis ({own}), in a list of such, not {quoted(at)}.")
    if set(at) != set(flow.resolution):
        raise InputError(f"A probe needs a position along each of the axes {own}, not along {', '.join(at) or 'none'}.")
    for d, value in at.items():
        if not (is_real(value) and 0 <= value <= flow.size[d]):
            raise InputError(f"A probe at {d}={value} is not in the domain: {d} from 0 to {flow.size[d]:g}.")
    place = {d: float(at[d]) for d in flow.resolution}
    label = " ".join(f"{d}={v:g}" for d, v in place.items())
    names = [n for layout in flow.layouts.values() for n in layout.arrays if layout.name != "time"]

    def compute(flow: Flow, arrays: Arrays, parameters: Arrays) -> dict[str, np.ndarray]:
        return {f"{n} at {label}": probe(flow, arrays, n, place) for n in names}

    return Metric(f"probe {label}", compute, summary=lambda flow, series, reference: {})


def write_series(series: dict, path: str | Path, simulations: Sequence[Mapping] | None = None):
    """
    Series as CSV or Parquet, by the ending of the file: one row per time and simulation, what tells simulations apart,
    `time`, and the measures, in Parquet as float64.

    Args:
        series: As `series` returns them.
        path: File, `.csv` or `.parquet`; its folder is made.
        simulations: Facts of each simulation, such as its parameters, for the first columns; default: of a batch its
            number, `simulation`.

    Raises:
        InputError: for another ending.
        MissingError: for Parquet without pyarrow.
    """
    path = Path(path)
    check_ending(path)
    time = np.asarray(series["time"])
    columns = {n: np.asarray(v).reshape(len(time), -1) for n, v in series.items() if n != "time"}
    count = max((v.shape[1] for v in columns.values()), default=1)
    if simulations is None:
        simulations = [{"simulation": i} if count > 1 else {} for i in range(count)]
    table = {n: [facts[n] for facts in simulations for _ in time] for n in simulations[0]}
    table |= {"time": np.tile(time, count)} | {n: v.T.ravel() for n, v in columns.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (_parquet if path.suffix == PARQUET else _csv)(table))


def check_ending(path: Path):
    """Raises InputError for an ending that series don't have, MissingError without what Parquet needs."""
    if path.suffix == PARQUET:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise MissingError("Parquet needs pyarrow: pip install 'phi_sol[parquet]'.") from None
    elif path.suffix != ".csv":
        raise InputError(f"Series are written as .csv or {PARQUET}, not as {path.name}.")


def _csv(table: dict) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(table)
    for values in zip(*table.values(), strict=True):
        rows.writerow([f"{v:.9g}" if isinstance(v, np.floating) else v for v in values])
    return text.getvalue().encode()


def _parquet(table: dict) -> bytes:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(table), image := io.BytesIO())
    return image.getvalue()
