"""What is drawn of a field, against closed forms."""

import numpy as np
import pytest

from phi_sol import BuoyantPlume, WakeFlow
from phi_sol.errors import InputError
from phi_sol.pictures.panels import Choice, View, colour_range, drawn_axes
from phi_sol.pictures.values import Picture, Values, label, picture, quantities

BOUNDS = {"y": (0.0, 4.0), "x": (0.0, 3.0)}


def staggered(bounds: dict, resolution: dict, functions: dict) -> Values:
    """Faces sampled from functions of the coordinates."""
    axes, parts = list(bounds), {}
    for c in axes:
        lines = []
        for d in axes:
            (lower, upper), n = bounds[d], resolution[d]
            h = (upper - lower) / n
            lines.append(np.linspace(lower, upper, n + 1) if d == c else lower + (np.arange(n) + 0.5) * h)
        grid = dict(zip(axes, np.meshgrid(*lines, indexing="ij"), strict=True))
        parts[c] = functions[c](**grid)
    return Values(bounds, parts, staggered=True)


@pytest.mark.parametrize("drawn, sign", [(("x", "y"), 1), (("y", "x"), -1)])
def test_vorticity_of_a_rigid_rotation(drawn, sign):
    """u = Ω (-(y - 2), x - 1.5) turns counter-clockwise if x is drawn to the right: ω = 2 Ω at every node."""
    rotation = staggered(
        BOUNDS, {"y": 8, "x": 6}, {"y": lambda y, x: 0.7 * (x - 1.5), "x": lambda y, x: -0.7 * (y - 2)}
    )
    vorticity = picture(rotation, "vorticity", drawn)
    assert vorticity.values.shape == (7, 5)
    np.testing.assert_allclose(vorticity.values, sign * 1.4, rtol=1e-12)
    np.testing.assert_allclose(vorticity.coordinates["y"], 0.5 * np.arange(1, 8))


def test_vorticity_in_3d_follows_the_right_hand_rule():
    bounds = {"y": (0.0, 1.0), "x": (0.0, 1.0), "z": (0.0, 1.0)}
    flow = staggered(
        bounds,
        dict(y=4, x=5, z=6),
        {"x": lambda y, x, z: 2 * z, "y": lambda y, x, z: 3 * x, "z": lambda y, x, z: 5 * y},
    )
    for component, expected in {"x": 5, "y": 2, "z": 3}.items():
        np.testing.assert_allclose(picture(flow, f"vorticity {component}").values, expected)
    np.testing.assert_allclose(picture(flow, "vorticity").values, np.sqrt(38))
    assert picture(flow, "vorticity").values.shape == (3, 4, 5)


def test_components_and_magnitude_are_at_cell_centres():
    uniform = staggered(BOUNDS, {"y": 4, "x": 3}, {"y": lambda y, x: 3 + 0 * y, "x": lambda y, x: x})
    assert picture(uniform, "y").values.shape == (4, 3)
    x = picture(uniform, "x")
    np.testing.assert_allclose(x.values, np.broadcast_to(x.coordinates["x"], (4, 3)))
    np.testing.assert_allclose(picture(uniform, "magnitude").values, np.hypot(3, x.values))


def test_quantities():
    scalar = Values(BOUNDS, {"": np.zeros((4, 3))})
    assert quantities(scalar) == ["value"]
    with pytest.raises(InputError, match="no 'vorticity'"):
        picture(scalar, "vorticity")
    centred = Values(BOUNDS, {"y": np.zeros((4, 3)), "x": np.zeros((4, 3))})
    assert quantities(centred) == ["y", "x", "magnitude", "vorticity"]
    assert picture(centred, "vorticity").values.shape == (3, 2)


def test_slices_and_coarse_copies():
    coordinates = {"y": np.arange(10.0), "x": np.arange(4.0), "z": np.arange(3.0)}
    values = np.arange(120.0).reshape(10, 4, 3)
    cut = Picture(coordinates, values).cut("z", 1.2)
    np.testing.assert_array_equal(cut.values, values[..., 1])
    coarse = cut.coarsened(4)  # blocks of three by three, smaller at the end
    np.testing.assert_allclose(
        coarse.values[:, 1],
        [values[0:3, 3, 1].mean(), values[3:6, 3, 1].mean(), values[6:9, 3, 1].mean(), values[9, 3, 1]],
    )
    np.testing.assert_allclose(coarse.coordinates["y"], [1, 4, 7, 9])
    np.testing.assert_allclose(coarse.coordinates["x"], [1, 3])
    assert cut.coarsened(10).values.shape == (10, 4)


def test_large_fields_are_coarsened_for_display():
    fine = Values({"y": (0.0, 200.0), "x": (0.0, 100.0)}, {"": np.random.default_rng(0).normal(size=(512, 256))})
    view = View("marker", "value", ("y", "x"))
    shown = view.flat(view.whole(fine))
    assert shown.values.shape == (64, 128) and list(shown.coordinates) == ["x", "y"]
    np.testing.assert_allclose(shown.values.mean(), fine.parts[""].mean())


def test_colour_ranges():
    a, b = (Picture({"x": np.arange(3)}, np.array(v)) for v in ([0.0, 1.0, np.nan], [-0.5, 0.5, 0.2]))
    assert colour_range([a, b], signed=False) == (-0.5, 1.0)
    lower, upper = colour_range([a, b], signed=True)
    assert lower == -upper and 0.98 < upper <= 1
    assert colour_range([], False) == (0.0, 1.0)
    lower, upper = colour_range([Picture({"x": np.arange(3)}, np.ones(3))], False)
    assert lower < 1 < upper


def test_plumes_are_upright_and_streams_go_to_the_right():
    assert drawn_axes(["y", "x", "z"], WakeFlow.drawn) == ("y", "x", "z")
    assert drawn_axes(["y", "x"], BuoyantPlume.drawn) == ("x", "y")
    assert drawn_axes(["y", "x", "z"], BuoyantPlume.drawn) == ("x", "z", "y")
    assert drawn_axes(["y", "x"]) == ("x", "y")


def test_labels_have_units():
    assert label("velocity", "x") == "velocity x (length / time)"
    assert label("velocity", "vorticity") == "vorticity (1 / time)"
    assert label("marker", "value") == "marker"


def test_views_that_a_page_has_not_adapted_yet_are_replaced_by_possible_ones():
    scalar = Values(BOUNDS, {"": np.zeros((4, 3))})
    view = Choice("marker", "vorticity", "both", "z", None).view(scalar, ("x", "y"))
    assert (view.quantity, view.across) == ("value", "")
