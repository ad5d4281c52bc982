"""Mends for PhiFlow's web interface, which no longer runs as shipped; nothing is changed where PhiFlow works."""

import importlib
import inspect
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...errors import InputError, MissingError

INCH = 70  # pixels that PhiFlow's Plotly figures take for one
MARKS = 11  # labels on a slider
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """A field whose figure is made without PhiFlow: PhiML is not safe in threads, a simulation runs in another one."""

    figure: Callable[[str | None], Any]  # of a component (`x`, `y`, `z`, `abs`, None: all); InputError if there is none
    component: str | None = None  # the one that was chosen


@dataclass(frozen=True)
class Mend:
    """What is mended, the PhiFlow versions known to need it, whether the installed one does, and what mends it."""

    name: str
    versions: str
    needed: Callable[[], bool]
    apply: Callable[[], None]


MENDS: list[Mend] = []


def mends(name: str, needed: Callable[[], bool]) -> Callable:
    """Decorates what mends something that PhiFlow 3.4 is known to need."""
    return lambda apply: MENDS.append(Mend(name, "3.4", needed, apply))


def one_line(err: BaseException) -> str:
    """The reason of an error in one line."""
    text = " ".join(str(err).split())
    return f"{type(err).__name__}: {text[:300]}" if text else type(err).__name__


def install() -> list[str]:
    """Applies the mends that the installed PhiFlow needs; returns the names of those that this call applied."""
    require_dash()
    applied = []
    for mend in MENDS:
        if mend.needed():
            mend.apply()  # at once: some are needed by the next question
            applied.append(mend.name)
    LOG.debug("mended PhiFlow's interface: %s", ", ".join(applied) or "nothing")
    return applied


def require_dash():
    """Raises MissingError if Dash or Plotly are not installed."""
    missing = [p for p in ("dash", "plotly") if find_spec(p) is None]
    if missing:
        text = f"The viewer needs {' and '.join(missing)}, which is not installed: pip install phi-sol[view]"
        raise MissingError(text)


def _dash(module: str):
    return importlib.import_module(f"phi.vis._dash.{module}")


ALIASES = {"dash_core_components": "dash.dcc", "dash_html_components": "dash.html"}


def _aliases_needed() -> bool:
    return any(a not in sys.modules and find_spec(a) is None for a in ALIASES)


@mends("packages of Dash 1 (dash_core_components, dash_html_components)", _aliases_needed)
def _alias():
    for alias, module in ALIASES.items():
        sys.modules.setdefault(alias, importlib.import_module(module))


def _native(figure) -> SimpleNamespace:
    """A Plotly figure with the method `native` that PhiFlow's viewer calls."""
    return SimpleNamespace(native=lambda: figure)


def _plot_needed() -> bool:
    from plotly.graph_objects import Figure

    viewer = _dash("viewer")
    calls = ".native()" in inspect.getsource(viewer.build_viewer)
    return calls and not hasattr(Figure, "native") and not hasattr(viewer.plot, "__wrapped__")


@mends("Plotly figures of the field pages: native(), inches, own figures", _plot_needed)
def _mend_plot():
    viewer = _dash("viewer")
    plot, select_channel = viewer.plot, viewer.select_channel

    @wraps(plot)
    def mended_plot(value, size=None, **options):
        from plotly.graph_objects import Figure

        if not isinstance(value, Shown):
            return _native(plot(value, size=None if size is None else [s / INCH for s in size], **options))
        try:
            return _native(value.figure(value.component))
        except InputError as err:
            hidden = dict(xaxis_visible=False, yaxis_visible=False, plot_bgcolor="white")
            return _native(Figure(layout=hidden | dict(title_text=str(err))))

    @wraps(select_channel)
    def mended_select(value, channel):
        return replace(value, component=channel) if isinstance(value, Shown) else select_channel(value, channel)

    viewer.plot, viewer.select_channel = mended_plot, mended_select


def _marks_needed() -> bool:
    from phi.vis._vis_base import Control

    (slider,) = _sliders_in(_dash("model_controls").create_sliders([Control("frame", int, 0, (0, 500), "", {})]))
    return len(slider.marks) > MARKS


def _sliders_in(containers) -> list:
    return [c for container in containers for c in container.children if hasattr(c, "marks")]


@mends("a label at every step of a slider", _marks_needed)
def _mend_marks():
    from phi.vis._vis_base import is_log_control

    controls = _dash("model_controls")
    create = controls.create_sliders

    @wraps(create)
    def create_sliders(given):
        containers = create(given)
        for control, slider in zip(given, _sliders_in(containers), strict=True):
            if is_log_control(control) and "allow_direct_input" in slider._prop_names:
                slider.allow_direct_input = False  # Dash 4 would show the logarithm as a number
            values = list(slider.marks or {})
            if len(values) > MARKS:
                slider.marks = {v: slider.marks[v] for v in values[:: -(-len(values) // (MARKS - 1))]}
        return containers

    controls.create_sliders = create_sliders


def _late_needed() -> bool:
    build = _dash("dash_gui").build_model_controls
    return not hasattr(build, "__wrapped__") and "initialize-controls" in inspect.getsource(build)


@mends("controls that appear after the figures that listen to them", _late_needed)
def _mend_late():
    from dash import html

    gui = _dash("dash_gui")
    build = gui.build_model_controls

    class Fresh(html.Div):
        """A Div whose content is made whenever it is sent to a page."""

        def to_plotly_json(self):
            self.children = self._make(None)
            return super().to_plotly_json()

    @wraps(build)
    def build_model_controls(app):
        later = []  # the callback that would make the controls

        def callback(output, inputs):
            return later.append if output.component_id == "control-div" else app.dash.callback(output, inputs)

        layout = build(SimpleNamespace(model=app.model, dash=SimpleNamespace(callback=callback)))
        if not later:  # a model without controls
            return layout
        fresh = Fresh(style={"margin": "15px 2%"})
        (fresh._make,) = later
        return html.Div(fresh, style={"width": "75%", "margin": "auto", "backgroundColor": "#F0F0F0"})

    gui.build_model_controls = build_model_controls


@mends(
    "numpy.float in curves that start again",
    lambda: _fails(lambda: _dash("_plotly_plots").join_curves([np.zeros((2, 2))] * 2), AttributeError),
)
def _mend_join():
    gap = np.full((1, 2), np.nan)
    join = lambda curves: np.concatenate([p for c in curves for p in (np.asarray(c, float), gap)][:-1])  # noqa: E731
    _dash("_plotly_plots").join_curves = join


def _smooth_needed() -> bool:
    return _fails(lambda: _dash("_plotly_plots").smooth_uniform_curve(np.zeros((3, 2)), 9), ValueError)


@mends("smoothing over more points than a curve has", _smooth_needed)
def _mend_smooth():
    plots = _dash("_plotly_plots")
    smooth = plots.smooth_uniform_curve

    @wraps(smooth)
    def smooth_uniform_curve(curve, n):
        return smooth(curve, n) if 1 < n < len(curve) else curve  # nothing to average over

    plots.smooth_uniform_curve = smooth_uniform_curve


def _fails(call: Callable, error: type[Exception]) -> bool:
    try:
        call()
    except error:
        return True
    return False


def _play_needed() -> bool:
    from phi.vis._vis_base import AsyncPlay

    crashing = SimpleNamespace(message=None, progress=lambda: 1 / 0)
    return not hasattr(AsyncPlay.__call__, "__wrapped__") and _fails(AsyncPlay(crashing, 1, None), ZeroDivisionError)


@mends("crashed simulations that seem to wait", _play_needed)
def _mend_play():
    from phi.vis._vis_base import AsyncPlay

    play = AsyncPlay.__call__

    @wraps(play)
    def __call__(self):
        try:
            play(self)
        except Exception as err:
            LOG.warning("the simulation stopped", exc_info=err)
            self.model.message = f"Stopped: {one_line(err)}"
        finally:
            self._finished = True

    AsyncPlay.__call__ = __call__
