"""What a metric is: a function with a name, a unit, a direction, and a place in `results.json` and its tables."""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..errors import InputError, quoted
from ..flows import Flow

BLEW_UP = "blew up"


@dataclass(frozen=True)
class Metric:
    """
    One measure of an evaluation: either what fields are by themselves (`compute`), or how far they are from the
    restricted reference (`compare`).

    Attributes:
        name: Its name, by which `results.json` has it.
        compute: `(flow, arrays, parameters)` -> values of shape (n, ...), or several of them by name. Arrays are those
            of n states, shape (n, *spatial) each; parameters have shape (n,).
        compare: `(flow, arrays, reference, names)` -> values of shape (n,); `names` are the arrays that are compared.
        unit: Of the values.
        better: Whether what `results.json` has of it is better when it is `smaller` or `larger`.
        column: Heading in the table of measures; empty for none. Those of `METRICS` may have several headings, each
            with what makes a cell from the entry.
        applies: Whether a flow has it.
        per_field: Whether every compared array has it on its own, too.
        summary: `(flow, series, reference)` -> entries of `results.json`, from all values of a solver and of the
            reference, by name, shape (frames, simulations, ...). Default: for `compare` the means up to t = 50,
            100, 250, 500; for `compute` the mean difference to the reference, relative to its mean magnitude.
        entry: Key of its entry; default: the name, for `compute` with `_error` behind it.
        table: Title of a table of its own, which the reference is in, too.
        note: What is to be said below the table.

    Raises:
        InputError: unless it has a name, one of the two functions, and a direction.

    Examples:
        >>> highest = lambda flow, arrays, parameters: arrays["velocity.y"].max(axis=(1, 2))
        >>> top_speed = ps.metrics.Metric("top_speed", highest, unit="m/s")
        >>> ps.metrics.series(frames, metrics=[top_speed])["top_speed"].shape
        (4,)
    """

    name: str
    compute: Callable[[Any, dict, dict], Any] | None = None
    _: KW_ONLY
    compare: Callable[[Any, dict, dict, list[str]], Any] | None = None
    unit: str = ""
    better: str = "smaller"
    column: str | dict[str, Callable[..., str]] = ""
    applies: Callable[[Flow], bool] = lambda flow: True
    per_field: bool = False
    summary: Callable[[Any, dict, dict], dict] | None = None
    entry: str = ""
    table: str = ""
    note: str = ""

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"A metric needs a name, not {quoted(self.name)}.")
        if callable(self.compute) == callable(self.compare):
            raise InputError(f"The metric {self.name!r} needs one function, either 'compute' or 'compare'.")
        if self.better not in ("smaller", "larger"):
            given = self.better
            raise InputError(f"{self.name!r} is better when 'smaller' or 'larger', not {quoted(given)}.")
        object.__setattr__(self, "entry", self.entry or (self.name if self.compare else f"{self.name}_error"))

    @property
    def columns(self) -> dict[str, Callable[..., str]]:
        """Headings, and what makes a cell from the entry."""
        return {self.column: shown} if isinstance(self.column, str) and self.column else self.column or {}

    @property
    def facts(self) -> dict:
        """What `results.json` says about it."""
        return {n: getattr(self, n) for n in ("entry", "unit", "better", "note")} | {"column": ", ".join(self.columns)}


def has_velocity(flow: Flow) -> bool:
    """Whether a flow has a staggered velocity, of which energy, vorticity and divergence are known."""
    return "velocity" in flow.fields and "velocity" in flow.staggered


def measured_fields(flow: Flow, fields: Iterable[str] = ()) -> tuple[str, ...]:
    """Fields whose errors are measured: velocity and `fields`; where a flow has none of these, all not prescribed."""
    there = dict.fromkeys(f for f in ("velocity", *fields) if f in flow.fields)
    return tuple(there or [f for f in flow.fields if f not in flow.prescribed])


def compared_arrays(flow: Flow, fields: Iterable[str] = ()) -> list[str]:
    """Arrays that errors average over: those of the velocity or, where there is none, of all `measured_fields`."""
    measured = measured_fields(flow, fields)
    return [n for f in measured if f == "velocity" or "velocity" not in measured for n in flow.layouts[f].arrays]


def compared_fields(names: Iterable[str]) -> str:
    """What errors of arrays are of: the velocity or, where there is none, the fields that they belong to."""
    fields = dict.fromkeys(n.partition(".")[0] for n in names)
    return "velocity" if "velocity" in fields else " and ".join(fields)


def error_label(names: Iterable[str]) -> str:
    """Label of an axis that shows the mean absolute error of arrays."""
    fields = compared_fields(names)
    return f"{fields} MAE (length / time)" if fields == "velocity" else f"{fields} MAE"


def number(value) -> float | None:
    """A float for JSON, which knows no NaN."""
    return float(value) if value is not None and np.isfinite(value) else None


def numbers(values) -> list[float | None]:
    return [number(v) for v in values]


def relative(errors: np.ndarray, scales: np.ndarray) -> float | None:
    """Mean over simulations of errors relative to scales; None where one of them is not finite, or a scale zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return number((errors / scales).mean())


def at_the_end(value):
    """The last of means over the first frames; a number as it is."""
    return list(value.values())[-1] if isinstance(value, dict) else value


def shown(value) -> str:
    """The cell of a number, or of the last of several means, with three digits."""
    value = at_the_end(value)
    return BLEW_UP if value is None else f"{value:.3g}" if isinstance(value, int | float) else "?"


def decimal(value: float | None, digits: int = 4, missing: str = BLEW_UP) -> str:
    return missing if value is None else f"{value:.{digits}f}"


def percent(value: float | None, missing: str = "") -> str:
    return missing if value is None else f"{100 * value:.3g} %"
