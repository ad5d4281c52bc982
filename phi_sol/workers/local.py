"""Processes of this machine that carry out items of work."""

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable

from ..arguments import checked
from ..errors import integer
from .items import THREADS, Engine, Item, Outcome, cores, outcome, packed

LOG = logging.getLogger(__name__)
MOST = 1024  # processes
DEATHS = 3  # of processes at one item, without any progress in between, after which it counts as failed
MEMORY = " (killed by the system, which does that when the memory is full)"


class Workers(Engine):
    """
    So many processes, which share the cores of this machine between them. One that is killed is replaced, and its item
    begun again, which goes on from what there is of it.
    """

    @checked
    def __init__(self, count: int):
        """Raises InputError unless there is at least one."""
        self.count = integer("The number of workers", count, 1, MOST)

    def __repr__(self):
        return f"{type(self).__name__}({self.count})"

    def _carried_out(self, items: list[Item], progress: Callable, ended: Callable) -> list[Outcome]:
        return _Run(items, min(self.count, len(items)), progress, ended).outcomes()


class _Run:
    def __init__(self, items: list[Item], count: int, progress: Callable[[float], None], ended: Callable):
        self.items, self.progress, self.heard_of, self.told = items, progress, ended, set[int]()
        self.threads = max(1, cores() // max(count, 1))
        self.left: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in range(len(self.items)):
            self.left.put(index)
        self.done = [0.0] * len(self.items)
        self.found: dict[int, Outcome] = {}
        self.ended, self.changed = threading.Event(), threading.Event()
        self.notes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.errors: list[BaseException] = []
        self.processes: list[_Process] = []
        self.masters = [threading.Thread(target=self._master, daemon=True) for _ in range(count)]

    def outcomes(self) -> list[Outcome]:
        try:
            for master in self.masters:
                master.start()
            while any(m.is_alive() for m in self.masters):
                self.changed.wait(0.2)
                self.changed.clear()
                self._tell()
        finally:  # also after Ctrl-C: what is done is kept by checkpoints
            self.ended.set()
            for process in list(self.processes):
                process.end()
        self._tell()
        if self.errors:
            raise self.errors[0]
        return [self.found[i] for i in range(len(self.items))]

    def _tell(self):
        """In the thread of whoever waits: a progress bar and notes come from there alone."""
        while not self.notes.empty():
            LOG.warning("%s", self.notes.get())
        for index in [*self.found.keys() - self.told]:
            self.told.add(index)
            self.heard_of(self.found[index])
        self.progress(sum(self.done))

    def _master(self):
        process = _Process(self.threads)
        self.processes.append(process)
        try:
            while not self.ended.is_set():
                try:
                    index = self.left.get_nowait()
                except queue.Empty:
                    return
                deaths = 0
                while index not in self.found and not self.ended.is_set():
                    before = self.done[index]
                    if (answer := process.ask(self.items[index], lambda what, i=index: self._heard(i, what))) is None:
                        if self.ended.is_set():
                            return
                        deaths = 1 if self.done[index] > before else deaths + 1
                        self._died(index, process, deaths)
                        continue
                    self.found[index] = outcome(self.items[index], answer)
                self.done[index] = self.items[index].total
                self.changed.set()
        except BaseException as err:
            self.errors.append(err)
        finally:
            process.end()

    def _heard(self, index: int, what: dict):
        if "note" in what:
            self.notes.put(what["note"])
        else:
            self.done[index] = max(self.done[index], what["done"])
        self.changed.set()

    def _died(self, index: int, process: "_Process", deaths: int):
        item, how = self.items[index], process.how_it_ended()
        if deaths >= DEATHS:
            self.found[index] = Outcome(item, failure=f"its process ended {deaths} times: {how}")
        else:
            self.notes.put(f"The process of {item.label} ended ({how}): another one goes on with it.")


class _Process:
    """One process at a time, begun when it is needed."""

    def __init__(self, threads: int):
        self.threads, self.said = threads, deque[str](maxlen=20)
        self.running: subprocess.Popen | None = None

    def ask(self, item: Item, heard: Callable[[dict], None]) -> dict | None:
        """What comes of an item; None if the process ends before."""
        running = self._begun()
        assert running.stdin and running.stdout
        try:
            running.stdin.write(json.dumps(packed(item, self.threads)) + "\n")
            running.stdin.flush()
            for line in running.stdout:
                what = json.loads(line)
                if "result" in what or "failure" in what:
                    return what
                heard(what)
        except (OSError, ValueError):  # it ended while it was written to, or within a line
            pass
        running.kill()
        running.wait()
        return None

    def _begun(self) -> subprocess.Popen:
        if self.running is not None and self.running.poll() is None:
            return self.running
        own = {name: str(self.threads) for name in THREADS}
        environment = os.environ | own | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self.said.clear()
        self.running = running = subprocess.Popen(
            [sys.executable, "-m", __name__.replace("local", "process")],
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the one who sends work
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        threading.Thread(target=self._drain, args=(running.stderr,), daemon=True).start()
        return running

    def _drain(self, stream):
        for line in stream:
            self.said.append(line.strip())

    def how_it_ended(self) -> str:
        code = self.running.returncode if self.running else 0
        if code < 0:
            return f"by signal {-code}" + MEMORY * (code == -9)
        last = next((line for line in reversed(self.said) if line), "")
        return f"exit code {code}" + (f": {last}" if last else "")

    def end(self):
        """Kills it, if it runs."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()
