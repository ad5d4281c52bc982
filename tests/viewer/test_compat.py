"""Each mend of PhiFlow's web interface, by what a user of the mended part sees."""

import sys

import numpy as np
import pytest
from packaging.version import Version

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")

from phi.vis._vis_base import AsyncPlay, Control, VisModel

from phi_sol.errors import InputError, MissingError
from phi_sol.viewer.phiflow import compat


@pytest.fixture(scope="module", autouse=True)
def installed():
    compat.install()


def part(name):
    return sys.modules[f"phi.vis._dash.{name}"]


def test_nothing_is_left_to_mend_after_the_first_time():
    assert compat.install() == [] and not any(m.needed() for m in compat.MENDS)
    assert all(m.versions for m in compat.MENDS)


def test_what_works_is_left_alone(monkeypatch):
    """A PhiFlow that no longer needs a mend keeps its own functions."""
    untouched = {n: getattr(part("_plotly_plots"), n) for n in ("join_curves", "smooth_uniform_curve")}
    compat.install()
    assert {n: getattr(part("_plotly_plots"), n) for n in untouched} == untouched
    calls = []
    monkeypatch.setattr(compat, "MENDS", [compat.Mend("a", "3.4", lambda: False, lambda: calls.append("a"))])
    assert compat.install() == [] and calls == []


def test_the_pages_can_be_imported():
    import dash
    import dash_core_components
    import dash_html_components
    from phi.vis._dash.dash_gui import DashGui

    if Version(dash.__version__) < Version("3"):  # it has packages of these names itself, which pass on what there is
        assert dash_core_components.Graph is dash.dcc.Graph and dash_html_components.Div is dash.html.Div
    else:
        assert dash_core_components is dash.dcc and dash_html_components is dash.html
    assert DashGui().asynchronous


def test_curves_that_start_again_are_joined_with_gaps():
    a, b = np.array([[0, 1], [1, 2]]), np.array([[0, 5], [1, 6]])
    joined = part("_plotly_plots").join_curves([a, b])
    np.testing.assert_array_equal(joined[[0, 1, 3, 4]], np.concatenate([a, b]))
    assert np.isnan(joined[2]).all() and len(joined) == 5


@pytest.mark.parametrize("length, window, expected", [(3, 9, 3), (5, 5, 5), (20, 4, 17)])
def test_smoothing_window_and_short_curves(length, window, expected):
    curve = np.stack([np.arange(length), np.full(length, 2.0)], -1)
    smooth = part("_plotly_plots").smooth_uniform_curve(curve, window)
    assert smooth.shape == (expected, 2) and np.allclose(smooth[:, 1], 2)


def test_board_figure_of_short_curves():
    figure = part("_plotly_plots").plot_scalars([([0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0])], ["mae"], smooth=25)
    assert len(figure.data) == 2


def test_long_sliders_have_few_labels():
    (box,) = part("model_controls").create_sliders([Control("frame", int, 0, (0, 500), "", {})])
    slider = box.children[1]
    assert len(slider.marks) <= compat.MARKS and slider.max == 500 and slider.marks[0] == "0"


def test_crash_is_reported_and_ends_the_play(caplog):
    class Model(VisModel):
        def progress(self):
            raise ValueError("no\nair")

    model = Model()
    play = AsyncPlay(model, None, None)
    play()
    assert not play, "the play must have ended"
    assert model.message == "Stopped: ValueError: no air"


def test_figures_of_the_field_pages():
    from phi import math
    from phi.field import CenteredGrid

    viewer = part("viewer")
    with math.NUMPY:
        field = CenteredGrid(1.0, y=4, x=6)
    figure = viewer.plot(field, lib="plotly", size=(700, 700), same_scale=False).native()
    assert figure.layout.width == 700 and np.shape(figure.data[0].z) in ((4, 6), (6, 4))

    def wait(component):
        raise InputError("wait")

    notice = viewer.select_channel(compat.Shown(wait), "abs")
    assert viewer.plot(notice, lib="plotly", size=(700, 700)).native().layout.title.text == "wait"
    chosen = viewer.select_channel(compat.Shown(lambda component: f"figure of {component}"), "x")
    assert viewer.plot(chosen, lib="plotly", size=(700, 700)).native() == "figure of x"


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(compat, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"dash and plotly.*pip install 'phi_sol\[view\]'"):
        compat.install()
