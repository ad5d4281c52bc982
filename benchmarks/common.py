"""What the parts share: rows, their table and their file, and phi_sol's wake."""

import csv
import datetime
import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # inherited by the processes of the sides

from course import replaced
from rich.console import Console
from rich.table import Table
from sides import SkippedError

from phi_sol.version import __version__

PARTS = ("step", "periodic", "pressure", "training", "networks", "memory", "startup")
PACKAGES = ("phiflow", "phiml", "tensorflow", "keras", "numpy", "scipy", "jax", "jax-cfd", "pyamg")

# --- rows ---


def row(name: str, size: str, batch: int, ms: float, baseline: str, baseline_ms: float, **further) -> dict:
    """`ratio` is baseline over measured: above 1, the measured side is faster. `further` keys come last."""
    figures = {"median_ms": ms, "baseline": baseline, "baseline_ms": baseline_ms, "ratio": baseline_ms / ms}
    return {"name": name, "size": size, "batch": batch} | {k: five_digits(v) for k, v in (figures | further).items()}


def five_digits(value):
    return float(f"{value:.5g}") if isinstance(value, float) else value


def size_name(resolution: dict[str, int]) -> str:
    return "x".join(map(str, resolution.values()))


def skip(what: str, why: str | Exception):
    """Says that something is left out."""
    print(f"  skipped {what}: {why}", flush=True)


def show(title: str, rows: list[dict]):
    """Prints rows as a table; a key that not every row has is empty in the others."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(
            column, justify="left" if isinstance(next(r[column] for r in rows if column in r), str) else "right"
        )
    for r in rows:
        table.add_row(*[f"{v:.3g}" if isinstance(v := r.get(c, ""), float) else str(v) for c in columns])
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def shown(errors: list[float | None]) -> str:
    """Mean and deviation of errors, or how many are of runs that blew up; a single one has no deviation."""
    from phi_sol.evaluation.groups import mean_and_deviation

    mean, deviation = mean_and_deviation(errors)
    if mean is None:
        return f"blows up in {errors.count(None)} of {len(errors)}"
    return f"{mean:.4f}" if deviation is None else f"{mean:.4f} ± {deviation:.4f}"


def read_json(path: Path, default):
    return json.loads(path.read_text()) if path.exists() else default


def write_json(path: Path, content):
    """Writes the whole file or nothing."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)


def save(path: Path, part: str, rows: list[dict]):
    """Replaces the rows of `part` in the file at `path`, keeps those of the others, in the order of `PARTS`."""
    kept = [r for r in read_json(path, []) if r["part"] != part]
    rows = kept + [r | {"part": part} for r in rows]
    write_json(path, sorted(rows, key=lambda r: PARTS.index(r["part"])))


def save_some(path: Path, part: str, rows: list[dict]):
    """Puts rows of `part` into the file at `path`, in the places of what was measured of the same before."""
    known = [{k: v for k, v in r.items() if k != "part"} for r in read_json(path, []) if r["part"] == part]
    save(path, part, replaced(known, rows))


def save_machine(path: Path, part: str, seconds: float, quick: bool):
    """Writes what the figures were measured on; `parts` says when and how each of them was."""
    parts = read_json(path, {}).get("parts", {})
    parts[part] = {
        "date": datetime.date.today().isoformat(),
        "seconds": round(seconds),
        "quick": quick,
        "versions": versions(),
    }
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    write_json(
        path,
        {
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_gb": memory,
            "system": platform.platform(),
            "parts": parts,
        },
    )


def processor() -> str:
    """The processor's name as Linux knows it; elsewhere what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "phi_sol": __version__}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


# --- phi_sol, as every part uses it ---


def phi_sol(*arguments: str):
    """A command of phi_sol; raises CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-m", "phi_sol", *arguments], check=True)


def last_line(run: Path) -> dict[str, str]:
    """Of the log of a training."""
    return list(csv.DictReader((run / "log.csv").open()))[-1]


def wake_flow(resolution: dict[str, int], **settings):
    """
    A wake flow.

    Raises:
        SkippedError: where phi_sol has no wake flow of this dimension.
    """
    from phi_sol import InputError, WakeFlow

    try:
        return WakeFlow(**resolution, **settings)
    except InputError as err:
        raise SkippedError(str(err)) from None


def rollout(flow, steps: int) -> Callable:
    """A function of (arrays, parameters, dt) that does `steps` steps in one compiled call, where phi_sol has that."""
    if hasattr(flow, "loop"):
        return functools.partial(flow.loop.steps, steps=steps)

    def loop(arrays, parameters, dt):
        for _ in range(steps):
            arrays = flow.compiled(arrays, parameters, dt)
        return arrays

    return loop
