"""A table, whatever it is printed as, and what its cells are made with."""

from dataclasses import dataclass

from .. import displays
from ..metrics.metric import compared_fields, decimal
from .cost import REFERENCE


@dataclass(frozen=True)
class Table(displays.Displayed):
    """Cells as text under headings, names in the first column; with a note below, or nothing."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""

    def _shown(self) -> str:
        """As HTML, for reports and notebooks."""
        return displays.table(self.columns, self.rows, self.note)

    def __str__(self):
        """As plain text: names to the left, numbers to the right."""
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = ([c.rjust(w) for c, w in zip(line, widths, strict=True)] for line in lines)
        text = ["  ".join([line[0].ljust(widths[0]), *cells[1:]]) for line, cells in zip(lines, padded, strict=True)]
        return "\n".join([self.title, *(t.rstrip() for t in text), *([self.note] if self.note else [])])


def compared(results: dict) -> str:
    """What the errors are of: the velocity or, where there is none, the fields that are compared."""
    return compared_fields(results["solvers"]["SRC"].get("fields") or ["velocity"])


def ratio(value: float) -> str:
    """Two digits, without an exponent."""
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


def spread(mean: float | None, deviation: float | None, digits: int = 4) -> str:
    return decimal(mean, digits) + (f" ± {deviation:.{digits}f}" if deviation is not None else "")


def against_source(value: float | None, source: float | None) -> str:
    return "" if value is None or not source else f"{100 * (value / source - 1):+.0f} %"


def cost_of(entry: dict) -> float:
    """Milliseconds per unit of simulated time; per step in files of version 0.2 and before."""
    return entry.get("ms_per_time", entry["ms_per_step"])


def cost_unit(results: dict) -> str:
    return "ms / time" if "ms_per_time" in results["solvers"][REFERENCE] else "ms / step"
