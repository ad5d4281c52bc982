"""Generation: what is on disk, resuming, and what is refused."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from phi import math
from phi.field import Scene, divergence

from phi_sol import Experiment, Generator, InputError, WakeFlow
from phi_sol.generation import checkpoint
from phi_sol.generation import simulator as simulate
from phi_sol.generation.simulator import Simulator
from phi_sol.storage.files import SEAL, fingerprint, read_json, write_json
from phi_sol.storage.frames import FACTS, FrameFormat


def contents(folder: Path) -> dict[str, bytes]:
    """Of all files but those that reading has left (`.packed`)."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and ".packed" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_scene_folders_as_phiflow_reads_them(tiny, tiny_data):
    scenes = Scene.list(str(tiny_data / "train"))
    assert len(scenes) == 2
    scene = scenes[1]
    assert scene.fieldnames == ("marker", "velocity")
    assert scene.complete_frames == tuple(range(13))
    assert scene.properties["parameters"] == {"reynolds": 600.0}
    assert (
        scene.properties["complete"] and scene.properties["scene"] == "tiny" and scene.properties["versions"]["phiflow"]
    )
    config = {k: v for k, v in scene.properties.items() if k not in {*FACTS, SEAL}}
    assert scene.properties["fingerprint"] == fingerprint(config)
    with math.NUMPY:
        velocity, marker = scene.read("velocity", "marker", frame=12)
        assert velocity.is_staggered and velocity.resolution.untyped_dict == dict(y=24, x=12)
        assert velocity.boundary == tiny.pair.source.boundaries["velocity"]
        assert np.abs(divergence(velocity).values.numpy("y,x")).max() < 1e-5
        assert float(marker.values.max) > 0.5
    reference = Scene.at(str(tiny_data / "train" / "sim_000001" / "reference"))
    assert reference.complete_frames == (0, 5, 10)


def test_frames_are_the_restricted_reference_run(tiny, tiny_data):
    """Frame 12 by stepping the reference with PhiFlow's operators and restricting the result."""
    pair = tiny.pair
    with math.NUMPY:
        state = pair.reference.initial_state(reynolds=600.0)
        for _ in range(tiny.warmup + 12):
            state = pair.reference.physics(state, math.wrap(1.0))
        expected = pair.restrict(state)
        stored = Scene.at(str(tiny_data / "train" / "sim_000001")).read("velocity", frame=12)
        for d in "yx":
            a, b = (f.values[{"~vector": d}].numpy("y,x") for f in (stored, expected.velocity))
            np.testing.assert_allclose(a, b, atol=2e-4)


def test_finished_simulations_are_skipped(tiny, tiny_data, monkeypatch):
    generator = Generator(tiny, "train", tiny_data / "train")
    assert all(job.done for job in generator.jobs)
    monkeypatch.setattr(Simulator, "run", lambda *_: pytest.fail("computed again"))
    seen = []
    assert len(generator.run(lambda *counts: seen.append(counts))) == 2
    assert seen == [(54, 54)]  # two simulations of 27 steps


class Killed(BaseException):
    pass


def killed_at_frame(monkeypatch, frame: int, folder: str):
    """Writing this frame of this simulation ends the run."""
    original = FrameFormat.write

    def write(self, to, index, values):
        known = original(self, to, index, values)
        if index == frame and to.name == folder:
            raise Killed
        return known

    monkeypatch.setattr(FrameFormat, "write", write)


@pytest.mark.parametrize("stop_at", [0, 5, 11])
def test_interrupted_batch_ends_with_the_same_bytes(tiny, tiny_data, tmp_path, monkeypatch, stop_at):
    monkeypatch.setattr(simulate, "CHECKPOINT_EVERY", 4)
    with monkeypatch.context() as patch:
        killed_at_frame(patch, stop_at, "sim_000001")
        with pytest.raises(Killed):
            Generator(tiny, "train", tmp_path / "train").run()
    assert not any(
        json.loads((tmp_path / "train" / f"sim_00000{i}" / "description.json").read_text())["complete"]
        for i in range(2)
    )
    generator, done = Generator(tiny, "train", tmp_path / "train"), []
    assert generator.plan()["batch"] == 2
    generator.run(lambda steps, total: done.append(steps))
    assert done[0] >= 2 * 12 and done[-1] == 2 * 27, "started from the beginning instead of from the checkpoint"
    assert contents(tmp_path / "train") == contents(tiny_data / "train")


def test_missing_frame_is_restored(tiny, tiny_data, tmp_path):
    shutil.copytree(tiny_data / "test", tmp_path / "test")
    (tmp_path / "test" / "sim_000000" / "velocity_000007.npz").unlink()
    generator = Generator(tiny, "test", tmp_path / "test")
    assert generator.plan()["finished"] == 0
    generator.run()
    assert contents(tmp_path / "test") == contents(tiny_data / "test")


def test_damaged_checkpoint_counts_as_none(tiny, tmp_path):
    (tmp_path / checkpoint.OLD).write_bytes(b"half a file")
    assert Generator(tiny, "train", tmp_path).plan()["steps"] == 2 * 27


def test_folders_that_are_not_ours_stay_untouched(tiny, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"not a phi_sol data folder: it holds 'notes.txt'.*folder \(folder=\)"):
        Generator(tiny, "train", tmp_path)
    with pytest.raises(InputError, match="is a file, not a folder"):
        Generator(tiny, "train", tmp_path / "notes.txt")
    foreign = tmp_path / "other" / "sim_000000"
    foreign.mkdir(parents=True)
    (foreign / "velocity_000000.npz").write_bytes(b"")
    with pytest.raises(InputError, match="no description.json"):
        Generator(tiny, "train", tmp_path / "other")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["notes.txt", "other", "sim_000000", "velocity_000000.npz"]


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(frames=13), "frames is 12 instead of 13"),
        (dict(warmup=3), "warmup is 15 instead of 3"),
        (dict(parameters={"reynolds": [150.0, 601.0]}), "parameters.reynolds is 600.0 instead of 601.0"),
        (dict(parameters={"reynolds": [150.0]}), r"2 simulations of another configuration \(1 asked for\)"),
    ],
)
def test_another_configuration_is_refused(tiny, tiny_data, change, message):
    before = contents(tiny_data / "train")
    with pytest.raises(InputError, match=message):
        Generator(tiny, "train", tiny_data / "train", **change)
    assert contents(tiny_data / "train") == before


def test_impossible_numbers(tiny, tmp_path):
    with pytest.raises(InputError, match="at least 1"):
        Generator(tiny, "train", tmp_path, frames=0)
    with pytest.raises(InputError, match="number of warm-up steps must be an integer of at least 0, not -1"):
        Generator(tiny, "train", tmp_path, warmup=-1)
    with pytest.raises(InputError, match="in a batch must be an integer of at least 1, not 0"):
        Generator(tiny, "train", tmp_path, batch=0)


def test_unstable_parameters_are_refused(tiny, tmp_path):
    with pytest.raises(
        InputError, match=r"reynolds=2 is too viscous for WakeFlow\(y=48, x=24.* needs reynolds >= 2.304"
    ):
        Generator(tiny, "test", tmp_path / "out", parameters={"reynolds": [2.0]})
    assert not (tmp_path / "out").exists()


def test_a_source_too_coarse_for_its_obstacle_is_refused_before_anything_is_written(tmp_path):
    values = dict(reynolds=(200.0,))
    experiment = Experiment(
        name="coarse", flow=WakeFlow, source=dict(y=8, x=4), ratio=4, train=values, test=values, options=dict(dt=0.5)
    )
    with pytest.raises(InputError, match="covers no cell centre.* cells of 25 x 25 are too coarse"):
        Generator(experiment, "train", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


DAMAGES = {
    "empty": lambda file, other: file.write_bytes(b""),
    "half": lambda file, other: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "zeros": lambda file, other: file.write_bytes(bytes(file.stat().st_size)),
    "one bit": lambda file, other: file.write_bytes(flipped(file.read_bytes())),
    "bytes before it": lambda file, other: file.write_bytes(b"\xff\xfe" + file.read_bytes()),  # ZIP readers allow it
    "of another time": lambda file, other: shutil.copy(other, file),
    "a folder": lambda file, other: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["velocity_000007.npz", "reference/marker_000005.npz"])
def test_only_what_is_verified_counts_as_there(place, damage, tiny, tiny_data, tmp_path, monkeypatch, caplog):
    shutil.copytree(tiny_data / "test", tmp_path / "test")
    folder = tmp_path / "test" / "sim_000000"
    file = folder / place
    DAMAGES[damage](file, next(p for p in sorted(file.parent.glob(f"{file.name[:5]}*.npz")) if p != file))
    calls = []
    monkeypatch.setattr(Simulator, "run", lambda self, jobs, start, *_: calls.append((len(jobs), start)) or {})
    generator = Generator(tiny, "test", tmp_path / "test")
    assert generator.plan()["finished"] == 0 and generator.plan()["steps"] == 27
    generator.run()
    assert calls == [(1, 0)]
    assert place in caplog.messages[0] and "the simulation is computed again" in caplog.messages[0]


def test_after_a_kill_only_what_is_verified_is_gone_on_from(tiny, tiny_data, tmp_path, monkeypatch):
    """A frame that was written before the checkpoint is found empty afterwards, as after a loss of power."""
    monkeypatch.setattr(simulate, "CHECKPOINT_EVERY", 4)
    with monkeypatch.context() as patch:
        killed_at_frame(patch, 11, "sim_000000")
        with pytest.raises(Killed):
            Generator(tiny, "test", tmp_path / "test").run()
    assert Generator(tiny, "test", tmp_path / "test").plan()["steps"] < 27
    (tmp_path / "test" / "sim_000000" / "velocity_000001.npz").write_bytes(b"")
    generator = Generator(tiny, "test", tmp_path / "test")
    assert generator.plan()["steps"] == 27
    generator.run()
    assert contents(tmp_path / "test") == contents(tiny_data / "test")


def test_checksums_are_added_where_there_are_none(tiny, tiny_data, tmp_path, monkeypatch, caplog):
    shutil.copytree(tiny_data / "test", tmp_path / "test")
    file = tmp_path / "test" / "sim_000000" / "description.json"
    whole = read_json(file)
    write_json(file, {n: v for n, v in whole.items() if n != "checksums"})
    monkeypatch.setattr(Simulator, "run", lambda *_: pytest.fail("computed again"))
    Generator(tiny, "test", tmp_path / "test").run()
    assert read_json(file) == whole and "had no checksums" in caplog.text


def test_checksums_are_those_that_zip_has_of_the_values(tiny_data):
    import zlib
    from io import BytesIO

    folder = tiny_data / "test" / "sim_000000"
    known = read_json(folder / "description.json")["checksums"]
    assert {n: len(text.split()) for n, text in known.items()} == {
        "velocity": 13,
        "marker": 13,
        "reference/velocity": 3,
        "reference/marker": 3,
    }
    for name, frame, index in (("velocity", 12, 12), ("reference/marker", 10, 2)):
        with np.load(folder / f"{name}_{frame:06d}.npz", allow_pickle=True) as stored:
            np.lib.format.write_array(buffer := BytesIO(), stored["data"])
        assert known[name].split()[index] == f"{zlib.crc32(buffer.getvalue()):08x}"


def test_what_the_disk_has_no_room_for_is_refused_before_it_begins(tiny, tiny_data, tmp_path, monkeypatch):
    shutil.copytree(tiny_data / "train" / "sim_000000", tmp_path / "train" / "sim_000000")
    disk = SimpleNamespace(f_frsize=4096, f_blocks=100, f_bavail=36)
    monkeypatch.setattr("phi_sol.places.os.statvfs", lambda path: disk)
    refused = Generator(tiny, "train", tmp_path / "train")  # 2 fields of 13 frames, and of 3 on the fine grid
    with pytest.raises(InputError, match=r"needs up to 0\.\d+ MB of disk; 0\.147 MB are free in .*train: make room"):
        refused.run()
    assert [p.name for p in (tmp_path / "train").iterdir()] == ["sim_000000"]
    disk.f_bavail = 0  # nothing is left to be written
    assert len(Generator(tiny, "test", tiny_data / "test").run()) == 1
