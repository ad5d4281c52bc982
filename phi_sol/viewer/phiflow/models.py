"""What PhiFlow's own pages show and steer: `VisModel`s over a live or a recorded simulation."""

import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from phi.math import EMPTY_SHAPE, spatial
from phi.vis._vis_base import Action, Control, VisModel

from ...errors import InputError
from ...flows.base import SEED
from ...pictures.panels import FIELDS, VOLUME, View, colour_range, drawn_axes
from ...pictures.values import MAGNITUDE, VALUE, Values, quantities
from ..figures import single
from ..live import SOLVERS, Live
from ..recording import Recording
from .compat import Shown, one_line


class LiveControl(Control):
    """Starts at the current value whenever a page is loaded; PhiFlow's start at their first value again."""

    __slots__ = ()

    @property
    def initial(self):
        return self.kwargs["current"]()


def control(name: str, kind: type, limits: tuple, current: Callable, description: str = "", **options) -> LiveControl:
    """A control whose value comes from `current()`."""
    return LiveControl(name, kind, None, limits, description, options | {"current": current})


def control_of(name: str, given) -> tuple[Any, Any, dict]:
    """(value, range, options) of a control that is given as a value, or (value, lowest, highest), or (text, texts)."""
    value, *limits = given if isinstance(given, tuple) else (given,)
    kind = type(value)
    if kind not in (bool, int, float, str):
        raise InputError(f"The control {name!r} must start with a number, a truth value or a text, not {value!r}.")
    if kind is bool:
        return value, None, {}
    if kind is str:
        return value, tuple(limits[0]) if limits else None, {}
    if len(limits) not in (0, 2):
        raise InputError(f"The control {name!r} must be a value or (value, lowest, highest), not {given!r}.")
    lower, upper = limits or ((0, 2 * value) if value > 0 else (2 * value, -2 * value) if value < 0 else (-1, 1))
    if not lower <= value <= upper or lower == upper:
        raise InputError(f"The control {name!r} needs lowest <= value <= highest, not {given!r}.")
    return value, (kind(lower), kind(upper)), {"log": False} if kind is float else {}


def end_play(app, patience: float = 10.0):
    """Pauses PhiFlow's player and waits until the step that it is at has ended."""
    app.pause()
    deadline = time.monotonic() + patience
    while app.play_status and time.monotonic() < deadline:
        time.sleep(0.01)


class BaseModel(VisModel):
    """Has a log, and reports what goes wrong instead of raising it; by itself it shows nothing."""

    field_names: tuple = ()
    curve_names: tuple = ()
    controls: tuple = ()
    actions: tuple = ()
    drawn: tuple[str, ...] = ()
    can_progress = True

    def __init__(self, name: str, description: str):
        super().__init__(name, description)
        self.stop: Callable[[], None] = lambda: None
        self._folder = tempfile.TemporaryDirectory(prefix="phi_sol_view_")
        self.log_file = str(Path(self._folder.name) / "view.log")
        self.log = logging.Logger(f"{__name__}.{name}", logging.INFO)  # one that logging does not keep for ever
        self._handler = logging.FileHandler(self.log_file)
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self.log.addHandler(self._handler)
        self.log.info("viewer started")

    def close(self):
        """Removes the log."""
        self.log.removeHandler(self._handler)
        self._handler.close()
        self._folder.cleanup()

    def progress(self):
        self.report("There is nothing to step.")
        self.stop()

    def report(self, message: str):
        """Shows a message on the pages and keeps it in the log."""
        self.message = message
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

    @staticmethod
    def in_background(call: Callable[[], object]):
        """Calls in a thread and waits for it half a second at most, so that a page answers while something compiles."""
        thread = Thread(target=call, daemon=True)
        thread.start()
        thread.join(0.5)

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
        across, index = next(iter(selection.items()), (VOLUME if len(values.axes) == 3 else "", 0))
        position = values.bounds[across][0] + (index + 0.5) * values.spacing[across] if across in values.axes else 0.0
        view = View(name, quantity, drawn_axes(values.axes, self.drawn), FIELDS, across, position)
        limits = colour_range([view.whole(self.values(n)) for n in self.peers(name)], False)
        return single(values, view, limits, arrows=values.is_vector and component is None)


class LiveModel(BaseModel):
    """Source, corrected and reference simulation, stepped by PhiFlow's player."""

    def __init__(self, live: Live, name: str, description: str, save_folder: Callable[[], Path], ranges: dict):
        """Scenes go to `save_folder()`, which may raise InputError; sliders have `ranges` (lowest, highest)."""
        super().__init__(name, description)
        self.live, self.save_folder, self.ranges, self.drawn = live, save_folder, ranges, live.flow.drawn
        self.field_names = tuple(f"{s} {f}" for f in live.examples for s in SOLVERS)
        poke = [Action("poke", "Adds a swirl to all three")] if live.can_poke else []
        self.actions = (Action("reset", "Back to the start"), *poke, Action("save_scene", "Saves all three"))

    def values(self, name: str) -> Values:
        solver, _, field = name.partition(" ")
        return self.live.values(solver)[field]

    def peers(self, name: str) -> list[str]:
        return [f"{s} {name.partition(' ')[2]}" for s in SOLVERS]

    def progress(self):
        with self.progress_lock:
            if self.safely(f"Step {self.live.steps + 1}", self.live.step):
                self.message = None
            self.steps = self.live.steps

    @property
    def curve_names(self) -> tuple:
        return tuple(f"{n}_velocity_MAE" for n, c in self.live.curves.items() if len(c))

    def get_curve(self, name: str) -> tuple:
        return tuple(np.array(self.live.curves[name.partition("_")[0]]).T)

    @property
    def controls(self) -> tuple:
        live, result = self.live, []
        for name in live.parameters:
            kind: type = int if name == SEED else float
            options: dict = {} if name == SEED else {"log": True}
            current = lambda n=name, k=kind: k(live.parameters[n])  # noqa: E731
            result.append(control(name, kind, self.ranges[name], current, **options))
        if live.correctors:
            result.append(control("gain", float, (0.0, 1.0), lambda: live.gain, "Factor of the correction", log=False))
        return tuple(result)

    def get_control_value(self, name: str):
        return self.live.gain if name == "gain" else self.live.parameters[name]

    def set_control_value(self, name: str, value):
        setter = self.live.set_gain if name == "gain" else lambda v: self.live.set_parameter(name, v)
        self.in_background(lambda: self.safely(f"Setting {name}", lambda: setter(value)))

    def run_action(self, name: str):
        live = self.live
        calls = {
            "reset": ("Reset", lambda: live.reset() or "Reset."),
            "poke": ("Poke", lambda: live.poke() or "Poked."),
            "save_scene": ("Saving", lambda: f"Saved step {live.steps} in {live.save(self.save_folder())}."),
        }

        def act(what: str, call: Callable[[], str]):
            self.safely(what, lambda: self.report(call()))
            self.steps = live.steps

        self.in_background(lambda: act(*calls[name]))


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
        with self.progress_lock:
            if self.steps + 1 < len(self.recording.frames):
                self.steps += 1
            else:
                self.report("Last frame.")
                self.stop()

    @property
    def controls(self) -> tuple:
        last = max(1, len(self.recording.frames) - 1)
        return (control("frame", int, (0, last), lambda: min(self.steps, last)),)

    def get_control_value(self, name: str):
        return self.steps

    def set_control_value(self, name: str, value):
        self.steps = int(value)
