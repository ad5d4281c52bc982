"""Checkpoints: kept, restored, and what happens when they are damaged."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from phi_sol import InputError
from phi_sol.training import checkpoints
from phi_sol.training.checkpoints import Checkpoints


class Run(SimpleNamespace):
    """What a trainer is to its checkpoints, with one weight that is the square of the step."""

    def __init__(self, folder, chief=True):
        super().__init__(step=0, chief=chief, saved=[])
        self.weight = tf.Variable(0.0)
        self.checkpoints = Checkpoints(self, folder, weight=self.weight)

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


def restored(folder):
    run = Run(folder)
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
    assert "checkpoint of iteration 155 in" in line and line.endswith(
        "is damaged: going back to that of iteration 150."
    )


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
