"""Flows: arguments, parameters, states, and stepping PhiFlow fields."""

import numpy as np
import pytest
from phi import math

from phi_sol import InputError, State, WakeFlow


def test_bad_resolution_and_options():
    with pytest.raises(InputError, match="resolution for the axes y, x"):
        WakeFlow(y=32)
    with pytest.raises(InputError, match="x=2 .* at least 4"):
        WakeFlow(y=32, x=2)
    with pytest.raises(InputError, match="x=16.5"):
        WakeFlow(y=32, x=16.5)
    with pytest.raises(InputError, match=r"for the axes y, x \(and z in 3D\), not for none: WakeFlow\(y=64, x=64\)"):
        WakeFlow(64, 32)
    with pytest.raises(InputError, match="time step"):
        WakeFlow(y=32, x=16, dt=float("nan"))
    with pytest.raises(InputError, match="Known: semi_lagrangian"):
        WakeFlow(y=32, x=16, advection="upwind")


@pytest.mark.parametrize("reynolds", [0, -1.0, float("nan"), float("inf"), [100, 0], None])
def test_reynolds_numbers_must_be_positive(reynolds):
    with pytest.raises(InputError, match="positive and finite"):
        WakeFlow(y=16, x=8).initial_state(reynolds=reynolds)


@pytest.mark.parametrize("reynolds", ["fast", [[1.0]], []])
def test_reynolds_numbers_must_be_numbers(reynolds):
    with pytest.raises(InputError, match="number"):
        WakeFlow(y=16, x=8).initial_state(reynolds=reynolds)


def test_parameters_have_batch_dimensions_only():
    flow = WakeFlow(y=16, x=8)
    guesses = math.wrap([100.0, 200.0], math.batch("guess"))
    assert flow.initial_state(reynolds=guesses).batch_shape == math.batch(guess=2)
    for kind in (math.channel, math.spatial, math.instance):
        with pytest.raises(InputError, match=r"reynolds has the dimensions .*guess.* or a batch: batch\('guess'\)"):
            flow.initial_state(reynolds=math.wrap([100.0, 200.0], kind("guess")))


def test_state_attributes_and_slicing():
    with math.NUMPY:
        state = WakeFlow(y=16, x=8).initial_state(reynolds=[100.0, 400.0])
    assert state.batch_shape.sizes == (2,)
    assert state.velocity is state.fields["velocity"] and float(state[{"batch": 1}].reynolds) == 400
    assert not state[{"batch": 1}].batch_shape
    with pytest.raises(AttributeError, match="no 'pressure'.*velocity, marker, reynolds"):
        _ = state.pressure
    with pytest.raises(ValueError, match="Unknown field 'density'"):
        state.with_fields(density=state.marker)
    assert "velocity" in repr(state)


def test_numpy_and_tensorflow_steps_agree_and_stay_in_their_backend():
    import tensorflow as tf  # noqa: F401
    from phi.tf import TENSORFLOW

    flow = WakeFlow(y=16, x=8)
    with math.NUMPY:
        expected = flow.step(flow.initial_state(reynolds=[100.0, 400.0]), 0.5)
        assert expected.velocity.values.default_backend.name == "numpy"
    with TENSORFLOW:
        state = flow.step(flow.initial_state(reynolds=[100.0, 400.0]), 0.5)
        assert state.velocity.values.default_backend.name == "tensorflow"
    for d in "yx":
        a, b = (s.velocity.values[{"~vector": d}].numpy("batch,y,x") for s in (state, expected))
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert flow.compiled.traces == 1


def test_plot_of_a_stepped_state(tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    from phi.vis import plot, savefig

    with math.NUMPY:
        flow = WakeFlow(y=16, x=8)
        state = flow.step(flow.initial_state(reynolds=100.0))
    plot(state.fields)
    savefig(str(tmp_path / "state.png"))
    assert (tmp_path / "state.png").stat().st_size > 1000


def test_config_tells_flows_apart():
    assert WakeFlow(y=16, x=8).config() == WakeFlow(y=16, x=8).config()
    assert WakeFlow(y=16, x=8).config() != WakeFlow(y=16, x=8, dt=0.5).config()
    assert isinstance(WakeFlow(y=16, x=8).initial_state(10.0), State)


def test_3d_from_the_same_class():
    flow = WakeFlow(z=16, y=32, x=16)
    assert list(flow.resolution) == list(flow.size) == list(flow.center) == ["y", "x", "z"]
    assert (
        flow.config()["obstacle"] == "cylinder"
        and WakeFlow(y=32, x=16, z=16, obstacle="sphere").config() != flow.config()
    )
    with pytest.raises(InputError, match=r"axes y, x \(and z in 3D\), not for y, z"):
        WakeFlow(y=32, z=16)
    with pytest.raises(InputError, match="2D WakeFlow has no obstacle 'sphere'. Known: cylinder"):
        WakeFlow(y=32, x=16, obstacle="sphere")
    with pytest.raises(InputError, match="3D WakeFlow has no obstacle 'cube'. Known: cylinder, inclined, sphere"):
        WakeFlow(y=32, x=16, z=16, obstacle="cube")
    for obstacle, volume in (("cylinder", np.pi * 10**2 * 100), ("sphere", 4 / 3 * np.pi * 10**3)):
        flow = WakeFlow(y=64, x=32, z=32, obstacle=obstacle)
        assert (~flow.projection.fluid).sum() * np.prod(list(flow.spacing.values())) == pytest.approx(volume, rel=0.15)


def test_config_of_the_2d_wake_stays_as_stored_data_and_correctors_have_it():
    config = WakeFlow(y=64, x=32).config()
    del config["definition"]
    assert config == {
        "type": "WakeFlow",
        "resolution": {"y": 64, "x": 32},
        "size": {"y": 200.0, "x": 100.0},
        "dt": 1.0,
        "advection": "semi_lagrangian",
        "speed": 1.0,
        "radius": 10.0,
        "center": {"y": 50.0, "x": 50.0},
    }


def test_time_steps_out_of_range():
    flow = WakeFlow(y=256, x=128)
    flow.check_stability(1.0, reynolds=100.0)
    with pytest.raises(InputError, match=r"crosses the domain \(x=100\) within one step; dt <= 50 is possible"):
        flow.check_stability(60.0, reynolds=5000.0)
    with pytest.raises(InputError, match="too viscous"):
        flow.check_stability(1.0, reynolds=50.0)
