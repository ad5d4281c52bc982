"""
HDF5 in the layout of The Well: groups, attributes and shapes as its data sets have them (polymathic-ai.org/the_well),
values against the recorded ones, and, where the package is installed, what its own reader finds.
"""

import h5py
import numpy as np
import pytest

from phi_sol import Dataset, PeriodicBox, WakeFlow, write
from phi_sol.evaluation.export import Exporter


@pytest.fixture(scope="module")
def test_set(tiny, tiny_data):
    return Dataset.load(tiny.pair, tiny_data, "test")


@pytest.fixture(scope="module")
def written(test_set, tmp_path_factory):
    out = tmp_path_factory.mktemp("well") / "out"
    Exporter(test_set, {}, out, "well", frames=8, every=2).run()
    return out


def texts(values) -> list[str]:
    return [v.decode() if isinstance(v, bytes) else v for v in values]


def test_layout_and_values(test_set, written):
    with h5py.File(written / "REF" / "sim_000000.hdf5") as file:
        assert dict(file.attrs)["grid_type"] == "cartesian" and file.attrs["n_spatial_dims"] == 2
        assert file.attrs["n_trajectories"] == 1 and file.attrs["reynolds"] == 300
        assert texts(file.attrs["simulation_parameters"]) == ["reynolds"] and file.attrs["solver"] == "REF"
        assert texts(file["dimensions"].attrs["spatial_dims"]) == ["y", "x"]
        assert file["dimensions/time"][:].tolist() == [0, 2, 4, 6, 8]
        np.testing.assert_allclose(file["dimensions/x"], (np.arange(12) + 0.5) * 100 / 12, rtol=1e-6)
        assert file["scalars/reynolds"][:].tolist() == [300] and texts(file["scalars"].attrs["field_names"]) == [
            "reynolds"
        ]
        velocity = file["t1_fields/velocity"]
        assert (
            velocity.shape == (1, 5, 24, 12, 2) and velocity.attrs["time_varying"] and velocity.attrs["sample_varying"]
        )
        y = test_set.frame(4)["velocity.y"][0]
        np.testing.assert_allclose(velocity[0, 2, 1:, :, 0], (y[:-1] + y[1:]) / 2, atol=1e-6)
        np.testing.assert_array_equal(file["t0_fields/marker"][0, 3], test_set.frame(6)["marker"][0])
        obstacle = file["t0_fields/obstacle"]
        assert obstacle.shape == (24, 12) and not obstacle.attrs["time_varying"] and obstacle[:].sum() > 0
        assert texts(file["t0_fields"].attrs["field_names"]) == ["marker", "obstacle", "pressure"]
        assert file["t2_fields"].attrs["field_names"].size == 0
        sides = {
            n: (g.attrs["bc_type"], texts(g.attrs["associated_dims"])) for n, g in file["boundary_conditions"].items()
        }
        assert sides == {"x_wall": ("WALL", ["x"]), "y_open": ("OPEN", ["y"])}
        mask = file["boundary_conditions/x_wall/mask"][:]
        assert mask.shape == (12,) and mask[0] and mask[-1] and not mask[1:-1].any()


def test_simulations_of_a_batch_are_trajectories_and_boxes_are_periodic(tmp_path):
    flow = PeriodicBox(y=8, x=8, dt=0.01)
    frames = flow.rollout(flow.initial_state(seed=[1, 2], viscosity=[0.01, 0.02]), steps=3, progress=False)
    write(frames, tmp_path / "box.hdf5", scene="box")
    with h5py.File(tmp_path / "box.hdf5") as file:
        assert file.attrs["dataset_name"] == "box" and file.attrs["n_trajectories"] == 2
        np.testing.assert_allclose(file["scalars/viscosity"], [0.01, 0.02])
        x = frames.arrays["velocity.x"]  # frame, simulation, y, x: of a periodic axis the last face is the first
        np.testing.assert_allclose(
            file["t1_fields/velocity"][:, -1, :, :, 1], (x[-1] + np.roll(x[-1], -1, -1)) / 2, atol=1e-6
        )
        assert {g.attrs["bc_type"] for g in file["boundary_conditions"].values()} == {"PERIODIC"}
        assert "obstacle" not in file["t0_fields"]


def test_three_axes(tmp_path):
    flow = WakeFlow(z=8, y=24, x=12, dt=1.0)
    write(flow.initial_state(reynolds=100.0), tmp_path / "wake.hdf5", flow)
    with h5py.File(tmp_path / "wake.hdf5") as file:
        assert file["t1_fields/velocity"].shape == (1, 1, *flow.resolution.values(), 3)
        assert len(file["t1_fields/velocity"].attrs["dim_varying"]) == 3


def test_the_wells_own_reader(written):
    the_well = pytest.importorskip("the_well.data", reason="the_well is not installed")
    found = the_well.WellDataset(path=str(written / "SRC"), n_steps_input=2, n_steps_output=1, use_normalization=False)
    sample = found[0]
    assert len(found) == 3 and tuple(sample["input_fields"].shape) == (2, 24, 12, 4)


def test_zarr_has_a_chunk_for_each_frame(test_set, tmp_path):
    """So that Dask opens one frame without the others."""
    zarr = pytest.importorskip("zarr")
    Exporter(test_set, {}, tmp_path / "out", "zarr", frames=4).run()
    store = zarr.open(tmp_path / "out" / "REF" / "sim_000000.zarr")
    assert store["velocity_y"].shape == (5, 24, 12) and store["velocity_y"].chunks == (1, 24, 12)
    dask = pytest.importorskip("dask")
    xarray = pytest.importorskip("xarray")
    with xarray.open_zarr(tmp_path / "out" / "REF" / "sim_000000.zarr", consolidated=False) as content:
        assert content["marker"].chunks[0] == (1,) * 5
        np.testing.assert_array_equal(dask.compute(content["marker"][3])[0], test_set.frame(3)["marker"][0])
