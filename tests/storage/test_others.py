"""Frames of other programs on a flow's grid: axes, faces and centres, finer grids, sides, times; what is refused."""

import numpy as np
import pytest

from phi_sol import InputError, PeriodicBox, SolverPair, WakeFlow
from phi_sol.storage.others import Recorded, convert, frames_of, renamed

WAKE = WakeFlow(y=24, x=12)
BOX = PeriodicBox(y=8, x=12, size={"y": 2.0, "x": 3.0}, dt=0.1)
FACES = ("time", "y", "x")


def faces_of(y: int, x: int, seed: int = 0, inlet: bool = True) -> dict[str, np.ndarray]:
    """All faces of a velocity of three frames that has the wake's values at its sides."""
    rng = np.random.default_rng(seed)
    fields = {"velocity.y": rng.normal(size=(3, y + 1, x)), "velocity.x": rng.normal(size=(3, y, x + 1))}
    fields["velocity.x"][:, :, [0, -1]] = 0
    if inlet:
        fields["velocity.y"][:, 0] = 1
    return fields | {"marker": rng.normal(size=(3, y, x))}


def recorded(fields: dict, axes=FACES, **more) -> Recorded:
    return Recorded(fields, {n: axes if isinstance(axes, tuple) else axes[n] for n in fields}, **more)


def test_faces_on_the_same_grid_are_taken_as_they_are():
    given = faces_of(24, 12)
    found = convert(WAKE, recorded(given))
    assert found.notes == []
    for name, layout in WAKE.layouts.items():
        for array, component in zip(layout.arrays, layout.components, strict=True):
            assert found.arrays[array].shape == (3, *layout.shape(component)) and name
    np.testing.assert_allclose(found.arrays["velocity.y"], given["velocity.y"][:, 1:], rtol=1e-6)
    np.testing.assert_allclose(found.arrays["velocity.x"], given["velocity.x"][:, :, 1:-1], rtol=1e-6)


@pytest.mark.parametrize("ratio", [2, 3])
def test_finer_grids_are_restricted_as_a_reference_is(ratio):
    """Against the restriction of a solver pair, which keeps fluxes."""
    pair = SolverPair(WakeFlow, {"y": 24, "x": 12}, ratio)
    given = faces_of(24 * ratio, 12 * ratio)
    found = convert(WAKE, recorded(given))
    fine = convert(pair.reference, recorded(given)).arrays
    for name, values in pair.restrict_arrays(fine, {}).items():
        np.testing.assert_allclose(found.arrays[name], values, atol=1e-6)
    assert found.notes == [f"restricted from a grid {ratio} times as fine, by means over faces and cells"]


def test_any_order_of_axes_and_vectors_with_their_axis():
    """x first, frames last; components in the order of the axes of space that the array has."""
    rng = np.random.default_rng(1)
    u = rng.normal(size=(2, 12, 8, 3))  # vector (x, y), x, y, time
    found = convert(BOX, recorded({"velocity": u}, ("vector", "x", "y", "time")), staggered=True)
    np.testing.assert_allclose(found.arrays["velocity.x"], u[0].transpose(2, 1, 0), rtol=1e-6)
    np.testing.assert_allclose(found.arrays["velocity.y"], u[1].transpose(2, 1, 0), rtol=1e-6)


def test_centres_are_interpolated_to_faces_in_second_order():
    """Of a wave, whose error falls by four when the grid is refined twice; a note says what is lost."""
    errors = []
    for n in (16, 32, 64):
        box = PeriodicBox(y=n, x=n, size={"y": 1.0, "x": 1.0}, dt=0.1)
        y, x = np.meshgrid(*[(np.arange(n) + 0.5) / n] * 2, indexing="ij")
        wave = lambda y, x: np.sin(2 * np.pi * (x + 2 * y))  # noqa: E731
        found = convert(box, recorded({"velocity_y": wave(y, x)[None], "velocity_x": wave(y, x)[None]}))
        (note,) = found.notes
        assert "their divergence is not kept" in note
        errors.append(np.abs(found.arrays["velocity.x"][0] - wave(y, x - 0.5 / n)).max())
    assert np.allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.1)


def test_centres_of_a_wake_keep_the_flows_values_at_its_sides():
    values = {"velocity": np.broadcast_to([1.0, 0.0], (2, 48, 24, 2)), "marker": np.zeros((2, 48, 24))}
    found = convert(WAKE, recorded(values, {"velocity": (*FACES, "vector"), "marker": FACES}))
    assert found.arrays["velocity.y"].shape[1:] == WAKE.layouts["velocity"].shape("y")
    np.testing.assert_array_equal(found.arrays["velocity.y"], 1)
    assert len(found.notes) == 2


REFUSED = {
    "coarser": (faces_of(12, 6), FACES, "has 12x6 cells, coarser than the source's 24x12"),
    "no multiple": (faces_of(36, 12), FACES, "has 37x12 cells, not a multiple"),
    "one and a half": (faces_of(36, 18), FACES, "has 36x18 cells, not a multiple of the source's 24x12"),
    "missing": (
        {"velocity": np.zeros((3, 24, 12, 2))},
        (*FACES, "vector"),
        r"has no marker: it has velocity \(time, y",
    ),
    "other name": (
        {"Velocity": np.zeros((3, 24, 12, 2))},
        (*FACES, "vector"),
        "has no velocity.y .*or velocity with an",
    ),
    "other axes": (faces_of(24, 12), ("time", "lat", "lon"), "has the axes time, lat, lon"),
    "too few names": (faces_of(24, 12), ("time", "y"), "has 3 axes, but 2 names"),
    "no inlet": (faces_of(24, 12, inlet=False), FACES, r"at the lower side of y the velocity through it is up to \d"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    fields, axes, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        convert(WAKE, recorded(fields, axes))


def test_not_finite_values_and_components():
    given = faces_of(24, 12)
    given["velocity.x"][1, 3, 4] = np.nan
    with pytest.raises(InputError, match="velocity.x is not finite in frame 1"):
        convert(WAKE, recorded(given))
    three = {"velocity": np.zeros((3, 8, 12, 3))}
    with pytest.raises(InputError, match="velocity has 3 components, not 2"):
        convert(BOX, recorded(three, (*FACES, "vector")))
    with pytest.raises(InputError, match="23 values across its faces, but 24 cells have 25"):
        convert(
            WAKE, recorded({"velocity.y": np.zeros((3, 23, 12)), "velocity.x": np.zeros((3, 24, 13))}), staggered=True
        )


def test_coordinates_must_be_those_of_the_flow():
    field = {"velocity": np.zeros((3, 8, 12, 2))}
    places = {"y": (np.arange(8) + 0.5) / 4, "x": (np.arange(12) + 0.5) / 4}
    convert(BOX, recorded(field, (*FACES, "vector"), coordinates=places))
    with pytest.raises(InputError, match=r"the grid along x is not uniform \(cells of 0.25 to 0.5\)"):
        convert(BOX, recorded(field, (*FACES, "vector"), coordinates=places | {"x": np.r_[places["x"][:-1], 3.125]}))
    with pytest.raises(InputError, match="along y the data are 4 long, the flow is 2"):
        convert(BOX, recorded(field, (*FACES, "vector"), coordinates=places | {"y": 2 * places["y"]}))


def test_times():
    assert frames_of([0, 0.5, 1.0, 1.5, 2.0], 1.0, "x") == [0, 2, 4]
    assert frames_of(3 + np.arange(4) * 0.1, 0.1, "x") == [0, 1, 2, 3]
    for times, message in (
        ([0, 0.3, 0.6], "frames are 0.3 apart, but the source takes steps of 1: choose a dt"),
        ([0, 2.0, 4.0], "frames are 2 apart, but the source takes steps of 1"),
        ([0, 1.0, 3.0], "not equally far apart in time"),
        ([0.0], "needs at least two times"),
        ([1.0, 0.0], "time between frames must be positive"),
    ):
        with pytest.raises(InputError, match=message):
            frames_of(times, 1.0, "x")


def test_names_of_others():
    given = recorded({"U": np.zeros((3, 8, 12, 2))}, ("t", "Y", "X", "vector"))
    found = renamed(given, {"velocity": "U", "time": "t", "y": "Y", "x": "X"})
    assert convert(BOX, found).arrays["velocity.x"].shape == (3, 8, 12)
    with pytest.raises(InputError, match="has no 'V'.* It has U, "):
        renamed(given, {"velocity": "V"})
