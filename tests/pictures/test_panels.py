"""The panel model, and its Matplotlib rendering."""

import numpy as np
import pytest

from phi_sol import BuoyantPlume, WakeFlow, metrics
from phi_sol.evaluation.figures import Pictures
from phi_sol.pictures.drawing import Drawing
from phi_sol.pictures.panels import Row, Scale, View, make_rows, outline_of
from phi_sol.pictures.values import Picture, Values, flow_values, zero_arrays

FLOWS = [WakeFlow(y=24, x=12), WakeFlow(y=16, x=8, z=6), BuoyantPlume(y=12, x=8)]


def random_arrays(flow, seed=0):
    random = np.random.default_rng(seed)
    return {n: random.normal(size=(1, *a.shape)) for n, a in zero_arrays(flow).items()}


def picture(values):
    return Picture({"y": np.arange(4.0), "x": np.arange(6.0)}, np.broadcast_to(np.float64(values), (4, 6)))


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_pictures_of_an_evaluation_are_its_measures(flow):
    """Drawn with y to the right the vorticity is mirrored, and turns the other way."""
    arrays, reference = random_arrays(flow), random_arrays(flow, 1)
    upright = flow.drawn[0] == "x"
    vorticity = metrics.vorticity(flow, arrays)[0]
    drawn = Pictures(flow).of(arrays)
    np.testing.assert_allclose(drawn.values, vorticity if upright else -vorticity.T, rtol=1e-12)
    assert list(drawn.coordinates) == (["y", "x"] if upright else ["x", "y"])
    here, there = metrics.centred(flow, arrays), metrics.centred(flow, reference)
    error = np.sqrt(sum((here[d][0] - there[d][0]) ** 2 for d in here))
    error = error[..., flow.resolution["z"] // 2] if "z" in flow.resolution else error
    np.testing.assert_allclose(Pictures(flow).error(arrays, reference).values, error if upright else error.T)


@pytest.mark.parametrize("across, expected", [("z", np.pi * 10**2), ("x", 20.0 * 100)])
def test_outline_is_the_cut_of_the_obstacle(across, expected):
    """A cylinder along z."""
    flow = WakeFlow(y=16, x=8, z=6)
    view = View("velocity", "x", flow.drawn, across=across, position=50.0)
    outline = outline_of(flow, view, cells=800)
    step = [c[1] - c[0] for c in outline.coordinates.values()]
    area = (outline.values <= 0).sum() * np.prod(step)
    assert area == pytest.approx(expected, rel=0.02) and outline.values.min() == pytest.approx(-10, abs=1)
    beyond = View("velocity", "x", flow.drawn, across="y", position=150.0)
    assert outline_of(flow, beyond) is None and outline_of(BuoyantPlume(y=12, x=8), view) is None


def test_rows_of_equal_scales_share_a_colour_bar_and_reasons_stand_in_their_panels():
    one, other = Scale((-1.0, 1.0), "viridis", "one"), Scale((0.0, 2.0), "magma_r", "other")
    rows = [Row({"a": picture(0), "b": "no b"}, one), Row({"a": picture(3), "b": picture(1)}, one)]
    drawing = Drawing([*rows, Row({"a": picture(1)}, other)])
    assert [a.get_ylabel() for a in drawing.figure.axes if a.get_label() == "<colorbar>"] == ["one", "other"]
    (first, second), _, _ = drawing.axes
    assert first.images[0].get_clim() == (-1, 1) and not second.images and second.texts[0].get_text() == "no b"
    drawing.draw([Row({"a": "gone", "b": picture(0.5)}, one), *rows[1:], Row({"a": picture(1)}, other)])
    assert not first.images[0].get_visible() and first.texts[0].get_text() == "gone"
    assert not second.texts and (second.images[0].get_array() == 0.5).all()


def test_fields_on_other_grids_are_shown_but_not_compared():
    """What is drawn in the place of the reference is not what the others are compared with."""
    bounds = {"y": (0.0, 4.0), "x": (0.0, 6.0)}
    coarse, fine = (Values(bounds, {"": np.full(shape, v)}) for shape, v in (((4, 6), 1.0), ((8, 12), 2.0)))
    view = View("marker", "value", ("x", "y"))
    shown = {"source": coarse, "finer": fine, "reference": coarse}
    fields, differences = make_rows(shown, view, reference="reference", full={"reference": fine})
    assert fields.panels["reference"].values.shape == (8, 12) and fields.scale.limits == (1, 2)
    assert (differences.panels["source − reference"].values == 0).all()
    assert differences.panels["finer − reference"] == "no reference on this grid"


def test_fields_of_which_arrays_are_missing_are_left_out():
    flow = FLOWS[0]
    arrays = {n: a for n, a in zero_arrays(flow).items() if n != "marker"}
    assert list(flow_values(flow, arrays)) == ["velocity"]
