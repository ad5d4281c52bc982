"""Exports, read back with xarray and with PhiFlow."""

from xml.etree import ElementTree

import h5py
import numpy as np
import phi.field
import pytest
from vti import read_vti

from phi_sol import Corrector, Dataset, ForcedAdvection, HybridSolver, InputError, Rollout
from phi_sol.evaluation.export import Exporter
from phi_sol.evaluation.formats import to_xarray
from phi_sol.evaluation.records import run_solver

xarray = pytest.importorskip("xarray", reason="xarray is not installed: pip install phi_sol[netcdf]")
pytest.importorskip("h5netcdf", reason="h5netcdf is not installed: pip install phi_sol[netcdf]")


@pytest.fixture(scope="module")
def test_set(tiny, tiny_data):
    return Dataset.load(tiny.pair, tiny_data, "test")


def test_netcdf(tiny, test_set, tmp_path):
    assert Exporter(test_set, {}, tmp_path / "out", frames=9, every=3).run() == []
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.nc")) == [
        "out/REF/sim_000000.nc",
        "out/SRC/sim_000000.nc",
    ]
    source = run_solver(tiny.pair.source, test_set, 9, [6], timed=False).kept[6]
    for solver, expected in {"REF": test_set.frame(6), "SRC": source}.items():
        with xarray.open_dataset(tmp_path / "out" / solver / "sim_000000.nc", engine="h5netcdf") as stored:
            assert stored.attrs["reynolds"] == 300 and stored.attrs["dt"] == 1 and stored.attrs["solver"] == solver
            assert stored.time.values.tolist() == [0, 3, 6, 9] and stored.frame.values.tolist() == [0, 3, 6, 9]
            frame = stored.sel(time=6)
            y = expected["velocity.y"][0]  # without the faces of the inlet, where the speed is 1
            np.testing.assert_allclose(frame.velocity_y_face, np.vstack([np.ones((1, 12)), y]), atol=1e-5)
            np.testing.assert_allclose(frame.velocity_y[1:], (y[:-1] + y[1:]) / 2, atol=1e-5)
            assert frame.velocity_y.dims == ("y", "x") and frame.velocity_y.attrs["units"] == "length / time"
            assert frame.velocity_x_face[:, [0, -1]].values.any() == False  # noqa: E712  the walls
            np.testing.assert_allclose(stored.y, (np.arange(24) + 0.5) * 200 / 24)
            assert stored.x_face.values.tolist() == np.linspace(0, 100, 13).tolist()
            assert frame.marker.sel(y=100, method="nearest").shape == (12,)
            solid = ((stored.y - 50) ** 2 + (stored.x - 50) ** 2 <= 100).values
            np.testing.assert_array_equal(stored.obstacle.values == 1, solid)
            assert stored.pressure.dims == ("time", "y", "x") and not stored.pressure.values[:, solid].any()
            assert float(stored.pressure[-1].sel(x=50, y=30, method="nearest")) > 0.1  # before the obstacle


def test_texts_are_of_fixed_length(test_set, tmp_path):
    """
    VTK's NetCDF reader, which is ParaView's, ignores texts of variable length, and without the axis of the time it
    shows time as space.
    """
    Exporter(test_set, {}, tmp_path / "out", frames=2).run()
    with h5py.File(tmp_path / "out" / "REF" / "sim_000000.nc") as file:
        assert file["time"].attrs["axis"] == b"T" and file.attrs["solver"] == b"REF"
        assert not any("axis" in file[d].attrs for d in ("x", "y")), "VTK takes axes X and Y for longitude and latitude"
        for holder in (file, *file.values()):
            kinds = {
                n: holder.attrs.get_id(n).dtype.kind
                for n in ("axis", "units", "long_name", "flow", "title")
                if n in holder.attrs
            }
            assert set(kinds.values()) <= {"S"}, kinds


def test_phiflow_scenes(tiny, tiny_run, test_set, tmp_path):
    exporter = Exporter(
        test_set,
        {"sol": HybridSolver(test_set.pair.source, Corrector.load(tiny_run))},
        tmp_path / "out",
        "phiflow",
        frames=2,
    )
    exporter.run()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["REF", "SRC", "sol"]
    folder = tmp_path / "out" / "REF" / "sim_000000"
    original = test_set.folders[0]
    for name in ("velocity", "marker"):
        ours, theirs = (phi.field.read(str(f / f"{name}_000002.npz")) for f in (folder, original))
        assert ours.boundary == theirs.boundary and ours.resolution == theirs.resolution
        with np.load(folder / f"{name}_000002.npz") as a, np.load(original / f"{name}_000002.npz") as b:
            np.testing.assert_allclose(a["data"], b["data"], atol=1e-6)
    with pytest.raises(InputError, match="was not written by 'phi-sol generate'"):
        Dataset.load(tiny.pair, tmp_path / "out" / "REF")


def test_fields_of_other_flows():
    """A staggered forcing comes along; the field `time` does not hide the coordinate."""
    flow = ForcedAdvection(y=8, x=8)
    rng = np.random.default_rng(0)
    arrays = {f"{n}.{d}": rng.normal(size=(2, 1, 8, 8)) for n in ("velocity", "forcing") for d in "yx"}
    arrays["time"] = np.ones((2, 1, 8, 8))
    parameters = {n: np.array([3.0]) for n in flow.parameters}
    content = to_xarray(Rollout(flow, arrays, parameters, 0.1 * np.array([0, 4])))
    assert content.time.values.tolist() == [0, pytest.approx(0.4)] and content.frame.values.tolist() == [0, 4]
    assert content.attrs["seed"] == 3 and "pressure" not in content and "obstacle" not in content
    forcing = arrays["forcing.x"][0, 0]
    np.testing.assert_allclose(content.forcing_x_face[0, :, :-1], forcing, rtol=1e-6)
    np.testing.assert_allclose(content.forcing_x_face[0, :, -1], forcing[:, 0], rtol=1e-6)  # periodic


@pytest.mark.parametrize("kind", ["vtk", "zarr"])
def test_other_formats(kind, tiny, test_set, tmp_path):
    """The same numbers as in NetCDF."""
    pytest.importorskip("zarr" if kind == "zarr" else "xarray")
    Exporter(test_set, {}, tmp_path / "nc", frames=4, every=2).run()
    Exporter(test_set, {}, tmp_path / kind, kind, frames=4, every=2).run()
    with xarray.open_dataset(tmp_path / "nc" / "SRC" / "sim_000000.nc", engine="h5netcdf") as stored:
        if kind == "zarr":
            with xarray.open_zarr(tmp_path / kind / "SRC" / "sim_000000.zarr") as other:
                assert set(other) == set(stored) and other.attrs["reynolds"] == 300
                for n in other:
                    np.testing.assert_array_equal(other[n], stored[n])
            return
        folder = tmp_path / kind / "SRC"
        series = ElementTree.parse(folder / "sim_000000.pvd").findall("./Collection/DataSet")
        assert [float(s.get("timestep")) for s in series] == [0, 2, 4]
        _, cells = read_vti(folder / series[1].get("file"))
        np.testing.assert_array_equal(cells["pressure"][0], stored.pressure[1])


def test_refused(test_set, tmp_path):
    with pytest.raises(InputError, match="Unknown format 'hdf'. Known: netcdf, vtk, zarr, well, phiflow"):
        Exporter(test_set, {}, tmp_path, "hdf")
    with pytest.raises(InputError, match="Frames 1 to 12 can be exported"):
        Exporter(test_set, {}, tmp_path, frames=13)
    (tmp_path / "SRC").mkdir()
    with pytest.raises(InputError, match="SRC is there already"):
        Exporter(test_set, {}, tmp_path)
