"""Recorded simulations, read from PhiFlow scenes."""

import os
import pickle
import shutil

import numpy as np
import pytest
from phi import math
from phi.field import CenteredGrid, Scene, StaggeredGrid
from phi.geom import Box
from phi.math import extrapolation

from phi_sol.errors import InputError, MissingError
from phi_sol.storage.files import read_json, write_json
from phi_sol.viewer.recording import Recording, read_values


@pytest.fixture
def scene(tmp_path):
    """A scene that PhiFlow wrote, with a staggered and two centred fields."""
    with math.NUMPY:
        box = Box(y=2.0, x=1.0)
        velocity = StaggeredGrid(
            lambda p: math.vec(y=p.vector["x"], x=p.vector["y"] ** 2), extrapolation.ZERO, box, y=6, x=4
        )
        wind = CenteredGrid(lambda p: math.vec(y=p.vector["x"], x=p.vector["y"]), 0, box, y=6, x=4)
        smoke = CenteredGrid(lambda p: p.vector["y"], 0, box, y=6, x=4)
        scene = Scene.create(str(tmp_path))
        for frame in (0, 5):
            scene.write(velocity=velocity, smoke=smoke, wind=wind, frame=frame)
    return scene.path, velocity, smoke, wind


def test_reads_what_phiflow_wrote(scene):
    path, velocity, smoke, wind = scene
    recording = Recording(path)
    assert recording.fields == ["velocity", "smoke", "wind"] and recording.frames == [0, 5] and recording.pair == {}
    values = recording.read("velocity", 5)
    assert values.staggered and values.resolution == {"y": 6, "x": 4} and values.bounds == {"y": (0, 2), "x": (0, 1)}
    centred = velocity.at_centers()
    for d in "yx":
        np.testing.assert_allclose(values.at_centres()[d], centred.values.vector[d].numpy("y,x"), atol=1e-7)
        np.testing.assert_array_equal(recording.read("wind", 0).parts[d], wind.values.vector[d].numpy("y,x"))
    np.testing.assert_array_equal(recording.read("smoke", 0).parts[""], smoke.values.numpy("y,x"))


def test_damaged_and_missing_frames(scene):
    path = scene[0]
    file = os.path.join(path, "smoke_000005.npz")
    with open(file, "r+b") as stream:
        stream.truncate(200)
    with pytest.raises(InputError, match="smoke_000005.npz is damaged"):
        Recording(path).read("smoke", 5)
    with pytest.raises(MissingError, match="smoke_000007.npz is missing"):
        Recording(path).read("smoke", 7)


def test_nothing_is_unpickled(scene, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    file = os.path.join(scene[0], "smoke_000000.npz")
    with np.load(file, allow_pickle=True) as stored:
        content = {n: stored[n] for n in stored.files}
    np.savez(file, **content | {"extrapolation": np.array(Bomb(), dtype=object)})
    Recording(scene[0]).read("smoke", 0)
    np.savez(file, **content | {"data": np.array([Bomb()], dtype=object)})
    with pytest.raises(InputError, match="damaged"):
        Recording(scene[0]).read("smoke", 0)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(pickle.dumps(Bomb()))
    assert (tmp_path / "exploded").exists(), "the bomb must work"


def test_generated_simulations(tiny, tiny_data):
    recording = Recording(tiny_data / "test" / "sim_000000")
    assert recording.frames == list(range(13)) and recording.state == "13 frames"
    assert recording.title == "test/sim_000000 (reynolds 300)"
    full = Recording(tiny_data / "test" / "sim_000000" / "reference")
    assert full.full_resolution and full.frames == [0, 5, 10] and full.parameters == {"reynolds": 300.0}
    assert full.read("velocity", 5).resolution == tiny.pair.reference.resolution


def test_a_simulation_that_is_still_being_written(tiny_data, tmp_path):
    folder = tmp_path / "sim_000000"
    shutil.copytree(tiny_data / "test" / "sim_000000", folder)
    file = folder / "description.json"
    write_json(file, read_json(file) | {"complete": False})
    for frame in range(7, 13):
        (folder / f"velocity_{frame:06d}.npz").unlink()
    recording = Recording(folder)
    assert recording.state == "7 of 13 frames, still being written" and recording.frames == list(range(7))
    shutil.copy(tiny_data / "test" / "sim_000000" / "velocity_000007.npz", folder)
    recording.refresh()
    assert recording.frames[-1] == 7


def test_files_that_are_no_grids(tmp_path):
    np.savez(tmp_path / "a_000000.npz", data=np.zeros(3))
    with pytest.raises(InputError, match="damaged"):
        read_values(tmp_path / "a_000000.npz")
