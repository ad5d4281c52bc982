"""What is said and kept while a benchmark runs: what is being measured, each row as it comes, the time that is left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

KEY = ("name", "size", "batch", "baseline")  # of a row among those of its part


@dataclass
class Course:
    """
    Of one part.

    Attributes:
        keep: Is called with all rows so far whenever there are more, so that none is lost.
        seconds: How long it is going to take, if that is known from before.
        rows: So far.
    """

    keep: Callable[[list[dict]], None] = lambda rows: None
    seconds: float | None = None
    rows: list[dict] = field(default_factory=list)
    begin: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> str:
        """The time that is left, in words, or nothing."""
        if self.seconds is None:
            return ""
        left = self.seconds - (time.perf_counter() - self.begin)
        return f", about {words(left)} left" if left > 0 else ", longer than the last time"


_courses: list[Course] = []


def words(seconds: float) -> str:
    """`45 s` or `12 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@contextmanager
def course(keep: Callable[[list[dict]], None], seconds: float | None) -> Iterator[Course]:
    """Within it `measuring` and `measured` are of this part."""
    _courses.append(Course(keep, seconds))
    try:
        yield _courses[-1]
    finally:
        _courses.pop()


def measuring(what: str):
    """Says what comes now, and when."""
    left = _courses[-1].left if _courses else ""
    print(f"  {time.strftime('%H:%M:%S')} {what}{left}", flush=True)


def measured(rows: list[dict]) -> list[dict]:
    """Says rows that have come, keeps and returns them."""
    for row in rows:
        ratio = f"{row['median_ms']:.3g} ms, {row['baseline']} {row['baseline_ms']:.3g} ms: {row['ratio']:.3g}x"
        print(f"    {row['name']}, {row['size']}, batch {row['batch']}: {ratio}", flush=True)
    if _courses:
        _courses[-1].rows += rows
        _courses[-1].keep(_courses[-1].rows)
    sys.stdout.flush()
    return rows


def replaced(known: list[dict], rows: list[dict]) -> list[dict]:
    """Known rows with those in their places that were measured again, and then those that are new."""
    new = {tuple(r.get(k) for k in KEY): r for r in rows}
    result = [new.pop(tuple(r.get(k) for k in KEY), r) for r in known]
    return result + list(new.values())
