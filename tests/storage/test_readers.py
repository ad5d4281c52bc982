"""Files of other programs, as other programs write them, or our exports, read back."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from phi import math
from phi.field import Scene, StaggeredGrid

from phi_sol import Dataset, InputError, MissingError, PeriodicBox, write
from phi_sol.storage.others import convert
from phi_sol.storage.readers import read_recorded

BOX = PeriodicBox(y=8, x=12, size={"y": 2.0, "x": 3.0}, dt=0.1)


@pytest.fixture(scope="module")
def frames():
    start = BOX.initial_state(seed=[1, 2], viscosity=[0.01, 0.02])
    return BOX.rollout(start, steps=3, progress=False)


def simulation(frames, index: int) -> dict[str, np.ndarray]:
    return {n: a[:, index] for n, a in frames.arrays.items()}


@pytest.fixture(scope="module")
def one(frames):
    """The first simulation alone."""
    start = BOX.initial_state(seed=1, viscosity=0.01)
    return BOX.rollout(start, steps=3, progress=False)


def test_netcdf_and_zarr_of_ours_are_exact(one, tmp_path):
    """The faces that they have are taken, not the means at cell centres."""
    for name in ("box.nc", "box.zarr"):
        pytest.importorskip("xarray")
        write(one, tmp_path / name)
        (found,) = read_recorded(tmp_path / name)
        converted = convert(BOX, found)
        assert converted.notes == [] and found.parameters["viscosity"] == pytest.approx(0.01)
        np.testing.assert_allclose(found.times, 0.1 * np.arange(1, 4))
        for n, a in one.arrays.items():
            np.testing.assert_allclose(converted.arrays[n], a.reshape(converted.arrays[n].shape), atol=1e-6)


@pytest.mark.parametrize(
    "file, library, extra",
    [
        ("box.nc", "xarray", "netcdf"),
        ("box.nc", "h5netcdf", "netcdf"),
        ("box.zarr", "zarr", "zarr"),
        ("box.vti", "vtkmodules", "vtk"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(file, library, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    if file == "box.nc" and library == "h5netcdf":
        pytest.importorskip("xarray")
    (tmp_path / file).touch()
    with pytest.raises(MissingError, match=rf"{file} needs {library}.*: pip install 'phi_sol\[{extra}\]'\.$"):
        read_recorded(tmp_path / file)


def test_the_wells_trajectories(frames, tmp_path):
    write(frames, tmp_path / "box.hdf5")
    found = read_recorded(tmp_path / "box.hdf5")
    assert [f.parameters["viscosity"] for f in found] == pytest.approx([0.01, 0.02])
    assert [f.name[-12:] for f in found] == ["trajectory 0", "trajectory 1"]
    for i, content in enumerate(found):
        u = content.fields["velocity"]
        x = simulation(frames, i)["velocity.x"]
        np.testing.assert_allclose(u[..., 1], (x + np.roll(x, -1, -1)) / 2, atol=1e-6)
        assert convert(BOX, content).arrays["velocity.x"].shape == x.shape


def test_another_hdf5(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["u"] = np.zeros(3)
    with pytest.raises(InputError, match="not in the layout of The Well: it has u"):
        read_recorded(tmp_path / "x.h5")


def test_numpy(tmp_path):
    u, rng = {}, np.random.default_rng(0)
    u = rng.normal(size=(3, 8, 12, 2)).astype(np.float32)
    np.savez(tmp_path / "a.npz", velocity=u, time=[0.0, 0.5, 1.0], viscosity=0.1, p=u[..., 0])
    (found,) = read_recorded(tmp_path / "a.npz")
    assert found.axes == {"velocity": ("time", "y", "x", "vector"), "p": ("time", "y", "x")}
    assert found.parameters == {"viscosity": 0.1} and found.times.tolist() == [0, 0.5, 1]
    np.save(tmp_path / "b.npy", u.transpose(2, 1, 3, 0))
    (found,) = read_recorded(tmp_path / "b.npy", ("x", "y", "vector", "time"))
    np.testing.assert_array_equal(convert(BOX, found, staggered=True).arrays["velocity.y"], u[..., 1])
    with pytest.raises(InputError, match=r"velocity has 4 axes, not 2 \(y, x\)"):
        read_recorded(tmp_path / "b.npy", ("y", "x"))
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(InputError, match="say what the 1 axes of velocity are"):
        read_recorded(tmp_path / "c.npy")
    np.save(tmp_path / "d.npy", np.array([{}], object))
    with pytest.raises(InputError, match="d.npy is damaged"):
        read_recorded(tmp_path / "d.npy")


def test_scenes_of_phiflow(tmp_path):
    """Written by PhiFlow itself."""
    scene = Scene.create(str(tmp_path / "scenes"))
    grid = StaggeredGrid(
        lambda p: p * 2.0, math.extrapolation.PERIODIC, y=8, x=12, bounds=BOX.templates["velocity"].bounds
    )
    for frame in (0, 1):
        scene.write({"velocity": grid * (frame + 1.0)}, frame=frame)
    (found,) = read_recorded(scene.path)
    assert found.times is None
    converted = convert(BOX, found)
    x = converted.arrays["velocity.x"]
    np.testing.assert_allclose(x[0], np.broadcast_to(2 * np.arange(12) * 0.25, (8, 12)), atol=1e-5)
    np.testing.assert_allclose(x[1], 2 * x[0], atol=1e-5)


def test_a_scene_of_phiflow_1():
    """
    Written by PhiFlow 1.5.1: on 4 rows of 6 cells density counts cells, the velocity along y is 10 times the row's
    number plus the column's, that along x minus that. Components are stored as x, y, whatever the order of axes.
    """
    (found,) = read_recorded(Path(__file__).parents[1] / "fixtures" / "phiflow_1" / "sim_000000")
    number = 10 * np.arange(5)[:, None] + np.arange(7)
    for frame in (0, 1):
        np.testing.assert_array_equal(found.fields["velocity.y"][frame][:, :6], number[:, :6])
        np.testing.assert_array_equal(found.fields["velocity.x"][frame][:4], -number[:4])
        np.testing.assert_array_equal(found.fields["density"][frame], np.arange(24).reshape(4, 6))
    assert found.axes["velocity.x"] == ("time", "y", "x") and found.fields["velocity.y"].shape == (2, 5, 6)


def scene_1(folder, **arrays):
    folder.mkdir()
    for name, values in arrays.items():
        np.savez(folder / f"{name}_000000.npz", values)
    return folder


def test_fields_of_phiflow_1_by_their_shapes(tmp_path):
    v, rng = rng_values((9, 13, 2)), np.random.default_rng(1)
    one = scene_1(tmp_path / "sim_000000", velocity=v[None])  # with an axis of the batch, and alone
    (found,) = read_recorded(one)
    np.testing.assert_array_equal(found.fields["velocity.y"][0], v[:, :12, 1])
    np.testing.assert_array_equal(found.fields["velocity.x"][0], v[:8, :, 0])
    two = scene_1(tmp_path / "sim_000001", velocity=v[:8, :12], density=rng.normal(size=(8, 12, 1)))  # at cell centres
    (found,) = read_recorded(two)
    np.testing.assert_array_equal(found.fields["velocity.y"][0], v[:8, :12, 1])
    three = scene_1(tmp_path / "sim_000002", velocity=rng_values((5, 6, 7, 3)), density=np.ones((4, 5, 6, 1)))
    (found,) = read_recorded(three)
    assert {n: a.shape[1:] for n, a in found.fields.items()} == {
        "velocity.z": (5, 5, 6),
        "velocity.y": (4, 6, 6),
        "velocity.x": (4, 5, 7),
        "density": (4, 5, 6),
    }
    np.testing.assert_array_equal(found.fields["velocity.z"][0], rng_values((5, 6, 7, 3))[:, :5, :6, 2])
    with pytest.raises(InputError, match="is no field of PhiFlow 1"):
        read_recorded(scene_1(tmp_path / "sim_000003", odd=np.ones((2, 2, 3, 4, 5, 1))))
    with pytest.raises(InputError, match=r"an array of the shape \(\) is no field of PhiFlow 1"):
        read_recorded(scene_1(tmp_path / "sim_000004", number=np.float32(3), velocity=v))


def rng_values(shape) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_data_of_ours_are_scenes_of_phiflow(tiny, tiny_data):
    test = Dataset.load(tiny.pair, tiny_data, "test")
    (found,) = read_recorded(test.folders[0])
    converted = convert(tiny.pair.source, found)
    assert converted.notes == []
    for n, a in test.arrays.items():
        np.testing.assert_array_equal(converted.arrays[n], a[0])


def test_vtk_of_ours(one, tmp_path):
    pytest.importorskip("vtkmodules", reason="vtk is not installed")
    write(one, tmp_path / "box.vti")
    (found,) = read_recorded(tmp_path / "box.pvd")
    x = one.arrays["velocity.x"].reshape(-1, 8, 12)
    assert found.axes["velocity"] == ("time", "x", "y", "vector")
    np.testing.assert_allclose(
        found.fields["velocity"][..., 0], ((x + np.roll(x, -1, -1)) / 2).swapaxes(1, 2), atol=1e-6
    )
    np.testing.assert_allclose(found.coordinates["x"], (np.arange(12) + 0.5) * 0.25, atol=1e-6)


def test_what_can_not_be_read(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    for name, message in (
        ("none.nc", "none.nc is missing"),
        ("notes.txt", r"can't be read. Known: .npz, .npy, .nc"),
        ("empty", "is a folder, but no scene of PhiFlow"),
        ("broken.npz", "broken.npz is damaged"),
    ):
        with pytest.raises(InputError, match=message):
            read_recorded(tmp_path / name)
