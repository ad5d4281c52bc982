"""`phi_sol.view`: PhiFlow's web interface around a loop of one's own."""

import atexit
import inspect
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from phi.vis._vis import CONTROL_VARS
from phi.vis._vis_base import Action

from ..arguments import check_arguments
from ..errors import InputError, integer, one_line, quoted
from ..pictures.values import Values
from ..stepping.state import State
from .phiflow.compat import install
from .phiflow.models import BaseModel, Setting, end_play
from .variables import Variables, check_shown, parts, shown

THROTTLE = 0.1  # seconds between two looks at the variables of a loop


def view(
    *fields,
    controls: dict | None = None,
    actions: dict[str, Callable] | None = None,
    name: str | None = None,
    description: str = "",
    select: str | Sequence[str] = (),
    play: bool = True,
    keep_alive: bool = True,
    host: str = "127.0.0.1",
    port: int = 8051,
    allow_control: bool = False,
):
    """
    Shows fields of a running script in the web browser and lets the page control its loop:

        viewer = phi_sol.view(state, controls={"gain": (1.0, 0.0, 1.0)})
        for _ in viewer.range(100):
            state = hybrid.step(state)

    Before each step of `range` the page may pause the loop; after it the page shows the variables' new values.

    Args:
        fields: What is shown: states, PhiFlow fields, names of variables, or dictionaries of fields or functions
            without arguments by name. An object is followed by the name of the caller's variable that holds it; without
            such a name call `viewer.update`.
        controls: Initial value by name, a number, truth value or text; or (value, lowest, highest); or (text, possible
            texts). Their current values are attributes of the viewer. Variables marked by `phi.vis.control` in the
            calling module are controls, too.
        actions: Functions without arguments by name, called from the page.
        name: Title, by default the script's.
        description: The text below it.
        select: Dimensions of which the page shows one slice.
        play: Whether the loop runs at once, or waits for the page.
        keep_alive: Whether the page stays after the script ended, until Ctrl-C.
        host: Address to bind to. Others than local ones need the token that is printed with the address.
        port: The port to try first.
        allow_control: Whether the page steers the loop even where `host` is not local.

    Returns:
        A `LoopViewer`; `close()` ends its page, and so does the end of a `with` statement.

    Raises:
        MissingError: if Dash or Plotly are not installed.
        InputError: for what can't be shown, unknown names, or controls of another kind.

    Examples:
        >>> ps.view(start.velocity)  # doctest: +SKIP
    """
    check_arguments(view, locals())
    integer("The port of a viewer", port, 1, 65535)
    slices = [select] if isinstance(select, str) else list(select)
    for dimension in slices:
        check_shown("A dimension of which the page shows one slice", dimension)
    install()
    frame: Any = inspect.currentframe().f_back  # type: ignore[union-attr]
    script = str(frame.f_globals.get("__file__") or "Notebook").rpartition("/")[2]
    viewer = LoopViewer(frame, actions or {}, name or script, description)
    try:
        viewer.follow(fields, controls or {})
        viewer.serve(slices, host, port, play, keep_alive, allow_control)
    except BaseException:
        viewer.close()
        raise
    return viewer


class CrashHook:
    """The `sys.excepthook` of all viewers: their pages say why the script stopped. It goes with the last of them."""

    def __init__(self):
        self.viewers, self.previous = [], sys.excepthook
        sys.excepthook = self

    def __call__(self, kind, err, trace):
        for viewer in self.viewers:
            viewer.crashed(err)
        self.previous(kind, err, trace)

    def remove(self, viewer: "LoopViewer"):
        self.viewers.remove(viewer)
        if not self.viewers and sys.excepthook is self:
            sys.excepthook = self.previous


class LoopViewer(BaseModel):
    """A model that shows variables of a script and steps its loop."""

    def __init__(self, frame, actions, name, description):
        super().__init__(name, description)
        self._variables, self._step, self._stepped = Variables(frame), threading.Event(), threading.Event()
        self._values: dict[str, Values | str] = {}
        self._curves: dict[str, list] = {}
        for action, function in actions.items():
            check_shown("The name of an action", action)
            if not callable(function):
                raise InputError(f"The action {action!r} must be a function without arguments, not {quoted(function)}.")
        self._calls = {Action(n, inspect.getdoc(f) or n): (n, f) for n, f in actions.items()}
        self._settings, self._taken, self._in_loop, self._closed = {}, 0.0, False, False
        self.app = self.server = self._hook = None

    # --- for the script ---

    def range(self, *stop: int):
        """The numbers of steps, like `range(stop)`, or endless without an argument, under the page's control."""
        self._in_loop = True
        try:
            for step in range(*stop) if stop else count():
                self._step.wait()
                yield step
                self.steps = step + 1
                if time.monotonic() - self._taken > THROTTLE:
                    self._take()
                self._release()
            self._take()
        finally:
            self._in_loop = False
            self._release()
        self.report(f"The loop ended after {self.steps} steps.")

    def update(self, *fields, **named):
        """Shows these values from now on: states, or fields by name; without any, the followed variables again."""
        for item in fields:
            named |= parts(item) if isinstance(item, State | dict) else {}
        for name in named:
            self._variables.sources.pop(name, None)
        self._values |= {n: shown(v) for n, v in named.items()}
        self._take()

    def log_scalars(self, **values: float):
        """Appends a point to each of these curves on the page Board."""
        for name, value in values.items():
            self._curves.setdefault(name, []).append((self.steps, float(value)))

    def __getattr__(self, name):
        settings = self.__dict__.get("_settings", {})
        if name in settings:
            return settings[name]
        raise AttributeError(f"This viewer has no {name!r}. Controls: {', '.join(settings) or 'none'}.")

    # --- for the page ---

    def follow(self, fields: tuple, controls: dict):
        """Adds what is shown, and what the page may set: see `view`."""
        for item in fields:
            self._variables.follow(item)
        if not self._variables.sources:
            raise InputError("There is nothing to view: give a state, fields, or names of variables.")
        marked = {n: c for n, c in CONTROL_VARS.items() if n in self._variables.frame.f_globals}
        marked = {n: (c.initial, *c.value_range) if c.value_range else c.initial for n, c in marked.items()}
        for name, given in (marked | controls).items():
            check_shown("The name of a control", name)
            self._add_control(name, given)
        self._take()

    def _add_control(self, name: str, given):
        """One that starts at a value, given as such, or as (value, lowest, highest), or (text, possible texts)."""
        if hasattr(type(self), name) or name in self.__dict__:
            raise InputError(f"A control can't be named {name!r}: the viewer has an attribute of this name.")
        value, *limits = given if isinstance(given, tuple) else (given,)
        kind = type(value)
        if kind in (int, float):
            if len(limits) not in (0, 2):
                raise InputError(f"The control {name!r} must be a value or (value, lowest, highest), not {given!r}.")
            twice = abs(2 * value)
            lower, upper = limits or ((0, twice) if value > 0 else (-twice, twice) if value < 0 else (-1, 1))
            if not lower <= value <= upper or lower == upper:
                raise InputError(f"The control {name!r} needs lowest <= value <= highest, not {given!r}.")
            limits = [kind(lower), kind(upper)]
        elif kind is str:
            limits = [*limits[0]] if limits else []
        elif kind is not bool:
            raise InputError(f"The control {name!r} must start with a number, a truth value or a text, not {value!r}.")

        def write(new):
            self._settings[name] = kind(new)
            self._variables.set(name, self._settings[name])

        self._settings[name] = value
        options, span = {"log": False} if kind is float else {}, None if kind is bool else tuple(limits) or None
        self.controls += (Setting.of(name, kind, span, lambda: self._settings[name], write, **options),)

    def serve(self, select: list[str], host: str, port: int, play: bool, keep_alive: bool, allow_control: bool):
        """Makes the page, and runs its server in the background."""
        from .door import is_local
        from .server import PHIFLOW, Server, make_app

        if not (play or allow_control or is_local(host)):
            raise InputError(
                f"With play=False the loop waits for its page, which may not start it at {host}: allow_control=True."
            )

        self.app = make_app(self, select, {"/": "Fields"} | {p: n for p, n in PHIFLOW.items() if p != "/fields"}, {})
        self.app.add_page("/", self.app.page_urls["/fields"])
        self.stop = self.app.pause
        self.server = Server(self.app, host, port, allow_control=allow_control)
        self.server.start()
        self._hook = sys.excepthook if isinstance(sys.excepthook, CrashHook) else CrashHook()
        self._hook.viewers.append(self)
        if keep_alive:
            atexit.register(self._linger)
        if play:
            self.app.play()

    def close(self):
        """Ends the page, gives its port back and removes its log; a loop over `range` goes on by itself."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._linger)
        if self._hook is not None:
            self._hook.remove(self)
        self._release()
        self._step.set()
        if self.app is not None:
            end_play(self.app)
        if self.server is not None:
            self.server.close()
        super().close()

    def __enter__(self) -> "LoopViewer":
        return self

    def __exit__(self, *_):
        self.close()

    def crashed(self, err: BaseException):
        """Says on the page that the script stopped."""
        self.report(f"The script stopped: {one_line(err)}")
        self._in_loop = False
        self._release()

    def _linger(self):
        print("The page stays until Ctrl-C.", flush=True)
        with suppress(KeyboardInterrupt):
            self.server.wait()

    def progress(self):
        with self.stepping() as free:
            if free and (self._in_loop or not self.steps):
                self._stepped.clear()
                self._step.set()
                while not self._stepped.wait(0.5) and threading.main_thread().is_alive() and not self._closed:
                    pass
            if free and not self._in_loop:
                self.stop()

    def _release(self):
        if not self._closed:
            self._step.clear()
        self._stepped.set()

    @property
    def field_names(self) -> tuple:
        return tuple(self._values)

    def values(self, name: str) -> Values:
        value = self._values.get(name)
        if not isinstance(value, Values):
            raise InputError(value or f"{name} has no value.")
        return value

    def _take(self):
        """Reads the variables in the script's thread: the page sees one state, and one thread uses PhiML."""
        self._values |= self._variables.read()
        self._taken = time.monotonic()
