"""Figures and films for those without a browser."""

import numpy as np
import pytest
from matplotlib import animation
from phi import math
from phi.field import CenteredGrid, StaggeredGrid
from PIL import Image

import phi_sol
from phi_sol.errors import InputError, MissingError
from phi_sol.pictures.film import check_target
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.films import Film


def grid(value, **sizes):
    with math.NUMPY:
        return CenteredGrid(value, 0, **(sizes or dict(y=8, x=12)))


def images(figure):
    return [axis.images[0] for axis in figure.axes if axis.images]


def test_panels_share_one_scale():
    figure = phi_sol.plot({"half": grid(0.5), "whole": grid(lambda p: p.vector["x"] / 12)})
    assert [a.get_title() for a in figure.axes[:2]] == ["half", "whole"]
    (a, b) = images(figure)
    assert a.get_clim() == b.get_clim() == pytest.approx((1 / 24, 23 / 24))
    assert (a.get_array() == 0.5).all() and b.get_array().shape == (8, 12)


def test_differences_to_a_reference():
    figure = phi_sol.plot({"a": grid(1.0), "b": grid(3.0)}, reference="b")
    drawn = images(figure)
    assert len(drawn) == 3 and (drawn[2].get_array() == -2).all() and drawn[2].get_clim() == (-2, 2)


def test_states_batches_and_3d():
    flow = phi_sol.WakeFlow(y=16, x=8)
    figure = phi_sol.plot(flow.initial_state(reynolds=[100.0, 300.0]), quantity="vorticity")
    assert [a.get_title() for a in figure.axes[:2]] == ["reynolds=100", "reynolds=300"]
    assert images(figure)[0].get_array().shape == (15, 7)
    figure = phi_sol.plot(
        phi_sol.WakeFlow(y=16, x=8, z=8).initial_state(reynolds=300.0), quantity="y", across="z", position=0.0
    )
    assert len(images(figure)) == 1
    with math.NUMPY:
        figure = phi_sol.plot([StaggeredGrid(2.0, 0, y=4, x=4), StaggeredGrid(1.0, 0, y=4, x=4)])
    assert len(images(figure)) == 2


def test_a_state_with_a_profile_is_drawn_and_its_profile_not_told():
    flow = phi_sol.WakeFlow(y=16, x=8)
    state = flow.initial_state(reynolds=[100.0, 200.0], inlet=np.linspace(0.5, 1.5, 8))
    figure = phi_sol.plot(state, quantity="speed", flow=flow)
    assert [a.get_title() for a in figure.axes[:2]] == ["reynolds=100", "reynolds=200"]
    assert (
        len(
            images(phi_sol.plot({"one": flow.initial_state(reynolds=100.0, inlet=1.0)}, quantity="pressure", flow=flow))
        )
        == 1
    )


def test_titles_stand_side_by_side_and_simulations_below_each_other():
    flow = phi_sol.WakeFlow(y=16, x=8)
    frames = flow.rollout(flow.initial_state(reynolds=[100.0, 300.0]), 3)
    figure = phi_sol.plot(frames)
    titles, names = [a.get_title() for a in figure.axes[:6]], [a.get_ylabel() for a in figure.axes[:6]]
    assert titles == ["t = 1", "t = 2", "t = 3", "", "", ""]
    assert names == ["reynolds=100\nx", "", "", "reynolds=300\nx", "", ""]
    one = frames.last.batch[1]
    figure = phi_sol.plot(
        {"both": frames.last, "start": frames[0], "one": one}, quantity="y", reference="one", flow=flow
    )
    drawn = [i.get_array() for i in images(figure)]
    expected = [
        phi_sol.pictures.values.Values.of_field(s.velocity).at_centres()["y"] for s in (one, frames[0].batch[0])
    ]
    assert len(drawn) == 2 * 3 + 2 * 2  # what has no batch stands beside all simulations
    np.testing.assert_array_equal(drawn[3], drawn[5])
    np.testing.assert_array_equal(drawn[8], 0)
    np.testing.assert_allclose(drawn[7], (expected[1] - expected[0]).T, atol=1e-6)
    limits = [i.get_clim() for i in images(figure)]
    assert len(set(limits[:6])) == len(set(limits[6:])) == 1
    six = phi_sol.plot(flow.initial_state(reynolds=[100.0, 150.0, 200.0, 250.0, 300.0, 350.0]))
    assert six.axes[0].get_position().y0 > six.axes[4].get_position().y1 and len(images(six)) == 6


def test_pressure_where_the_flow_is_known():
    flow = phi_sol.WakeFlow(y=16, x=8)
    frames = flow.rollout(flow.initial_state(reynolds=[100.0, 300.0]), 1)
    arrays = phi_sol.metrics.arrays_of(flow, frames.last)
    expected = phi_sol.metrics.step_pressure(flow, arrays, {"reynolds": np.array([100.0, 300.0])})
    for figure in (phi_sol.plot(frames, quantity="pressure"), phi_sol.plot(frames.last, field="pressure", flow=flow)):
        for image, pressure in zip(images(figure), expected, strict=True):
            np.testing.assert_allclose(image.get_array(), pressure.T, atol=1e-6)
    with pytest.raises(InputError, match="no quantity 'pressure'. Known: y, x, magnitude, vorticity, velocity, marker"):
        phi_sol.plot(frames.last, quantity="pressure")
    forced = phi_sol.ForcedAdvection(y=8, x=8)
    with pytest.raises(InputError, match="The steps of ForcedAdvection.* have no pressure"):
        phi_sol.plot(forced.initial_state(seed=0, viscosity=0.1, amplitude=0.1), quantity="pressure", flow=forced)


def test_what_people_call_quantities():
    flow = phi_sol.WakeFlow(y=16, x=8)
    state = flow.initial_state(reynolds=100.0)
    marked = state.with_fields(marker=flow.field("marker", lambda p: p.vector["x"]))

    def drawn(what=marked, **options):
        return images(phi_sol.plot(what, **options))[0].get_array()

    np.testing.assert_array_equal(drawn(quantity="speed"), drawn(quantity="magnitude"))
    np.testing.assert_array_equal(drawn(marked.velocity, quantity="speed"), drawn())
    np.testing.assert_array_equal(drawn(quantity="marker"), drawn(field="marker"))
    assert drawn(quantity="marker").max() > 90
    with pytest.raises(InputError, match="no quantity 'magnitude'"):
        phi_sol.plot(marked, field="marker", quantity="speed")


def test_all_pictures_have_one_orientation_obstacles_and_colours():
    """Of a plot, of the viewer and of a report."""
    from phi_sol.evaluation.figures import Pictures
    from phi_sol.pictures.panels import View, make_rows
    from phi_sol.pictures.values import flow_values

    flow = phi_sol.WakeFlow(y=16, x=8)
    frames = flow.rollout(flow.initial_state(reynolds=100.0), 10)
    figure = phi_sol.plot(frames, quantity="vorticity")
    assert [a.get_title() for a in figure.axes[:4]] == ["t = 1", "t = 4", "t = 7", "t = 10"]
    arrays = {n: a[-1] for n, a in frames.arrays.items()}
    picture = (report := Pictures(flow)).of(arrays)
    alone = {n: a[0] for n, a in arrays.items()}
    (row,) = make_rows(
        {"viewer": flow_values(flow, alone)["velocity"]}, View("velocity", "vorticity", ("y", "x")), flow=flow
    )
    for shown in (images(figure)[3].get_array(), row.panels["viewer"].values):
        np.testing.assert_allclose(shown, picture.values, atol=1e-6)
    assert images(figure)[0].get_cmap().name == row.scale.colours == report.scale([picture]).colours
    assert row.outline is not None and report.rows({"a": [picture]}, [""], row.scale)[0].outline is not None
    plain = phi_sol.plot(frames.last, quantity="vorticity", flow=flow)
    assert all(len(f.axes[0].collections) == 2 for f in (figure, plain))  # an obstacle and its outline
    np.testing.assert_allclose(images(plain)[0].get_array(), picture.values, atol=1e-6)
    with pytest.raises(InputError, match="do not lie in the domain of BuoyantPlume"):
        phi_sol.plot(grid(1.0), flow=phi_sol.BuoyantPlume(y=16, x=8))


@pytest.mark.parametrize(
    "what, options, message",
    [
        ([], {}, "nothing to plot"),
        ([3], {}, "not int"),
        ([grid(1.0)], {"quantity": "vorticity"}, "no quantity 'vorticity'. Known: value"),
        ([grid(1.0)], {"reference": "b"}, "no panel 'b'"),
        ([grid(1.0), grid(1.0, x=4)], {}, "same axes"),
        ([grid(1.0, x=4)], {}, "1D"),
        ([grid(1.0)], {"across": "z"}, "no axis 'z'"),
    ],
)
def test_what_cant_be_plotted(what, options, message):
    with pytest.raises(InputError, match=message):
        phi_sol.plot(*what, **options)


@pytest.fixture(scope="module")
def catalogue(tiny_run, tiny_data):
    return Catalogue([str(tiny_run)], data=tiny_data / "test")


@pytest.mark.slow
def test_films(catalogue, tmp_path):
    film = Film(catalogue, frames="0:8:4")
    assert film.frames == [0, 4, 8]
    film.write(tmp_path / "wake.gif", fps=5)
    with Image.open(tmp_path / "wake.gif") as gif:
        assert gif.n_frames == 3 and gif.info["duration"] == 200
        pictures = []
        for i in range(3):
            gif.seek(i)
            pictures.append(np.asarray(gif.convert("L"), float))
    assert np.abs(pictures[1] - pictures[0]).max() > 50 and pictures[0].std() > 10
    film.frames = [0]
    film.write(tmp_path / "wake.html", fps=5)
    page = (tmp_path / "wake.html").read_text()
    assert page.count("data:image/png") == 1 and "http" not in page and "fa-" not in page
    assert all(f"{sign}</button>" in page for sign in ("&minus;", "&#9654;", "&#9664;", "||", "+"))
    if animation.FFMpegWriter.isAvailable():
        film.write(tmp_path / "wake.mp4", fps=5)
        assert b"ftyp" in (tmp_path / "wake.mp4").read_bytes()[:32]
    assert sorted(p.suffix for p in tmp_path.iterdir())[:2] == [".gif", ".html"] and not list(tmp_path.glob(".part*"))


def test_wrong_films(catalogue, tiny_data, tmp_path, monkeypatch):
    for options, message in [
        (dict(simulation="sim_000009"), "No simulation 'sim_000009'"),
        (dict(run="other"), "No run 'other'"),
        (dict(field="smoke"), "no field 'smoke'. Fields: velocity, marker"),
        (dict(frames="5"), "FIRST:LAST"),
        (dict(frames="40:50"), "has the frames 0 to 12"),
    ]:
        with pytest.raises(InputError, match=message):
            Film(catalogue, **options)
    with pytest.raises(InputError, match="frames per second"):
        Film(catalogue).write(tmp_path / "a.gif", fps=0)
    for name, message in (("wake.avi", "must end with one of .mp4, .gif, .html"), ("folder.gif", "is a folder")):
        (tmp_path / "folder.gif").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=message):
            check_target(tmp_path / name)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="ffmpeg, which is not installed"):
        check_target(tmp_path / "wake.mp4")
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(MissingError, match="no recorded simulation"):
        Film(Catalogue([str(tmp_path)]))


def test_bodies_are_drawn_where_all_have_them():
    disc = phi_sol.Disc("disc", dict(y=50, x=50), radius=12, free=("y", "spin"))
    flow = phi_sol.WakeFlow(y=32, x=16, bodies=disc)
    with math.NUMPY:
        states = [flow.initial_state(reynolds=100.0, disc_y=y) for y in (50.0, 90.0)]
        (one, other), both = (
            [phi_sol.plot(s, flow=flow) for s in states],
            phi_sol.plot({"a": states[0], "b": states[1]}, flow=flow),
        )
    lows = [f.axes[0].collections[-1].get_datalim(f.axes[0].transData).x0 for f in (one, other)]
    assert lows == pytest.approx([38, 78], abs=2)
    assert all(len(a.collections) == 0 for a in both.axes[:2])  # in different places
    spinning = phi_sol.WakeFlow(y=32, x=16, bodies=phi_sol.Disc("disc", dict(y=50, x=50), radius=12, free=("spin",)))
    with math.NUMPY:
        assert len(phi_sol.plot(spinning.initial_state(reynolds=100.0), flow=spinning).axes[0].collections) == 2
