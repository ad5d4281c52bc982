"""Checkpoints: kept, restored, and what happens when they are damaged."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from phi_sol import InputError
from phi_sol.training import checkpoints
from phi_sol.training.checkpoints import Checkpoints


class Run(SimpleNamespace):
    """What a trainer is to its checkpoints, with one weight that is the square of the step."""

    def __init__(self, folder, chief=True, run="0123"):
        super().__init__(step=0, chief=chief, saved=[])
        self.weight = tf.Variable(0.0)
        self.checkpoints = Checkpoints(self, folder, run, weight=self.weight)

    def save(self):
        self.saved.append(self.step)

    def go_to(self, step):
        self.step = step
        self.weight.assign(step**2)


@pytest.fixture
def folder(tmp_path):
    """Checkpoints of four epochs."""
    run = Run(tmp_path / "checkpoints")
    for step in (50, 100, 150, 155):
        run.go_to(step)
        run.checkpoints.on_epoch_end(0)
        run.checkpoints.on_train_end()
    assert run.saved == [50, 100, 150, 155]
    return tmp_path / "checkpoints"


def restored(folder, **which):
    run = Run(folder, **which)
    run.checkpoints.restore()
    return float(run.weight)


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_the_last_three_are_kept(folder):
    assert sorted(p.name for p in folder.glob("*.index")) == ["ckpt-100.index", "ckpt-150.index", "ckpt-155.index"]
    assert restored(folder) == 155**2


@pytest.mark.parametrize("file", ["ckpt-155.data-00000-of-00001", "ckpt-155.index"])
def test_a_damaged_one_falls_back_to_the_one_before(folder, caplog, file):
    halve(folder / file)
    assert restored(folder) == 150**2
    (line,) = caplog.messages
    assert f"{file} was changed after it was written" in line
    assert line.endswith("Going back to the checkpoint of iteration 150.")


def test_one_of_another_run_is_not_used(folder, tmp_path, caplog):
    other = Run(tmp_path / "other", run="4567")
    other.go_to(155)
    other.weight.assign(-1.0)
    other.checkpoints.on_train_end()
    for path in (tmp_path / "other").iterdir():
        path.replace(folder / path.name)
    assert restored(folder) == 150**2 and "ckpt-155 is a checkpoint of another run" in caplog.text
    assert restored(folder, run="4567") == -1.0


def test_files_of_two_checkpoints_are_not_mixed(folder, caplog):
    for kind in ("data-00000-of-00001", "index"):
        (folder / f"ckpt-155.{kind}").write_bytes((folder / f"ckpt-150.{kind}").read_bytes())
    assert restored(folder) == 150**2 and "was changed after it was written" in caplog.text


def test_one_without_its_description_was_not_finished(folder, caplog):
    (folder / "ckpt-155.json").unlink()
    assert restored(folder) == 150**2 and not caplog.messages
    for path in folder.glob("*.json"):
        path.unlink()
    assert restored(folder) == 155**2  # as earlier versions wrote all of them


@pytest.mark.parametrize("name", ["lr=[1e-3]", "a*b?", "back\\slash", "{1,2}", "with space, ü"])
def test_any_name_of_a_folder(name, tmp_path):
    run = Run(tmp_path / name / "checkpoints")
    run.go_to(7)
    run.checkpoints.on_train_end()
    assert restored(tmp_path / name / "checkpoints") == 49


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(path):
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}; No space left on device")

    run = Run(tmp_path / "checkpoints")
    run.go_to(7)
    monkeypatch.setattr(run.checkpoints.checkpoint, "write", full)
    with pytest.raises(OSError, match="No space left on device: .*ckpt-7"):
        run.checkpoints.on_train_end()


def test_a_missing_one_falls_back_to_the_one_before(folder, caplog):
    (folder / "ckpt-155.data-00000-of-00001").unlink()
    assert restored(folder) == 150**2 and len(caplog.messages) == 1


def test_none_that_can_be_read(folder):
    for path in folder.glob("*.data*"):
        path.write_bytes(b"")
    with pytest.raises(
        InputError, match="No checkpoint in .* can be read: remove the run or name another folder .folder=."
    ):
        restored(folder)


def test_without_checkpoints_nothing_happens(tmp_path):
    assert restored(tmp_path / "nothing") == 0


def test_long_epochs_are_saved_in_between(tmp_path, monkeypatch):
    run = Run(tmp_path / "checkpoints")
    run.checkpoints.on_train_begin()
    for step in range(1, 4):
        run.go_to(step)
        run.checkpoints.on_train_batch_end(step)
    assert run.saved == []
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    run.checkpoints.on_train_batch_end(3)
    assert run.saved == [3] and "is that of iteration 3" in run.checkpoints.summary


def test_workers_other_than_the_first_write_nothing(tmp_path):
    run = Run(tmp_path / "checkpoints", chief=False)
    run.go_to(50)
    run.checkpoints.on_epoch_end(0)
    assert run.saved == [] and not list(tmp_path.iterdir())
