"""Rollouts and states of one's own as files of other programs, read back; and what of a step they have."""

from xml.etree import ElementTree

import numpy as np
import pytest
from phi import math
from phi.math.extrapolation import PERIODIC
from phi.physics import diffuse
from vti import read_vti

import phi_sol
from phi_sol import Flow, ForcedAdvection, InputError, MissingError, Rollout, SmokeBox, State, WakeFlow, metrics

FLOW = WakeFlow(y=24, x=12)


@pytest.fixture(scope="module")
def frames():
    """Two simulations, three frames."""
    with math.NUMPY:
        states = [FLOW.initial_state(reynolds=[150.0, 300.0])]
        for _ in range(2):
            states.append(FLOW.step(states[-1]))
    return states


def test_netcdf_of_a_batch(frames, tmp_path):
    xarray = pytest.importorskip("xarray")
    phi_sol.write(frames, tmp_path / "wake.nc", FLOW, title="mine")
    with xarray.open_dataset(tmp_path / "wake.nc", engine="h5netcdf") as stored:
        assert stored.time.values.tolist() == [0, 1, 2] and stored.reynolds.values.tolist() == [150, 300]
        assert stored.marker.dims == ("time", "batch", "y", "x") and stored.title == "mine"
        expected = frames[2].velocity.vector["x"].values.numpy("batch,y,x")
        np.testing.assert_allclose(stored.velocity_x_face[2][:, :, 1:-1], expected, rtol=1e-6)
        assert stored.obstacle.dims == ("y", "x") and stored.pressure.dims == ("time", "batch", "y", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["wake.nc"]


def test_zarr_of_a_rollout_of_one_simulation(frames, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    rollout = Rollout(FLOW, *arrays_of(frames, 1), times=np.array([5.0, 10.0, 15.0]))
    phi_sol.write(rollout, tmp_path / "wake.zarr")
    with xarray.open_zarr(tmp_path / "wake.zarr") as stored:
        assert stored.time.values.tolist() == [5, 10, 15] and stored.attrs["reynolds"] == 300
        assert stored.marker.dims == ("time", "y", "x")
        np.testing.assert_array_equal(stored.marker[2], frames[2].marker.values.batch[1].numpy("y,x"))
    with pytest.raises(InputError, match="wake.zarr is there already"):
        phi_sol.write(rollout, tmp_path / "wake.zarr")


def arrays_of(states, simulation):
    parts = [metrics.arrays_of(FLOW, s) for s in states]
    return {n: np.stack([p[n][[simulation]] for p in parts]) for n in parts[0]}, {"reynolds": np.array([300.0])}


def test_vtk_of_a_batch(frames, tmp_path):
    phi_sol.write(frames, tmp_path / "wake.vti", FLOW)
    names = [f"wake_sim_00000{s}{end}" for s in range(2) for end in (*(f"_00000{f}.vti" for f in range(3)), ".pvd")]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    series = ElementTree.parse(tmp_path / "wake_sim_000001.pvd").findall("./Collection/DataSet")
    assert [(float(s.get("timestep")), s.get("file")) for s in series] == [
        (f, f"wake_sim_000001_00000{f}.vti") for f in range(3)
    ]
    facts, cells = read_vti(tmp_path / "wake_sim_000001_000002.vti")
    assert facts["extent"] == [0, 12, 0, 24, 0, 0] and facts["time"] == 2
    assert facts["Spacing"][:2] == pytest.approx([100 / 12, 200 / 24]) and facts["Origin"] == [0, 0, 0]
    with math.NUMPY:
        one = frames[2][{"batch": 1}]
        centres = one.velocity.at(one.marker.geometry).values
    for i, d in enumerate("xy"):
        np.testing.assert_allclose(cells["velocity"][0, :, :, i], centres.vector[d].numpy("y,x"), atol=1e-6)
    assert not cells["velocity"][..., 2].any()
    np.testing.assert_array_equal(cells["marker"][0], one.marker.values.numpy("y,x"))
    assert cells["obstacle"].sum() == (~FLOW.projection.fluid).sum() > 0
    assert set(cells) == {"velocity", "marker", "pressure", "obstacle"}


def test_vtk_of_a_state_in_three_dimensions(tmp_path):
    flow = WakeFlow(y=16, x=8, z=12)
    rng = np.random.default_rng(0)
    with math.NUMPY:
        state = flow.initial_state(reynolds=100.0)
        state = state.with_fields(
            marker=flow.field("marker", math.wrap(rng.random((16, 8, 12)), math.spatial("y,x,z")))
        )
    phi_sol.write(state, tmp_path / "one.vti", flow)
    assert [p.name for p in tmp_path.iterdir()] == ["one.vti"]
    facts, cells = read_vti(tmp_path / "one.vti")
    assert facts["extent"] == [0, 8, 0, 16, 0, 12] and cells["velocity"].shape == (12, 16, 8, 3)
    np.testing.assert_allclose(cells["marker"], state.marker.values.numpy("z,y,x"), rtol=1e-6)
    assert cells["velocity"][..., 1].mean() > 0.5 > abs(cells["velocity"][..., 0].mean())


@pytest.mark.parametrize("suffix", [".gif", ".html"])
def test_films(frames, tmp_path, suffix):
    phi_sol.write(frames, tmp_path / f"wake{suffix}", FLOW, quantity="speed", fps=5)
    content = (tmp_path / f"wake{suffix}").read_bytes()
    if suffix == ".gif":
        from PIL import Image

        with Image.open(tmp_path / "wake.gif") as film:
            assert film.n_frames == 3 and film.size[0] > film.size[1] / 2
    else:
        assert content.count(b"data:image/png;base64") == 3


def test_refused(frames, tmp_path, monkeypatch):
    path = tmp_path / "wake.nc"
    cases = {
        r"wake.hdf must end with one of .nc, .vti, .zarr, .hdf5, .mp4, .gif, .html": (frames, "wake.hdf", FLOW),
        r"A state does not know its flow: write\(states, path, flow\)": (frames, "wake.nc", None),
        "There is no frame to write": ([], "wake.nc", FLOW),
        "takes a State .*, not int": (5, "wake.nc", FLOW),
        "does not belong to WakeFlow": (frames, "wake.nc", WakeFlow(y=16, x=8)),
        "same batch dimensions": ([frames[0], frames[1][{"batch": 0}]], "wake.nc", FLOW),
        "must be positive and finite, not 0": (frames, "wake.gif", FLOW, dict(fps=0)),
        "no field 'smoke'. Fields: velocity, marker": (frames, "wake.gif", FLOW, dict(field="smoke")),
        "no quantity 'speed2' of velocity": (frames, "wake.gif", FLOW, dict(quantity="speed2")),
    }
    for message, (given, name, flow, *options) in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            phi_sol.write(given, tmp_path / name, flow, **(options[0] if options else {}))
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"written to a file, write\(frames, path\), not to a list"):
        phi_sol.write("wake.nc", frames)
    import importlib

    write = phi_sol.write  # a public name is imported by what is replaced

    def without(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(MissingError, match=r"netcdf needs xarray and h5netcdf .*: pip install 'phi_sol\[netcdf\]'"):
        write(frames, path, FLOW)
    assert not list(tmp_path.iterdir())


# --- the pressure and the obstacle ---


class Vortices(Flow):
    """Inviscid flow in [0, 2π]², periodic."""

    fields, staggered, parameters = ("velocity",), ("velocity",), ()
    size = {"y": 2 * np.pi, "x": 2 * np.pi}
    boundaries = {"velocity": PERIODIC}

    def initial_state(self):
        def vortices(position):
            y, x = position.vector["y"], position.vector["x"]
            return math.vec(y=-math.cos(x) * math.sin(y) * -1, x=math.sin(x) * math.cos(y) * -1)

        return State({"velocity": self.field("velocity", vortices)}, {})

    def physics(self, state, dt):
        velocity, _ = self.projection(self.advect(state.velocity, state.velocity, dt))
        return state.with_fields(velocity=velocity)


def test_pressure_of_taylor_green_vortices():
    """u = (-sin x cos y, cos x sin y) is steady with p = (cos 2x + cos 2y) / 4; first order in dt, second in space."""
    errors = []
    for n, dt in ((16, 0.04), (32, 0.01)):
        flow = Vortices(y=n, x=n, dt=dt, advection="mac_cormack")
        with math.NUMPY, math.precision(64):
            arrays = metrics.arrays_of(flow, flow.initial_state())
        found = metrics.step_pressure(flow, arrays, {})[0]
        y, x = np.meshgrid(*[(np.arange(n) + 0.5) * 2 * np.pi / n] * 2, indexing="ij")
        exact = (np.cos(2 * x) + np.cos(2 * y)) / 4
        errors.append(np.abs(found - found.mean() - exact).max())
    assert errors[1] < 0.02 and errors[1] < 0.45 * errors[0], errors


def test_pressure_is_what_the_step_takes_from_the_velocity(frames):
    """u* - u = dt ∇p on the faces that are open, with u* by PhiFlow's operators."""
    arrays, parameters = {n: a[1] for n, a in arrays_of(frames, 1)[0].items()}, {"reynolds": np.array([300.0])}
    p = metrics.step_pressure(FLOW, arrays, parameters)[0]
    with math.NUMPY, math.precision(64):
        state = frames[1][{"batch": 1}]
        before = diffuse.explicit(state.velocity, 10 / 300, 1.0)
        before = FLOW.projection.block(before)
        before = FLOW.projection.block(FLOW.advect(before, before, math.wrap(1.0)))
        after = FLOW.physics(state, math.wrap(1.0)).velocity
        taken = (before.vector["x"].values - after.vector["x"].values).numpy("y,x")
    fluid = FLOW.projection.fluid
    open_faces = fluid[:, 1:] & fluid[:, :-1]
    np.testing.assert_allclose(taken[open_faces], (np.diff(p, axis=1) * 12 / 100)[open_faces], atol=1e-5)
    assert np.abs(taken[open_faces]).max() > 1e-2 and not p[~fluid].any()
    bad = {n: np.concatenate([a, np.full_like(a, np.nan)]) for n, a in arrays.items()}
    both = metrics.step_pressure(FLOW, bad, {"reynolds": np.array([300.0, 300.0])})
    np.testing.assert_allclose(both[0], p, atol=1e-12)
    assert np.isnan(both[1]).all()


def test_flows_without_pressure_or_obstacle():
    forced, box = ForcedAdvection(y=8, x=8), SmokeBox(y=16, x=16)
    with math.NUMPY:
        states = forced.initial_state(seed=1, viscosity=0.1, amplitude=0.1), box.initial_state(seed=1)
    given = {n: np.array([0.1]) for n in forced.parameters}
    assert metrics.step_pressure(forced, metrics.arrays_of(forced, states[0]), given) is None
    assert metrics.solid_cells(forced) is None and metrics.solid_cells(box) is None
    assert metrics.solid_cells(FLOW).dtype == bool and metrics.solid_cells(FLOW).shape == (24, 12)
