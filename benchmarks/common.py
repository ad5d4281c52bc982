"""What the parts share: rows, their table and their file, and the sides of a comparison."""

import datetime
import functools
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # inherited by the processes of the sides

from rich.console import Console
from rich.table import Table

PARTS = ("step", "pressure", "training", "networks", "memory", "startup")
PEERS = ("jax", "jaxlib", "jax_cfd", "pyamg")
PACKAGES = ("phi_sol", "phiflow", "phiml", "tensorflow", "keras", "numpy", "scipy", "jax", "jax-cfd", "pyamg")

Case = Callable[[], object]


class SkippedError(Exception):
    """A case or a peer that cannot be measured here. Its message is printed and its rows are left out."""


@dataclass(frozen=True)
class Effort:
    """
    How long to measure.

    Attributes:
        seconds: For each case of a comparison, in blocks that alternate between the cases.
        block: Length of a block in seconds; a case that takes longer is called once per block.
        rounds: Blocks of each case at least, however long they take.
        quick: Leave out what alone takes about a minute or more.
    """

    seconds: float = 5.0
    block: float = 0.5
    rounds: int = 3
    quick: bool = False


QUICK = Effort(seconds=0.4, block=0.2, rounds=1, quick=True)


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
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


# --- sides of a comparison ---


class Side:
    """
    One side of a comparison, in a process of its own, so that the libraries compared share neither thread pools nor
    global settings (PhiFlow switches JAX to 64 bits, for example). It waits idle while another side is measured.
    """

    def __init__(self, build: Callable[..., dict[str, Case]], timeout: float = 600.0, **environment: str):
        """
        Args:
            build: Called in the process with the arguments of `prepare`; imports its libraries there and returns cases.
                A case does one call to the end, with nothing left running, and returns arrays by name, or nothing.
            timeout: Seconds after which a request is given up and the process ended.
            environment: Environment variables of the process, which libraries read when they are imported.
        """
        context = multiprocessing.get_context("spawn")
        self._connection, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end, build), daemon=True)
        before = dict(os.environ)
        os.environ.update(environment)
        self._process.start()
        os.environ.clear()
        os.environ.update(before)
        far_end.close()
        self.timeout = timeout

    def prepare(self, *args) -> dict[str, float]:
        """
        Builds the cases for `args` in place of those before, and returns the seconds that the first call of each took.
        """
        return self._ask("prepare", *args)

    def block(self, case: str, seconds: float) -> list[float]:
        """Milliseconds of each call of a case, over about `seconds`, at least one call."""
        return self._ask("block", case, seconds)

    def value(self, case: str):
        """What a case returns."""
        return self._ask("value", case)

    def peak_mb(self) -> float:
        """The largest memory (resident set) of the process so far."""
        return self._ask("peak_mb")

    def close(self):
        self._process.kill()
        self._process.join()
        self._connection.close()

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *error):
        self.close()

    def _ask(self, *request):
        try:
            self._connection.send(request)
            if not self._connection.poll(self.timeout):
                self._process.kill()
                raise SkippedError(f"it takes more than {self.timeout:.0f} s")
            kind, answer = self._connection.recv()
        except (EOFError, OSError):
            raise SkippedError("its process has ended (out of memory?)") from None
        if kind == "skipped":
            raise SkippedError(answer)
        if kind == "error":
            raise RuntimeError(f"in the process of a side:\n{answer}")
        return answer


class _Cases:
    """What the process of a `Side` does; one method per request."""

    def __init__(self, build: Callable[..., dict[str, Case]]):
        self.build = build
        self.cases: dict[str, Case] = {}

    def prepare(self, *args) -> dict[str, float]:
        self.cases.clear()  # frees the memory of those before
        self.cases = self.build(*args)
        return {name: _milliseconds(case) / 1e3 for name, case in self.cases.items()}

    def block(self, case: str, seconds: float) -> list[float]:
        deadline, times = time.perf_counter() + seconds, []
        while not times or time.perf_counter() < deadline:
            times.append(_milliseconds(self.cases[case]))
        return times

    def value(self, case: str):
        import numpy as np

        return {name: np.asarray(array) for name, array in self.cases[case]().items()}

    def peak_mb(self) -> float:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _milliseconds(case: Case) -> float:
    begin = time.perf_counter()
    case()
    return 1e3 * (time.perf_counter() - begin)


def _serve(connection: Connection, build: Callable[..., dict[str, Case]]):
    cases = _Cases(build)
    while True:
        try:
            request, *args = connection.recv()
        except (EOFError, KeyboardInterrupt):  # the parent is gone, or going
            return
        try:
            answer = "done", getattr(cases, request)(*args)
        except SkippedError as err:
            answer = "skipped", str(err)
        except ModuleNotFoundError as err:
            missing = (err.name or "").partition(".")[0]
            answer = (
                ("skipped", f"{missing} is not installed") if missing in PEERS else ("error", traceback.format_exc())
            )
        except KeyboardInterrupt:
            return
        except Exception:
            answer = "error", traceback.format_exc()
        connection.send(answer)


def alternate(cases: dict[str, tuple[Side, str]], effort: Effort) -> dict[str, float]:
    """
    Median milliseconds per call of each case, in blocks that alternate between the cases.

    Blocks instead of single calls: a call right after another library's finds the caches and the processor's cores as
    that left them, which no program that uses one library meets.
    """
    times: dict[str, list[float]] = {label: [] for label in cases}
    deadline, rounds = time.perf_counter() + effort.seconds * len(cases), 0
    while rounds < effort.rounds or time.perf_counter() < deadline:
        for label, (side, case) in cases.items():
            times[label] += side.block(case, effort.block)
        rounds += 1
    return {label: statistics.median(t) for label, t in times.items()}


def lazily(make: Callable[..., Case], *args) -> Case:
    """A case that is made in its first call, so that the time of the first call includes the set-up."""
    made = functools.cache(lambda: make(*args))
    return lambda: made()()


# --- phi_sol, as every part uses it ---


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
