"""What PhiFlow's own pages show and steer: `VisModel`s over a live or a recorded simulation."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from phi.vis._vis_base import Action, Control, VisModel

from ..errors import InputError
from ..flows.base import SEED
from .compat import Notice, Shown, one_line
from .live import SOLVERS, Live
from .recording import Recording
from .values import MAGNITUDE, VALUE, Values, colour_range, picture

VECTOR_LIMIT = {1: 1000, 2: 64, 3: 16}  # cells per axis on PhiFlow's pages, by dimension


class LiveControl(Control):
    """A control that starts at the current value whenever a page is loaded; PhiFlow's start at their first value again."""

    __slots__ = ()

    @property
    def initial(self):
        return self.kwargs["current"]()


def control(name: str, kind: type, limits: tuple, current: Callable, description: str = "", **options) -> LiveControl:
    """A control whose value comes from `current()`."""
    return LiveControl(name, kind, None, limits, description, options | {"current": current})


def to_field(values: Values):
    """A PhiFlow field at the cell centres, coarse enough to be drawn."""
    from phi import math
    from phi.field import CenteredGrid
    from phi.geom import Box
    from phi.math import channel, spatial

    limit = VECTOR_LIMIT[len(values.axes)]
    pictures = {n: picture(Values(values.bounds, {"": p}), VALUE).coarsened(limit) for n, p in values.at_centres().items()}
    with math.NUMPY:
        tensors = {n: math.wrap(p.values, spatial(",".join(values.axes))) for n, p in pictures.items()}
        tensor = tensors[""] if "" in tensors else math.stack(tensors, channel(vector=list(tensors)))
        bounds = Box(**{d: (float(a), float(b)) for d, (a, b) in values.bounds.items()})
        return CenteredGrid(tensor, 0.0, bounds=bounds)


class BaseModel(VisModel):
    """Log file, safe reading of fields, and steps that report what goes wrong instead of raising it; by itself it shows nothing."""

    field_names: tuple = ()
    curve_names: tuple = ()
    controls: tuple = ()
    actions: tuple = ()

    def __init__(self, name: str, description: str):
        super().__init__(name, description)
        self.stop: Callable[[], None] = lambda: None
        self._folder = tempfile.TemporaryDirectory(prefix="phi_sol_view_")
        self.log_file = str(Path(self._folder.name) / "view.log")
        self.log = logging.getLogger(f"{__name__}.{id(self)}")
        self.log.setLevel(logging.INFO)
        self.log.propagate = False
        handler = logging.FileHandler(self.log_file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self.log.addHandler(handler)
        self.log.info("viewer started")

    @property
    def can_progress(self) -> bool:
        return True

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
        except Exception as err:
            if not isinstance(err, InputError | ArithmeticError):
                self.log.exception("%s failed", what)
            self.report(f"{what} failed: {err if isinstance(err, InputError | ArithmeticError) else one_line(err)}")
            self.stop()
            return False
        return True

    @staticmethod
    def in_background(call: Callable[[], object]):
        """Calls in a thread and waits for it half a second at most, so that a page answers while something compiles."""
        thread = Thread(target=call, daemon=True)
        thread.start()
        thread.join(0.5)

    def get_field(self, name: str, dim_selection: dict):
        """A `Shown` field, or a `Notice` why there is none."""
        try:
            values = self.values(name)
            return Shown(to_field(values)[dim_selection], lambda component: self._limits(name, component))
        except InputError as err:
            return Notice(str(err))

    def get_field_shape(self, name: str):
        from phi.math import EMPTY_SHAPE

        shown = self.get_field(name, {})
        return shown.shape if isinstance(shown, Shown) else EMPTY_SHAPE

    def values(self, name: str) -> Values:
        """Values of a field. Raises InputError where there are none."""
        raise NotImplementedError

    def peers(self, name: str) -> list[str]:
        """Fields that share a colour scale with one."""
        return [name]

    def _limits(self, name: str, component: str | None) -> tuple[float, float] | None:
        all_values = [self.values(n) for n in self.peers(name)]
        quantity = VALUE if not all_values[0].is_vector else MAGNITUDE if component == "abs" else component
        if quantity is None or (quantity not in (VALUE, MAGNITUDE) and quantity not in all_values[0].parts):
            return None
        return colour_range([picture(v, quantity) for v in all_values], False)


class LiveModel(BaseModel):
    """Source, corrected and reference simulation, stepped by PhiFlow's player."""

    def __init__(self, live: Live, name: str, description: str, save_folder: Callable[[], Path], ranges: dict[str, tuple[float, float]]):
        """
        Args:
            live: The simulations.
            name: Title of PhiFlow's pages.
            description: Text below it.
            save_folder: Where scenes are saved; may raise InputError.
            ranges: Range of each parameter's slider.
        """
        super().__init__(name, description)
        self.live, self.save_folder, self.ranges = live, save_folder, ranges

    @property
    def field_names(self) -> tuple:
        fields = [f for f in self.live.pair.source.fields if f != "time"]
        return tuple(f"{s} {f}" for f in fields for s in SOLVERS)

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
        import numpy as np

        points = np.array(self.live.curves[name.partition("_")[0]])
        return points[:, 0], points[:, 1]

    @property
    def controls(self) -> tuple:
        result = []
        for name in self.live.parameters:
            kind = int if name == SEED else float
            options = {} if name == SEED else {"log": True}
            result.append(control(name, kind, self.ranges[name], lambda n=name, k=kind: k(self.live.parameters[n]), **options))
        gain = control("gain", float, (0.0, 1.0), lambda: self.live.gain, "Factor of the correction", log=False)
        return (*result, *([gain] if self.live.correctors else []))

    def get_control_value(self, name: str):
        return self.live.gain if name == "gain" else self.live.parameters[name]

    def set_control_value(self, name: str, value):
        setter = self.live.set_gain if name == "gain" else lambda v: self.live.set_parameter(name, v)
        self.in_background(lambda: self.safely(f"Setting {name}", lambda: setter(value)))

    @property
    def actions(self) -> tuple:
        can_poke = "velocity" in self.live.pair.source.staggered
        return (
            Action("reset", "Back to the start"),
            *([Action("poke", "Adds a swirl to all three")] if can_poke else []),
            Action("save_scene", "Saves all three"),
        )

    def run_action(self, name: str):
        self.in_background(lambda: self._act(name))

    def _act(self, name: str):
        if name == "save_scene":
            self.safely("Saving", lambda: self.report(f"Saved step {self.live.steps} in {self.live.save(self.save_folder())}."))
        elif self.safely(name.capitalize(), {"reset": self.live.reset, "poke": self.live.poke}[name]):
            self.report({"reset": "Reset.", "poke": "Poked."}[name])
        self.steps = self.live.steps


class RecordedModel(BaseModel):
    """The frames of a PhiFlow scene, one after the other."""

    def __init__(self, recording: Recording, name: str, description: str):
        super().__init__(name, description)
        self.recording = recording

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
