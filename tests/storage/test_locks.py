"""Locks of folders: of one process at a time, however it ends."""

import gc
import os
import subprocess
import sys

import pytest

from phi_sol.errors import InputError
from phi_sol.storage import locks
from phi_sol.storage.locks import LOCK, FolderLock

OTHER = """
import sys
from pathlib import Path
from phi_sol.storage.locks import FolderLock
lock = FolderLock(Path(sys.argv[1]), "wait")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """A process that holds a folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("end", ["kill", "end"])
def test_one_process_at_a_time(end, other, tmp_path):
    with pytest.raises(InputError, match="Another process is at work in .*run: wait for it"):
        FolderLock(tmp_path / "run", "wait for it")
    if end == "kill":
        other.kill()
    other.communicate()
    assert (tmp_path / "run" / LOCK).is_file() == (end == "kill")
    FolderLock(tmp_path / "run", "wait for it").release()
    assert not (tmp_path / "run" / LOCK).exists()


def test_what_was_made_for_it_goes_with_it(tmp_path):
    lock = FolderLock(tmp_path / "a" / "b", "wait")
    assert (tmp_path / "a" / "b" / LOCK).is_file()
    lock.release()
    assert not (tmp_path / "a").exists()
    (tmp_path / "kept").mkdir()
    FolderLock(tmp_path / "kept", "wait").release()
    assert not list((tmp_path / "kept").iterdir())


def test_within_a_process_it_is_the_same(tmp_path):
    lock = FolderLock(tmp_path / "run", "wait")
    assert FolderLock(tmp_path / "x" / ".." / "run", "wait") is lock
    del lock
    gc.collect()
    assert not (tmp_path / "run").exists()
    lock = FolderLock(tmp_path / "run", "wait")
    lock.release()
    assert FolderLock(tmp_path / "run", "wait") is not lock


def test_an_error_within_lets_go(tmp_path):
    lock = FolderLock(tmp_path / "run", "wait")
    with lock:
        pass
    assert (tmp_path / "run" / LOCK).exists()
    with pytest.raises(ZeroDivisionError), lock:
        _ = 1 / 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kinds", [1, 2])
def test_file_systems_without_locks(kinds, tmp_path, monkeypatch, caplog):
    def missing(*_):
        raise OSError(locks.errno.ENOLCK, os.strerror(locks.errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", missing)
    if kinds == 2:
        monkeypatch.setattr(locks.fcntl, "lockf", missing)
    FolderLock(tmp_path / "run", "wait").release()
    assert len(caplog.messages) == kinds - 1
    assert not caplog.messages or "can't be locked on this file system" in caplog.messages[0]
