"""
One door for progress: a bar in terminals and notebooks, elsewhere a line on stderr now and then. Whoever works calls a
function of (part, done, total); what shows it is decided here.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .displays import as_html, bar
from .errors import InputError, quoted

LINES_EVERY = 30.0  # seconds between lines where there is neither a terminal nor a notebook
DRAW_EVERY = 0.2  # and between changes of a bar in a notebook

_elsewhere: list[Callable[..., None]] = []  # see `sent_to`
Show = Callable[..., None]
"""Called with (part, done, total), and by name `info`, what to say besides, and `title`, if it is not the part."""


@dataclass
class Part:
    """A part of the work."""

    title: str
    first: float
    """What was done when it was first heard of."""
    done: float
    total: float
    info: str = ""
    begin: float = field(default_factory=lambda: time.monotonic())
    moved: float = field(default_factory=lambda: time.monotonic())
    """When it was last heard of with nothing done yet: what is compiled before says nothing of the speed."""

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 1.0

    @property
    def speed(self) -> float:
        """Per second, since it moved."""
        elapsed = time.monotonic() - self.moved
        return (self.done - self.first) / elapsed if elapsed > 0 else 0.0

    def line(self, unit: str, ended: bool = False) -> str:
        """`wake_2d train: 12 % of 5000, 320 steps/s, 0:02 so far, 0:14 to go`; or, ended, `..., 320 steps/s, 0:16`."""
        of, elapsed = f" of {self.total:g}" if self.total > 1 else "", time.monotonic() - self.begin
        speed = f"{self.speed:.3g} {unit}" if unit and self.done > self.first else ""
        texts = [f"{self.title}: {100 * self.share:.0f} %{of}", self.info or speed]
        if ended:
            texts.append(_clock(elapsed) if self.share == 1 else f"stopped after {_clock(elapsed)}")
            return ", ".join(t for t in texts if t)
        texts.append(f"{_clock(elapsed)} so far")
        if 0 < self.share < 1 and self.speed > 0:
            texts.append(f"{_clock((self.total - self.done) / self.speed)} to go")
        return ", ".join(t for t in texts if t)


class Lines:
    """A line for a part on stderr every half minute, and one at the end of a part that had some."""

    def __init__(self, unit: str = "", after: float = 0.0):
        """`unit`: of the speed; `after`: seconds of work before anything is shown."""
        self.unit, self.after, self.parts, self.begin, self.drawn = unit, after, {}, time.monotonic(), 0.0
        self._said: dict[str, float] = {}

    def __call__(self, part: str, done: float, total: float, *, info: str = "", title: str = ""):
        shown = self.parts.setdefault(part, Part(part, done, done, total))
        shown.title, shown.done, shown.total, shown.info = title or part, done, total, info
        if done == shown.first:
            shown.moved = time.monotonic()
        if time.monotonic() - self.begin >= self.after:
            self.draw(part, shown)

    def draw(self, name: str, part: Part):
        now = time.monotonic()
        due = now - self._said.get(name, part.begin) >= LINES_EVERY
        if due or (name in self._said and part.share == 1 and self._said[name] < float("inf")):
            print(part.line(self.unit), file=sys.stderr, flush=True)
            self._said[name] = float("inf") if part.share == 1 else now

    def close(self):
        """Nothing more will come."""


class Notebook(Lines):
    """
    One line in the output of a notebook's cell, without further packages: a bar of what is under way, and in the end
    what was done last, and how long it took. (What is under way at the same time has a bar each.)
    """

    _handle: Any = None
    _last: Part | None = None

    def draw(self, name: str, part: Part):
        self._last = part
        if time.monotonic() - self.drawn >= DRAW_EVERY:
            shown = [p for p in self.parts.values() if p.share < 1] or [part]
            rows = "".join(bar(p.share, p.line(self.unit)) for p in shown)
            self._update(rows, "\n".join(p.line(self.unit) for p in shown))

    def _update(self, html: str, text: str):
        from IPython.display import DisplayHandle

        self.drawn, given = time.monotonic(), {"text/html": html, "text/plain": text}
        if self._handle is None:
            # known before it is seen: whatever interrupts that, `close` has the last word
            self._handle = DisplayHandle()
            self._handle.display(given, raw=True)
        else:
            self._handle.update(given, raw=True)

    def close(self):
        if self._handle is not None and self._last is not None:
            text = self._last.line(self.unit, ended=True)
            self._update(f"<div>{as_html(text)}</div>", text)


class Terminal(Lines):
    """Bar, share, speed or what is said besides, elapsed and remaining time on stderr, by rich, from a part on."""

    def __init__(self, unit: str = "", after: float = 0.0):
        super().__init__(unit, after)
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def draw(self, name: str, part: Part):
        if self._bar is None:  # not before: an error would come after an empty line
            self._bar = _rich_bar(self.unit)
            self._bar.start()
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(part.title, total=part.total, completed=part.first, info="")
        what = dict(completed=part.done, total=part.total, description=part.title, info=part.info)
        self._bar.update(self._tasks[name], **what)

    def close(self):
        if self._bar is not None:
            self._bar.stop()


def _rich_bar(unit: str):
    from rich import progress
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text

    class Info(progress.ProgressColumn):
        def render(self, task):
            speed = task.finished_speed or task.speed
            given = task.fields["info"] or (f"{speed:.0f} {unit}" if speed and unit else "")
            return Text(given, no_wrap=True)

    name = progress.TextColumn("{task.description}", table_column=Column(no_wrap=True), markup=False)
    columns = [name, progress.BarColumn(10), progress.TaskProgressColumn(), Info()]
    columns += [progress.TimeElapsedColumn(), progress.TimeRemainingColumn()]
    return progress.Progress(*columns, console=Console(stderr=True))


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return any(c.__name__ == "ZMQInteractiveShell" for c in type(shell).__mro__)  # Colab's is a subclass


def _clock(seconds: float) -> str:
    minutes, hours = int(seconds) // 60 % 60, int(seconds) // 3600
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{int(seconds) % 60:02d}"


@contextmanager
def showing(progress: bool | Show, unit: str = "", after: float = 0.0) -> Iterator[Show]:
    """
    Gives a function of (part, done, total) that shows how far a work is.

    Args:
        progress: True to show it, False for nothing, or a function of one's own of (part, done, total).
        unit: Of the speed, such as `steps/s`.
        after: Seconds of work before anything is shown.

    Raises:
        InputError: if `progress` is none of these.
    """
    if callable(progress):
        yield lambda part, done, total, **_: progress(part, done, total)
        return
    if not isinstance(progress, bool):
        raise InputError(f"progress must be True, False or a function, not {quoted(progress)}.")
    if not progress:
        yield lambda *args, **options: None
        return
    if _elsewhere:
        yield _elsewhere[-1]
        return
    shown = (Notebook if _in_notebook() else Terminal if sys.stderr.isatty() else Lines)(unit, after)
    try:
        yield shown
    finally:
        shown.close()


@contextmanager
def sent_to(show: Callable[..., None]) -> Iterator[None]:
    """Within it, progress that would be shown goes to this function instead: of a process that others wait for."""
    _elsewhere.append(show)
    try:
        yield
    finally:
        _elsewhere.pop()
