"""The sides of a comparison, each in a process of its own, and how they take turns."""

import functools
import multiprocessing
import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

PEERS = ("jax", "jaxlib", "jax_cfd", "exponax", "pyamg")
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
