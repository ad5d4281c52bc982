"""Processes of this machine: what they give back, what is said of failures, and what happens when they are killed."""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from phi_sol import FailedError, InputError
from phi_sol.storage.files import versions
from phi_sol.workers.items import Item, carry_out, check, check_versions, check_visible, cores, packed
from phi_sol.workers.local import Workers


def items(name: str, count: int, **arguments) -> list[Item]:
    return [Item(f"{name} {i}", f"errands:{name}", {"x": i} | arguments) for i in range(count)]


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)


def test_each_item_is_done_once_by_some_process_and_progress_reaches_the_total():
    told = []
    outcomes = Workers(2).run(items("square", 6), told.append)
    assert [o.result["square"] for o in outcomes] == [0, 1, 4, 9, 16, 25]
    processes = {o.result["process"] for o in outcomes}
    assert 1 <= len(processes) <= 2 and os.getpid() not in processes
    assert told == sorted(told) and told[-1] == 6
    assert {o.result["threads"] for o in outcomes} == {str(max(1, cores() // 2))}


def test_no_more_processes_than_items_and_none_for_none():
    (outcome,) = Workers(8).run(items("square", 1))
    assert outcome.result["threads"] == str(cores())
    assert Workers(3).run([]) == []


def test_what_fails_does_not_stop_the_others_and_is_named_with_its_reason():
    outcomes = Workers(2).run([*items("refuse", 4), *items("full_disk", 1), *items("square", 1)])
    assert [o.failure for o in outcomes] == [
        "",
        "odd numbers are not possible",
        "",
        "odd numbers are not possible",
        "data/sim_000003/velocity_000001.npz: No space left on device",
        "",
    ]
    with pytest.raises(FailedError, match=r"^3 of 6 .* failed. refuse 1, refuse 3: odd .*; full_disk 0: data/sim_0+3/"):
        check(outcomes)
    with pytest.raises(InputError, match="^1 of 2 pieces of work failed. refuse 1: odd numbers are not possible$"):
        check(outcomes[:2])
    check(outcomes[5:])


@pytest.mark.parametrize("how, words", [("killed", "by signal 9 .*memory"), ("exit", "exit code 7: out of luck")])
def test_a_process_that_ends_is_replaced(how, words, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        outcomes = Workers(2).run(items("die", 2, folder=str(tmp_path), times=2, how=how))
    assert [o.result["x"] for o in outcomes] == [0, 1] and len(list(tmp_path.iterdir())) == 6
    notes = [r.getMessage() for r in caplog.records]
    assert len(notes) == 4 and all("another one goes on with it" in n for n in notes)
    (outcome,) = Workers(1).run(items("die", 1, folder=str(tmp_path), times=99, how=how))
    assert re.search(f"its process ended 3 times: {words}", outcome.failure)


def test_an_interruption_ends_the_processes(tmp_path):
    """Also where it is SIGKILL: nobody goes on working for one who is not there any more."""
    file = tmp_path / "pid"
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"  # ignored in a shell's background
        "from phi_sol.workers.items import Item; from phi_sol.workers.local import Workers;"
        f"Workers(1).run([Item('wait', 'errands:wait', {{'file': {str(file)!r}}}, 600.0)])"
    )
    for number in (signal.SIGINT, signal.SIGKILL):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
        while not (file.is_file() and file.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        worker = int(file.read_text())
        process.send_signal(number)
        process.wait(20)
        for _ in range(100):
            if not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split()[2]:
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"the worker lives on after {number.name}")
        file.unlink()


def test_progress_is_told_in_the_thread_that_waits():
    threads = set()
    Workers(2).run(items("square", 3), lambda done: threads.add(threading.current_thread()))
    assert threads == {threading.main_thread()}


def test_other_versions_are_refused_and_named():
    other = versions() | {"tensorflow": "2.0"}
    with pytest.raises(InputError, match=r"A worker on \S+ has tensorflow 2\.\d+\.\d+, not 2\.0: install the same"):
        check_versions(other)
    answer = carry_out(packed(items("square", 1)[0], 1) | {"versions": other}, print)
    assert answer["wrong"] and "has tensorflow" in answer["failure"]
    check_versions(versions() | {"python": "2.7"})


def test_a_folder_that_a_worker_does_not_see_is_refused(tmp_path):
    (tmp_path / ".lock").touch()
    check_visible(tmp_path, ".lock")
    with pytest.raises(InputError, match="does not see .*missing.* choose a folder on a file system that all"):
        check_visible(tmp_path / "missing", ".lock")


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2", 10**6])
def test_impossible_numbers_of_workers(count):
    with pytest.raises(InputError, match="workers|count"):
        Workers(count)
