"""What PhiFlow's own pages show and steer: `VisModel`s over a live or a recorded simulation."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Semaphore, Thread

import numpy as np
from phi.math import EMPTY_SHAPE, spatial
from phi.vis._vis_base import Action, Control, VisModel, get_control_by_name

from ...errors import InputError, one_line
from ...flows.base import SEED
from ...metrics.metric import compared_arrays, compared_fields
from ...pictures.panels import FIELDS, VOLUME, Choice, colour_range, drawn_axes
from ...pictures.values import MAGNITUDE, VALUE, Values, quantities
from ...texts import printable_lines
from ..ending import remove, temporary_folder
from ..live import SOLVERS, Live
from ..recording import Recording
from .compat import Shown

LOG_SIZE = 1 << 20  # bytes
WAITING = 16  # calls from pages that may wait to be done


class Setting(Control):
    """A control that starts at its current value whenever a page is loaded; PhiFlow's start at their first again."""

    __slots__ = ()

    @classmethod
    def of(cls, name: str, kind: type, limits, read: Callable, write: Callable, **options) -> "Setting":
        """A control whose value is what `read()` gives and `write(value)` sets."""
        return cls(name, kind, None, limits, "", options | {"read": read, "write": write})

    @property
    def initial(self):
        return self.kwargs["read"]()


def end_play(app, patience: float = 10.0):
    """Pauses PhiFlow's player and waits until the step that it is at has ended."""
    app.pause()
    deadline = time.monotonic() + patience
    while app.play_status and time.monotonic() < deadline:
        time.sleep(0.01)


class BaseModel(VisModel):
    """Has a log, and reports what goes wrong instead of raising it; by itself it shows nothing."""

    field_names: tuple = ()
    controls: tuple[Setting, ...] = ()
    drawn: tuple[str, ...] = ()
    can_progress = True
    _calls: Mapping[Action, tuple[str, Callable[[], object]]] = {}  # name for messages, and what an action does
    _curves: Mapping[str, Sequence[tuple[int, float]]] = {}  # (step, value)

    def __init__(self, name: str, description: str):
        super().__init__(name, description)
        self.stop: Callable[[], None] = lambda: None
        self._waiting = Semaphore(WAITING)
        self._folder = temporary_folder()
        self.log_file = str(Path(self._folder.name) / "view.log")
        self.log = logging.Logger(f"{__name__}.{name}", logging.INFO)  # one that logging does not keep for ever
        self._handler = RotatingFileHandler(self.log_file, maxBytes=LOG_SIZE, backupCount=1)
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self.log.addHandler(self._handler)
        self.log.info("viewer started")

    def close(self):
        """Removes the log."""
        self.log.removeHandler(self._handler)
        self._handler.close()
        remove(self._folder)

    def progress(self):
        self.report("There is nothing to step.")
        self.stop()

    def report(self, message: str):
        """Shows a message on the pages and keeps it in the log."""
        self.message = message = printable_lines(message)
        if message:
            self.log.info(message)

    def safely(self, what: str, call: Callable[[], object]) -> bool:
        """Calls; an error becomes the message, stops the play, and the answer false."""
        try:
            call()
            return True
        except (InputError, ArithmeticError) as err:
            reason = str(err)
        except Exception as err:
            self.log.exception("%s failed", what)
            reason = one_line(err)
        self.report(f"{what} failed: {reason}")
        self.stop()
        return False

    def in_background(self, what: str, call: Callable[[], object]):
        """
        Calls safely in a thread, and waits half a second at most: a page answers while something compiles. Where a
        number of calls wait already, this one is dropped, and it is said.
        """
        if not self._waiting.acquire(blocking=False):
            self.report(f"{what} was dropped: {WAITING} others wait to be done.")
            return

        def work():
            try:
                self.safely(what, call)
            finally:
                self._waiting.release()

        thread = Thread(target=work, daemon=True)
        thread.start()
        thread.join(0.5)

    @contextmanager
    def stepping(self):
        """Gives whether a step may be taken: not while another one is under way, which nobody has to wait for."""
        free = self.progress_lock.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self.progress_lock.release()

    @property
    def actions(self) -> tuple:
        return tuple(self._calls)

    def run_action(self, name: str):
        self.in_background(*next(call for action, call in self._calls.items() if action.name == name))

    def get_control_value(self, name: str):
        return get_control_by_name(self, name).initial

    def set_control_value(self, name: str, value):
        self.in_background(f"Setting {name}", partial(get_control_by_name(self, name).kwargs["write"], value))

    @property
    def curve_names(self) -> tuple:
        return tuple(n for n, c in list(self._curves.items()) if len(c))  # others may be added meanwhile

    def get_curve(self, name: str) -> tuple:
        return tuple(np.array(self._curves[name]).T)

    def get_field(self, name: str, dim_selection: dict):
        """What the pages draw of a field."""
        return Shown(partial(self._figure, name, dim_selection))

    def get_field_shape(self, name: str):
        try:
            return spatial(**self.values(name).resolution)
        except InputError:
            return EMPTY_SHAPE

    def values(self, name: str) -> Values:
        """Values of a field. Raises InputError where there are none."""
        raise NotImplementedError

    def peers(self, name: str) -> list[str]:
        """Fields that share a colour scale with one."""
        return [name]

    def _figure(self, name: str, selection: dict[str, int], component: str | None):
        values = self.values(name)
        quantity = VALUE if not values.is_vector else MAGNITUDE if component in (None, "abs") else component
        if quantity not in quantities(values):
            raise InputError(f"{name} has no component {quantity}. Components: {', '.join(values.parts)}.")
        across, index = next(iter(selection.items()), (VOLUME, 0))
        choice = Choice(name, quantity, FIELDS, across, (index + 0.5) / values.resolution.get(across, 1))
        view = choice.view(values, drawn_axes(values.axes, self.drawn))
        limits = colour_range([view.whole(self.values(n)) for n in self.peers(name)], False)
        from ..figures import single  # needs Plotly, which what only defines models and loops does not

        return single(values, view, limits, arrows=values.is_vector and component is None)


class LiveModel(BaseModel):
    """Source, corrected and reference simulation, stepped by PhiFlow's player."""

    steps = property(lambda self: self.live.steps, lambda self, steps: None)  # PhiFlow sets it at first

    def __init__(self, live: Live, name: str, description: str, save_folder: Callable[[], Path], ranges: dict):
        """Scenes go to `save_folder()`, which may raise InputError; sliders have `ranges` (lowest, highest)."""
        super().__init__(name, description)
        self.live, self.drawn = live, live.drawn
        self.field_names = tuple(f"{s} {f}" for f in live.examples for s in SOLVERS)
        for n in (n for n in live.parameters if n not in live.flow.signed):  # no logarithm: they keep their values
            kind: type = int if n == SEED else float
            read = lambda n=n, kind=kind: kind(live.parameters[n])  # noqa: E731
            write = partial(live.set_parameter, n)
            self.controls += (Setting.of(n, kind, ranges[n], read, write, log=kind is float),)
        if live.correctors:
            self.controls += (Setting.of("gain", float, (0.0, 1.0), lambda: live.gain, live.set_gain, log=False),)
        said = lambda what, call: (what, lambda: self.report(call()))  # noqa: E731
        save = lambda: f"Saved step {live.steps} in {live.save(save_folder())}."  # noqa: E731
        self._calls = {Action("reset", "Back to the start"): said("Reset", lambda: live.reset() or "Reset.")}
        if live.can_poke:
            self._calls[Action("poke", "Adds a swirl to all three")] = said("Poke", lambda: live.poke() or "Poked.")
        self._calls[Action("save_scene", "Saves all three")] = said("Saving", save)

    def values(self, name: str) -> Values:
        solver, _, field = name.partition(" ")
        return self.live.values(solver)[field]

    def peers(self, name: str) -> list[str]:
        return [f"{s} {name.partition(' ')[2]}" for s in SOLVERS]

    def progress(self):
        with self.stepping() as free:
            if free and self.safely(f"Step {self.live.steps + 1}", self.live.step):
                self.message = None

    @property
    def _curves(self) -> dict:  # type: ignore[override]
        what = compared_fields(compared_arrays(self.live.flow)).replace(" ", "_")
        return {f"{n}_{what}_MAE": c for n, c in self.live.curves.items()}


class RecordedModel(BaseModel):
    """The frames of a PhiFlow scene, one after the other."""

    def __init__(self, recording: Recording, name: str, description: str, drawn: tuple[str, ...]):
        super().__init__(name, description)
        self.recording, self.drawn = recording, drawn

    @property
    def field_names(self) -> tuple:
        return tuple(self.recording.fields)

    def values(self, name: str) -> Values:
        frames = self.recording.frames
        if not frames:
            raise InputError("There is no complete frame yet.")
        return self.recording.read(name, frames[min(self.steps, len(frames) - 1)])

    def progress(self):
        with self.stepping() as free:
            if free and self.steps + 1 < len(self.recording.frames):
                self.steps += 1
            elif free:
                self.report("Last frame.")
                self.stop()

    @property
    def controls(self) -> tuple:
        last = max(1, len(self.recording.frames) - 1)
        show = lambda frame: setattr(self, "steps", int(frame))  # noqa: E731
        return (Setting.of("frame", int, (0, last), lambda: min(self.steps, last), show),)
