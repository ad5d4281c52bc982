"""Reading recorded simulations, and statistics."""

import shutil

import numpy as np
import pytest
from phi import math
from phi.field import Scene

from phi_sol import Dataset, InputError, MissingError, SolverPair, WakeFlow
from phi_sol.correctors.statistics import Statistics
from phi_sol.storage.dataset import find_simulations
from phi_sol.storage.files import fingerprint, read_json, write_json
from phi_sol.storage.frames import DESCRIPTION, FACTS


@pytest.fixture
def broken(tiny_data, tmp_path):
    shutil.copytree(tiny_data / "test", tmp_path / "test")
    return tmp_path / "test"


def test_arrays_are_what_phiflow_reads(tiny_train, tiny_data):
    assert {n: a.shape for n, a in tiny_train.arrays.items()} == {
        "velocity.y": (2, 13, 24, 12),
        "velocity.x": (2, 13, 24, 11),
        "marker": (2, 13, 24, 12),
    }
    with math.NUMPY:
        velocity = Scene.at(str(tiny_data / "train" / "sim_000001")).read("velocity", frame=4)
        for d in "yx":
            np.testing.assert_array_equal(
                tiny_train.arrays[f"velocity.{d}"][1, 4], velocity.values[{"~vector": d}].numpy("y,x")
            )
    np.testing.assert_array_equal(tiny_train.parameters["reynolds"], [150, 600])


def test_fewer_frames(tiny, tiny_data):
    folders = find_simulations(tiny_data, "test")
    assert Dataset(tiny.pair, folders, frames=3).arrays["marker"].shape[1] == 4
    with pytest.raises(InputError, match="13 frames are asked for, but .* of 12 frames"):
        Dataset(tiny.pair, folders, frames=13)


def test_simulations_of_several_lengths_and_the_same_ones_twice(tiny, tiny_data, tmp_path, caplog):
    """One line each, however many there are."""
    shutil.copytree(tiny_data / "train", tmp_path / "copy")
    short = find_simulations(tiny_data, "test")[0]
    shutil.copytree(short, tmp_path / "short")
    description = read_json(short / DESCRIPTION) | {"frames": 5}
    config = {n: v for n, v in description.items() if n not in FACTS}
    write_json(tmp_path / "short" / DESCRIPTION, description | {"fingerprint": fingerprint(config)})
    folders = [*find_simulations(tiny_data, "train"), *find_simulations(tmp_path / "copy", "train")]
    data = Dataset(tiny.pair, [*folders, tmp_path / "short"])
    assert len(data) == len(folders) // 2 + 1 and data.frames == 5
    twice, lengths = (r.getMessage() for r in caplog.records)
    assert twice.endswith(f"and so on for {len(folders) // 2} of them: each counts once.") and "sim_000000" in twice
    assert lengths == f"Of all simulations the first 5 frames count: {tmp_path / 'short'} has no more."


def test_missing_folders(tmp_path):
    with pytest.raises(MissingError, match="no data folder"):
        find_simulations(tmp_path / "nothing", "train")
    with pytest.raises(MissingError, match="no simulations"):
        find_simulations(tmp_path, "train")


def test_split_folder_or_its_parent(tiny_data):
    assert find_simulations(tiny_data, "train") == find_simulations(tiny_data / "train", "train")


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half a file", None])
def test_damaged_frames_are_named(tiny, broken, damage):
    path = broken / "sim_000000" / "velocity_000003.npz"
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(InputError, match=r"velocity_000003.npz is damaged .* delete it and run"):
        Dataset(tiny.pair, [broken / "sim_000000"])


def test_frame_of_another_grid_or_with_nan(tiny, broken):
    path = broken / "sim_000000" / "marker_000003.npz"
    good = np.load(path, allow_pickle=True)
    forget_checksums(broken / "sim_000000")
    np.savez(path, **{k: good[k] for k in good.files if k != "data"}, data=good["data"][:-1])
    with pytest.raises(InputError, match=r"marker_000003.npz has shape \(23, 12\)"):
        Dataset(tiny.pair, [broken / "sim_000000"])
    np.savez(path, **{k: good[k] for k in good.files if k != "data"}, data=good["data"] * np.nan)
    with pytest.raises(InputError, match=r"marker_000003.npz holds values that are not finite"):
        Dataset(tiny.pair, [broken / "sim_000000"])


def forget_checksums(folder):
    """As earlier versions wrote a simulation."""
    description = read_json(folder / "description.json")
    del description["checksums"]
    write_json(folder / "description.json", description)


def swap(a, b):
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)


@pytest.mark.parametrize(
    "first, second, said",
    [
        ("sim_000000/velocity_000003.npz", "sim_000000/velocity_000004.npz", "velocity_000003.npz is not the one that"),
        ("sim_000000/marker_000003.npz", "sim_000001/marker_000003.npz", "marker_000003.npz is not the one that"),
        ("sim_000000/description.json", "sim_000001/description.json", "_000000.npz is not the one that was generated"),
    ],
)
def test_what_was_swapped_is_noticed(first, second, said, tiny, tiny_data, tmp_path):
    shutil.copytree(tiny_data / "train", tmp_path / "train", ignore=shutil.ignore_patterns(".packed"))
    folders = find_simulations(tmp_path, "train")
    Dataset(tiny.pair, folders)
    swap(tmp_path / "train" / first, tmp_path / "train" / second)
    with pytest.raises(InputError, match=f"{said}.* run 'phi-sol generate' again"):
        Dataset(tiny.pair, folders)


def test_a_full_resolution_frame_that_was_swapped_is_noticed(tiny, broken):
    data = Dataset(tiny.pair, [broken / "sim_000000"])
    kept = data.reference_frame(0, 5)
    folder = broken / "sim_000000" / "reference"
    swap(folder / "velocity_000005.npz", folder / "velocity_000010.npz")
    with pytest.raises(InputError, match="velocity_000005.npz is not the one that was generated"):
        data.reference_frame(0, 5)
    swap(folder / "velocity_000005.npz", folder / "velocity_000010.npz")
    np.testing.assert_array_equal(data.reference_frame(0, 5)["velocity.y"], kept["velocity.y"])


@pytest.mark.parametrize("entry, value", [("parameters", {"reynolds": 500.0}), ("warmup", 7), ("scene", "other")])
def test_a_description_that_does_not_fit_its_fingerprint(entry, value, tiny, broken):
    """Also where its own checksum was made anew, or left out."""
    file = broken / "sim_000000" / "description.json"
    write_json(file, read_json(file) | {entry: value})
    with pytest.raises(InputError, match="description.json was changed after it was written"):
        Dataset(tiny.pair, [broken / "sim_000000"])


def test_data_without_checksums_load_with_one_warning(tiny, tiny_data, tmp_path, caplog):
    shutil.copytree(tiny_data / "train", tmp_path / "train", ignore=shutil.ignore_patterns(".packed"))
    for folder in find_simulations(tmp_path, "train"):
        forget_checksums(folder)
    data = Dataset.load(tiny.pair, tmp_path)
    (line,) = caplog.messages
    assert "2 simulations in" in line and "have no checksums" in line and "'phi-sol generate' adds them" in line
    np.testing.assert_array_equal(data.frame(3)["marker"], Dataset.load(tiny.pair, tiny_data).frame(3)["marker"])


def test_missing_frames_and_descriptions(tiny, broken):
    (broken / "sim_000000" / "marker_000003.npz").unlink()
    with pytest.raises(MissingError, match="marker_000003.npz is missing"):
        Dataset(tiny.pair, [broken / "sim_000000"])
    description = broken / "sim_000000" / "description.json"
    write_json(description, read_json(description) | {"complete": False})
    with pytest.raises(InputError, match="unfinished"):
        Dataset(tiny.pair, [broken / "sim_000000"])
    description.write_text("{")
    with pytest.raises(InputError, match="description.json is damaged"):
        Dataset(tiny.pair, [broken / "sim_000000"])
    description.unlink()
    with pytest.raises(MissingError, match="description.json is missing"):
        Dataset(tiny.pair, [broken / "sim_000000"])


def test_data_of_another_pair(tiny_data):
    other = SolverPair(WakeFlow, dict(y=24, x=12), ratio=4)
    with pytest.raises(InputError, match="another solver pair: ratio is 2 instead of 4"):
        Dataset(other, find_simulations(tiny_data, "train"))


def test_statistics():
    corrections = {"u": np.array([3.0, -4.0])}
    s = Statistics.of({"u": (1.5, 2.5)}, corrections, {"re": np.array([10.0, 1000.0])})
    assert s.mean["u"] == 1.5 and s.std["u"] == 2.5
    assert s.correction["u"] == pytest.approx(np.sqrt(12.5))
    assert s.log_mean["re"] == pytest.approx(np.log(100)) and s.log_std["re"] == pytest.approx(np.log(10))


def test_statistics_of_one_parameter_value_and_of_constant_fields():
    s = Statistics.of({"u": (1.0, 0.0)}, {"u": np.zeros(3)}, {"re": np.array([500.0, 500.0])})
    assert s.std["u"] == 1 and s.correction["u"] == 1 and s.log_std["re"] == 1
    with pytest.raises(InputError, match="positive"):
        Statistics.of({}, {}, {"re": np.array([0.0])})
