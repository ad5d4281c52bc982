"""Source, corrected and reference stepping together."""

import json

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, HybridSolver
from phi_sol.errors import DivergedError, InputError
from phi_sol.stepping.arrays import pack
from phi_sol.viewer.live import CORRECTED, DEVELOPED, INITIAL, REFERENCE, SOURCE, Live
from phi_sol.viewer.recording import Recording


@pytest.fixture(scope="module")
def live(tiny, tiny_run, tiny_data):
    start = Recording(tiny_data / "test" / "sim_000000" / "reference")
    return Live(tiny.pair, {"reynolds": 200.0}, {"sol": tiny_run}, {"test": start})


@pytest.fixture
def fresh(live):
    live.set_gain(1.0)
    live.choose(corrector="sol", start="test")
    live.reset()
    return live


def velocity(live, solver):
    return [p.copy() for p in live.values(solver)["velocity"].parts.values()]


def first_frame(tiny, tiny_data):
    """Native arrays of the stored start, without the viewer."""
    from phi_sol.storage.frames import read_frame

    arrays = read_frame(tiny.pair.source, tiny_data / "test" / "sim_000000", 0)
    return {n: tf.constant(a[None]) for n, a in arrays.items()}, {"reynolds": tf.constant([300.0])}, tf.constant(1.0)


def test_starts_from_the_stored_reference(fresh, tiny_data):
    assert fresh.parameters == {"reynolds": 300.0} and fresh.steps == 0
    stored = Recording(tiny_data / "test" / "sim_000000").read("velocity", 0)
    for solver in (SOURCE, CORRECTED, REFERENCE):
        for d, part in fresh.values(solver)["velocity"].parts.items():
            np.testing.assert_allclose(part, stored.parts[d], atol=1e-6)
    assert fresh.values(REFERENCE, full=True)["velocity"].resolution == {"y": 48, "x": 24}


def test_gain_scales_the_correction(fresh, tiny, tiny_run, tiny_data):
    """One step each with gain 0, 1 and 0.3, against source and hybrid solver themselves."""
    given = first_frame(tiny, tiny_data)
    plain = tiny.pair.source.compiled(*given)
    corrected = HybridSolver(tiny.pair.source, Corrector.load(tiny_run))(*given)
    assert np.abs(corrected["velocity.x"] - plain["velocity.x"]).max() > 1e-4, "the corrector must do something"
    for gain in (0.0, 1.0, 0.3):
        fresh.set_gain(gain)
        fresh.reset()
        fresh.step()
        for n in plain:
            expected = plain[n] + gain * (corrected[n] - plain[n])
            np.testing.assert_allclose(fresh._arrays[CORRECTED][n], expected, atol=1e-6)
    fresh.set_gain(0.0)
    fresh.reset()
    for _ in range(3):
        fresh.step()
    for a, b in zip(velocity(fresh, SOURCE), velocity(fresh, CORRECTED), strict=True):
        np.testing.assert_array_equal(a, b)
    assert set(fresh.speeds()) == {SOURCE, CORRECTED, REFERENCE} and fresh.steps == 3
    assert [c[-1][0] for c in fresh.curves.values()] == [3, 3] and fresh.curves[SOURCE][-1] == fresh.curves[CORRECTED][
        -1
    ]


def stored(flow, values):
    """Of all faces those that are stored."""
    layout = flow.layouts["velocity"]
    return {d: layout.strip(a[None], d)[0] for d, a in values.parts.items()}


def test_error_curves_are_velocity_mae(fresh, tiny):
    fresh.step()
    for solver in (SOURCE, CORRECTED):
        a, b = (stored(tiny.pair.source, fresh.values(s)["velocity"]) for s in (solver, REFERENCE))
        expected = np.mean([np.abs(a[d] - b[d]).mean() for d in a])
        assert fresh.curves[solver][-1][1] == pytest.approx(expected, rel=1e-5)


def test_parameters_act_from_the_next_step_on_without_compiling_again(fresh, tiny):
    fresh.step()
    traces = tiny.pair.source.compiled.traces
    fresh.set_parameter("reynolds", 1000.0)
    fresh.step()
    assert fresh.parameters == {"reynolds": 1000.0} and tiny.pair.source.compiled.traces == traces
    for wrong, message in ((0.5, "too viscous"), (-1.0, "positive"), (float("nan"), "positive")):
        with pytest.raises(InputError, match=message):
            fresh.set_parameter("reynolds", wrong)
    assert fresh.parameters == {"reynolds": 1000.0}
    with pytest.raises(InputError, match="no parameter 'seed'"):
        fresh.set_parameter("seed", 1)
    with pytest.raises(InputError, match="between 0 and 1"):
        fresh.set_gain(1.5)
    with pytest.raises(InputError, match="no 'best'"):
        fresh.choose(corrector="best")


def test_poke_changes_all_three_alike(fresh):
    before = {s: velocity(fresh, s) for s in (SOURCE, REFERENCE)}
    error = fresh.curves[SOURCE][-1][1]
    fresh.poke()
    added = [[b - a for a, b in zip(before[s], velocity(fresh, s), strict=True)] for s in before]
    assert max(np.abs(a).max() for a in added[0]) > 0.2
    for a, b in zip(*added, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
    assert fresh.curves[SOURCE][-1] == (0, pytest.approx(error, abs=1e-6)) and len(fresh.curves[SOURCE]) == 1


def test_saved_scene_is_read_by_phiflow(fresh, tmp_path):
    from phi.field import read

    fresh.step()
    target = fresh.save(tmp_path / "saved")
    fresh.step()
    assert fresh.save(tmp_path / "saved") == target == tmp_path / "saved" / "sim_000000"
    recording = Recording(target)
    assert (
        recording.frames == [1, 2]
        and "corrected_velocity" in recording.fields
        and recording.parameters == {"reynolds": 300.0}
    )
    field = read(str(target / "source_velocity_000002.npz"), convert_to_backend=False)
    np.testing.assert_allclose(
        field.values[{"~vector": "x"}].numpy("y,x"),
        fresh._arrays[SOURCE]["velocity.x"][0],
        atol=1e-7,
    )
    fresh.reset()
    fresh.step()
    assert fresh.save(tmp_path / "saved").name == "sim_000001"
    assert not list((tmp_path / "saved").rglob(".partial"))


def test_blow_up_is_named(fresh):
    fresh._arrays[CORRECTED] = {n: a * np.float32("nan") for n, a in fresh._arrays[CORRECTED].items()}
    with pytest.raises(DivergedError, match="corrected simulation is no longer finite at step 1"):
        fresh.step()


def test_start_from_the_initial_state(fresh, tiny):
    fresh.choose(start=INITIAL)
    fresh.set_parameter("reynolds", 400.0)
    expected, _, _ = pack(tiny.pair.source, tiny.pair.restrict(tiny.pair.reference.initial_state(reynolds=400.0)))
    fresh.reset()
    np.testing.assert_allclose(fresh._arrays[SOURCE]["velocity.x"], expected["velocity.x"], atol=1e-6)


def test_without_a_recording_the_flow_develops_first(tiny, tiny_data):
    """As the generator's warm-up: the reference takes the discarded steps, and is restricted then."""
    warmup = json.loads((tiny_data / "test" / "sim_000000" / "description.json").read_text())["warmup"]
    live = Live(tiny.pair, {"reynolds": 300.0}, {}, warmup=warmup)
    assert live.starts == [DEVELOPED, INITIAL] and live.start == DEVELOPED
    live.reset()
    stored = Recording(tiny_data / "test" / "sim_000000").read("velocity", 0)
    for d, part in live.values(SOURCE)["velocity"].parts.items():
        np.testing.assert_allclose(part, stored.parts[d], atol=1e-5)
    live.choose(start=INITIAL)
    assert np.abs(live.values(SOURCE)["velocity"].parts["x"] - stored.parts["x"]).max() > 1e-3


def test_nothing_to_show_before_the_first_step(tiny):
    new = Live(tiny.pair, {"reynolds": 200.0}, {})
    with pytest.raises(InputError, match="Not started"):
        new.values(SOURCE)
    with pytest.raises(InputError, match="make a step first"):
        new.save(None)
