"""Mends for PhiFlow's web interface, which no longer runs as shipped; nothing is changed where PhiFlow works."""

import inspect
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...errors import InputError, MissingError, one_line
from ...texts import for_plotly
from ..ending import leave

INCH = 70  # pixels that PhiFlow's Plotly figures take for one
MARKS = 11  # labels on a slider
BENCHMARK = 10.0  # seconds
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
        text = f"The viewer needs {' and '.join(missing)}, which is not installed: pip install 'phi_sol[view]'"
        raise MissingError(text)


ALIASES = {"dash_core_components": "dash.dcc", "dash_html_components": "dash.html"}


def _alias():
    for alias, module in ALIASES.items():
        sys.modules.setdefault(alias, import_module(module))


MENDS = [
    Mend(
        "packages of Dash 1 (dash_core_components, dash_html_components)",
        "3.4",
        lambda: any(a not in sys.modules and find_spec(a) is None for a in ALIASES),
        _alias,
    )
]


def mends(name: str, place: str, needed: Callable[[Any], bool]) -> Callable:
    """
    Decorates what takes the place of a function or method of `phi.vis`, and gets the original as its first argument.
    PhiFlow 3.4 is known to need it; `needed` asks the original.
    """
    holder, _, attribute = f"phi.vis.{place}".rpartition(".")

    def is_needed() -> bool:
        original = getattr(resolve_name(holder), attribute)
        return not hasattr(original, "__wrapped__") and needed(original)

    def decorate(mended: Callable):
        def apply():
            original = getattr(resolve_name(holder), attribute)
            setattr(resolve_name(holder), attribute, wraps(original)(lambda *a, **o: mended(original, *a, **o)))

        MENDS.append(Mend(name, "3.4", is_needed, apply))
        return mended

    return decorate


def _fails(error: type[Exception], call: Callable, *args) -> bool:
    try:
        call(*args)
    except error:
        return True
    return False


def _native(figure) -> SimpleNamespace:
    """A Plotly figure with the method `native` that PhiFlow's viewer calls."""
    return SimpleNamespace(native=lambda: figure)


def _calls_native(_) -> bool:
    from plotly.graph_objects import Figure

    build = resolve_name("phi.vis._dash.viewer.build_viewer")
    return ".native()" in inspect.getsource(build) and not hasattr(Figure, "native")


@mends("Plotly figures of the field pages: native(), inches, own figures", "_dash.viewer.plot", _calls_native)
def _plot(plot, value, size=None, **options):
    from plotly.graph_objects import Figure

    if not isinstance(value, Shown):
        return _native(plot(value, size=None if size is None else [s / INCH for s in size], **options))
    try:
        return _native(value.figure(value.component))
    except InputError as err:
        hidden = dict(xaxis_visible=False, yaxis_visible=False, plot_bgcolor="white")
        return _native(Figure(layout=hidden | dict(title_text=for_plotly(err))))


@mends("components of own figures", "_dash.viewer.select_channel", _calls_native)
def _select_channel(select_channel, value, channel):
    return replace(value, component=channel) if isinstance(value, Shown) else select_channel(value, channel)


def _sliders_in(containers) -> list:
    return [c for container in containers for c in container.children if hasattr(c, "marks")]


def hide_number(slider):
    """The number that Dash 4 shows beside a slider would be the logarithm where that is what it has."""
    if "allow_direct_input" in slider._prop_names:
        slider.allow_direct_input = False


def _marks_all(create) -> bool:
    from phi.vis._vis_base import Control

    (slider,) = _sliders_in(create([Control("frame", int, 0, (0, 500), "", {})]))
    return len(slider.marks) > MARKS


@mends("a label at every step of a slider", "_dash.model_controls.create_sliders", _marks_all)
def _create_sliders(create, given):
    from phi.vis._vis_base import is_log_control

    containers = create(given)
    for control, slider in zip(given, _sliders_in(containers), strict=True):
        if is_log_control(control):
            hide_number(slider)
        values = list(slider.marks or {})
        if len(values) > MARKS:
            slider.marks = {v: slider.marks[v] for v in values[:: -(-len(values) // (MARKS - 1))]}
    return containers


def _is_late(build) -> bool:
    return "initialize-controls" in inspect.getsource(build)


@mends("controls that appear after the figures that listen to them", "_dash.dash_gui.build_model_controls", _is_late)
def _build_model_controls(build, app):
    from dash import html

    later = []  # the callback that would make the controls

    class Fresh(html.Div):
        """A Div whose content is made whenever it is sent to a page."""

        def to_plotly_json(self):
            self.children = later[0](None)
            return super().to_plotly_json()

    def callback(output, inputs):
        return later.append if output.component_id == "control-div" else app.dash.callback(output, inputs)

    layout = build(SimpleNamespace(model=app.model, dash=SimpleNamespace(callback=callback)))
    if not later:  # a model without controls
        return layout
    fresh = Fresh(style={"margin": "15px 2%"})
    return html.Div(fresh, id="model-controls", style={"width": "75%", "margin": "auto", "backgroundColor": "#F0F0F0"})


def _join_fails(join) -> bool:
    return _fails(AttributeError, join, [np.zeros((2, 2))] * 2)


@mends("numpy.float in curves that start again", "_dash._plotly_plots.join_curves", _join_fails)
def _join_curves(_, curves):
    gap = np.full((1, 2), np.nan)
    return np.concatenate([p for c in curves for p in (np.asarray(c, float), gap)][:-1])


def _smooth_fails(smooth) -> bool:
    return _fails(ValueError, smooth, np.zeros((3, 2)), 9)


@mends("smoothing over more points than a curve has", "_dash._plotly_plots.smooth_uniform_curve", _smooth_fails)
def _smooth_uniform_curve(smooth, curve, n):
    return smooth(curve, n) if 1 < n < len(curve) else curve  # nothing to average over


def _crashes(play) -> bool:
    from phi.vis._vis_base import AsyncPlay

    return _fails(ZeroDivisionError, play, AsyncPlay(SimpleNamespace(message=None, progress=lambda: 1 / 0), 1, None))


@mends("crashed simulations that seem to wait", "_vis_base.AsyncPlay.__call__", _crashes)
def _play(play, self):
    try:
        play(self)
    except Exception as err:
        LOG.warning("the simulation stopped", exc_info=err)
        self.model.message = f"Stopped: {one_line(err)}"
    finally:
        self._finished = True


def _is_endless(benchmark) -> bool:
    return "time.time() >" not in inspect.getsource(benchmark)


@mends("benchmarks that can't be stopped", "_dash.board.benchmark", _is_endless)
def _benchmark(_, model, sequence_count):
    steps, begin, seconds = 0, time.monotonic(), 0.0
    while steps < sequence_count and seconds < BENCHMARK:
        model.progress()
        steps, seconds = steps + 1, time.monotonic() - begin
    return steps, max(seconds, 1e-9)


def _leaves_files() -> bool:
    return resolve_name("phi.vis._dash.board").os is os


def _leave():
    resolve_name("phi.vis._dash.board").os = SimpleNamespace(_exit=leave)


MENDS.append(Mend("temporary folders that are left by Kill", "3.4", _leaves_files, _leave))
