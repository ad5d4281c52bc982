"""Simulations that begin from a given state."""

import json
import shutil

import numpy as np
import pytest
from phi import math

from phi_sol import Generator, InputError, MissingError, load_state, metrics
from phi_sol.cli import main
from phi_sol.storage.frames import read_frame


def description(folder):
    return json.loads((folder / "description.json").read_text())


@pytest.fixture(scope="module")
def developed(tiny, tmp_path_factory):
    """Reference states at time 3 of two Reynolds numbers, and the file of the first one."""
    reference = tiny.pair.reference
    states = reference.rollout(reference.initial_state(reynolds=[600.0, 150.0]), 3).last
    path = tmp_path_factory.mktemp("start") / "state.npz"
    states[{"batch": 0}].save(path)
    return states, path


def test_simulations_go_on_from_the_states(tiny, developed, tmp_path):
    """With their own Reynolds numbers the simulations are the rollout that the states are from, gone on with."""
    states, _ = developed
    how = dict(parameters={"reynolds": [600.0, 150.0]}, warmup=1, frames=2)
    Generator(tiny, "train", tmp_path / "data", **how, start=states).run()
    expected = tiny.pair.reference.rollout(states, 3)
    for frame in range(3):
        with math.NUMPY:
            coarse = tiny.pair.restrict(expected[frame]).velocity.vector["y"].values.numpy("batch,y,x")
        for i in range(2):
            stored = read_frame(tiny.pair.source, tmp_path / "data" / f"sim_00000{i}", frame)["velocity.y"]
            np.testing.assert_allclose(stored, coarse[i], atol=1e-5)
    assert np.abs(coarse[0] - coarse[1]).max() > 1e-3


def test_state_is_part_of_the_configuration(tiny, developed, tiny_data, tmp_path):
    states, path = developed
    state = states[{"batch": 0}]
    how = dict(parameters={"reynolds": [300.0]}, warmup=0, frames=1)
    Generator(tiny, "test", tmp_path / "data", **how, start=path).run()
    moved = tmp_path / "moved.npz"
    shutil.copy(path, moved)
    for start in (moved, state):  # the content counts, not the name of the file
        assert Generator(tiny, "test", tmp_path / "data", **how, start=start).plan()["finished"] == 1
    with pytest.raises(InputError, match="holds another configuration: start is .* instead of missing"):
        Generator(tiny, "test", tmp_path / "data", **how)
    with pytest.raises(InputError, match="start is .* instead of"):
        Generator(
            tiny,
            "test",
            tmp_path / "data",
            **how,
            start=load_state(path, tiny.pair.reference).with_fields(marker=state.marker + 1.0),
        )
    with pytest.raises(InputError, match="start is missing instead of"):
        Generator(tiny, "test", tiny_data / "test", start=path)
    assert "start" not in description(tiny_data / "test" / "sim_000000")


def test_one_state_for_all_or_one_each(tiny, developed, tmp_path):
    reference, (states, path) = tiny.pair.reference, developed
    own = metrics.arrays_of(reference, states)["velocity.y"]
    each = Generator(tiny, "train", tmp_path / "each", start=states).jobs
    same = Generator(tiny, "train", tmp_path / "same", start=path).jobs
    assert len(each) == len(same) == 2
    for i in range(2):
        np.testing.assert_array_equal(each[i].start["velocity.y"], own[i])
        np.testing.assert_array_equal(same[i].start["velocity.y"], own[0])
    assert same[0].config["start"] == same[1].config["start"] == each[0].config["start"] != each[1].config["start"]
    with pytest.raises(InputError, match="There are 2 states to begin from, but 1 simulations: give one, or one each"):
        Generator(tiny, "train", tmp_path / "other", parameters={"reynolds": [300.0]}, start=states)


def test_states_that_can_not_be_begun_from(tiny, developed, tmp_path):
    state = developed[0][{"batch": 0}]
    with math.NUMPY:
        coarse = tiny.pair.source.initial_state(reynolds=100.0)
        coarse.save(tmp_path / "coarse.npz")
    message = r"begin from states of the reference: .*y=24, x=12.*, not .*y=48, x=24"
    for start in (coarse, tmp_path / "coarse.npz"):
        with pytest.raises(InputError, match=message):
            Generator(tiny, "test", tmp_path / "data", start=start)
    with pytest.raises(InputError, match="The state to begin from is not finite"):
        Generator(tiny, "test", tmp_path / "data", start=state.with_fields(marker=state.marker * np.nan))
    with pytest.raises(MissingError, match="nothing.npz is missing"):
        Generator(tiny, "test", tmp_path / "data", start=tmp_path / "nothing.npz")
    assert not (tmp_path / "data").exists()


def test_command(tiny_scene, developed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["generate", str(tiny_scene), "--dry-run", "--out", "out"]
    assert main([*options, "--start", str(developed[1])]) == 0 and "2 simulations" in capsys.readouterr().out
    assert main([*options, "--start", "nothing.npz"]) == 2 and "nothing.npz is missing" in capsys.readouterr().err
    (tmp_path / "other.npz").write_bytes(b"something")
    assert main([*options, "--start", "other.npz"]) == 2 and "other.npz is damaged" in capsys.readouterr().err
