"""Timing and output shared by the benchmarks."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from rich.console import Console
from rich.table import Table


def side_by_side(cases: dict[str, Callable[[], object]], seconds: float = 5.0) -> dict[str, float]:
    """Median milliseconds of each case, alternating between them for about `seconds` each; the first call is not counted."""
    times = {name: [] for name in cases}
    for case in cases.values():
        case()
    deadline = time.perf_counter() + seconds * len(cases)
    while time.perf_counter() < deadline or min(map(len, times.values())) < 3:
        for name, case in cases.items():
            begin = time.perf_counter()
            case()
            times[name].append(1e3 * (time.perf_counter() - begin))
    return {name: statistics.median(t) for name, t in times.items()}


def report(name: str, rows: list[dict]):
    """Prints rows of {name, size, batch, median_ms, baseline, baseline_ms, ratio} and writes them as JSON."""
    table = Table(title=name, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()])
    Console(width=120).print(table)
    path = Path(__file__).parent / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


def row(name: str, size: str, batch: int, ms: float, baseline: str, baseline_ms: float) -> dict:
    """`ratio` is baseline over measured: above 1, the measured side is faster."""
    return {"name": name, "size": size, "batch": batch, "median_ms": ms, "baseline": baseline, "baseline_ms": baseline_ms, "ratio": baseline_ms / ms}
