"""What is wrong with recorded simulations, and what a repair leaves for 'generate'."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from phi_sol import Dataset, Generator, MissingError, inspect_data, repair_data
from phi_sol.cli import main
from phi_sol.storage.files import read_json, write_json
from phi_sol.storage.locks import LOCK, held


@pytest.fixture
def data(tiny_data, tmp_path):
    shutil.copytree(tiny_data, tmp_path / "data")
    return tmp_path / "data"


def kinds(inspection):
    return sorted((f.kind, f.path.name) for f in inspection.findings)


def test_nothing_is_wrong(data):
    found = inspect_data(data)
    assert found.simulations == 3 and found.files == 3 * (2 * 13 + 2 * 3) and found.findings == []
    assert inspect_data(data / "train" / "sim_000001").files == 32
    assert main(["check", str(data)]) == 0


def spoil(data):
    """One of each kind."""
    one, two = (data / "train" / f"sim_00000{i}" for i in (0, 1))
    content = (one / "velocity_000003.npz").read_bytes()
    (one / "velocity_000003.npz").write_bytes(content[:-200] + b"x" * 200)
    shutil.copy(one / "marker_000005.npz", one / "marker_000004.npz")  # readable, but another frame
    (one / "reference" / "velocity_000005.npz").unlink()
    (two / "notes.txt").write_text("mine")
    (two / "velocity_000099.npz").write_bytes(content)
    (data / "train" / "thoughts").mkdir()
    (data / "train" / "thoughts" / "a.txt").write_text("mine, too")
    (data / "test" / "sim_000000" / "description.json").write_text("{")


def test_each_kind_is_found(data):
    spoil(data)
    assert kinds(inspect_data(data)) == [
        ("damaged", "marker_000004.npz"),
        ("damaged", "sim_000000"),
        ("damaged", "velocity_000003.npz"),
        ("foreign", "notes.txt"),
        ("foreign", "thoughts"),
        ("foreign", "velocity_000099.npz"),
        ("missing", "velocity_000005.npz"),
    ]


def test_repaired_and_generated_again(data, tiny, tiny_data, capsys):
    """After a repair 'generate' restores the very values, and nothing that is not phi_sol's is lost."""
    spoil(data)
    assert main(["check", str(data)]) == 1
    said = capsys.readouterr().out
    assert "3 damaged" in said and "is not the one that was generated" in said and "3 foreign" in said
    assert main(["check", str(data), "--repair"]) == 0
    said = capsys.readouterr().out
    assert said.count("removed: ") == 3 and said.count("put aside: ") == 3 and "restores what is missing" in said
    aside = data / "train-foreign"
    assert (aside / "sim_000001" / "notes.txt").read_text() == "mine"
    assert (aside / "thoughts" / "a.txt").read_text() == "mine, too"
    for split in ("train", "test"):
        Generator(tiny, split, data / split).run(progress=False)
    assert inspect_data(data).findings == []
    for split in ("train", "test"):
        ours, theirs = (Dataset.load(tiny.pair, place, split).arrays for place in (data, tiny_data))
        for n in ours:
            np.testing.assert_array_equal(ours[n], theirs[n])


def test_what_is_put_aside_twice_is_kept_twice(data):
    for text in ("first", "second"):
        (data / "train" / "notes.txt").write_text(text)
        repair_data(inspect_data(data))
    aside = data / "train-foreign"
    assert [(aside / n).read_text() for n in ("notes.txt", "notes.txt.2")] == ["first", "second"]


def test_who_is_at_work_is_left_alone(data):
    spoil(data)
    place, lines = data / "train" / "sim_000000", []
    code = f"import fcntl, sys; f = open({str(place / LOCK)!r}, 'a'); fcntl.flock(f, fcntl.LOCK_EX); "
    code += "print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        repair_data(inspect_data(data / "train"), lines.append)
        other.stdin.close()
    assert sum("another process is at work" in line for line in lines) == 2
    assert (place / "marker_000004.npz").exists()
    with held([place / LOCK], wait=False) as ours:
        assert ours


def test_unfinished_is_not_wrong(data, capsys):
    path = data / "train" / "sim_000001" / "description.json"
    write_json(path, {n: v for n, v in read_json(path).items() if n != "checksums"} | {"complete": False})
    (path.parent / "velocity_000012.npz").unlink()
    found = inspect_data(data)
    assert kinds(found) == [("unfinished", "sim_000001")] and not found.wrong
    assert main(["check", str(data)]) == 0
    assert "goes on with 'phi-sol generate'" in capsys.readouterr().out


def test_places_without_data(tmp_path, capsys):
    with pytest.raises(MissingError, match="There is no folder"):
        inspect_data(tmp_path / "none")
    with pytest.raises(MissingError, match="There are no simulations"):
        inspect_data(tmp_path)
    assert main(["check", str(tmp_path)]) == 2
    assert "There are no simulations (sim_000000, ...)" in capsys.readouterr().err
