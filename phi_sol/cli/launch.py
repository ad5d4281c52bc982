"""A training by several processes of this machine, each a worker of TensorFlow's `MultiWorkerMirroredStrategy`."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from ..errors import FailedError, integer
from ..workers.items import THREADS, cores

LOG = logging.getLogger(__name__)
RESTARTS = 3
MOST = 64
MARK = "phi-sol: "  # of lines that the error of this process repeats
NOTE = re.compile(r"[EFWI]\d{4} |\d{4}-\d\d-\d\d ")  # of TensorFlow


def without(arguments: list[str], option: str) -> list[str]:
    """The arguments of a command but for an option with a value, in any of its two forms."""
    result, skip = [], False
    for argument in arguments:
        if not skip and argument != option and not argument.startswith(f"{option}="):
            result.append(argument)
        skip = argument == option and not skip
    return result


def launch(arguments: list[str], count: int, run: Path):
    """
    Carries out `phi-sol` with these arguments in so many processes that share every batch. Where one is killed, all
    begin again from the last checkpoint in the folder `run`, three times at most.

    Raises:
        FailedError: if they end in another way. What the first of them says is shown as it comes.
    """
    integer("The number of workers", count, 1, MOST)
    command = [*without(arguments, "--workers"), "--strategy", "multi-worker"]
    for attempt in range(RESTARTS + 1):
        again = ["--resume"] if attempt and (run / "run.json").is_file() and "--resume" not in command else []
        index, code, said = _once([*command, *again], count)
        if code == 0:
            return
        if code > 0:
            raise FailedError(f"Worker {index} of {count} ended with the exit code {code}{': ' * bool(said)}{said}")
        how = f"Worker {index} of {count} was ended by signal {-code}"
        if attempt == RESTARTS:
            raise FailedError(f"{how}, the fourth time that one was: go on with --resume.")
        LOG.warning("%s: all begin again from the last checkpoint.", how)


def _once(command: list[str], count: int) -> tuple[int, int, str]:
    """One try: the worker that ended first in another way than all should, its exit code, and the last that it said."""
    threads = str(max(1, cores() // count))
    with ExitStack() as stack:
        workers = []
        for i, config in enumerate(_configs(count)):
            environment = os.environ | dict.fromkeys(THREADS, threads) | {"TF_CONFIG": config}
            workers.append(_Worker(command, environment, shown=i == 0))
            stack.callback(workers[-1].end)
        while any(w.code is None for w in workers):
            time.sleep(0.1)
            if any(w.code for w in workers):
                time.sleep(1)  # one that was killed makes the others fail
                break
        codes = [w.code or 0 for w in workers]
        i = next((i for i, c in enumerate(codes) if c < 0), next((i for i, c in enumerate(codes) if c), 0))
        return i, codes[i], workers[i].last


class _Worker:
    """
    A process. Of what the first one says on stderr, its progress is passed on, and not what comes of it when another
    one is killed: TensorFlow's notes, and tracebacks.
    """

    def __init__(self, command: list[str], environment: dict[str, str], shown: bool):
        self.lines: list[str] = []
        self.shown = shown
        self.process = subprocess.Popen(
            [sys.executable, "-m", __package__.partition(".")[0], *command],
            env=environment,
            stdout=None if shown else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C at one of them would leave the others waiting for it
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        held = ""  # an error is the last that is said, and this process says it again
        for line in self.process.stderr or ():
            self.lines = [*self.lines[-20:], line.rstrip()]
            if line.startswith("Traceback") or NOTE.match(line):
                self.shown = False
            if self.shown:
                print(held, end="", file=sys.stderr, flush=True)
                held = line
        if self.shown and not held.startswith(MARK):
            print(held, end="", file=sys.stderr, flush=True)

    @property
    def code(self) -> int | None:
        return self.process.poll()

    @property
    def last(self) -> str:
        """The last that it said."""
        self._listener.join(2)
        return next((x for x in reversed(self.lines) if x), "").removeprefix(MARK)

    def end(self):
        self.process.kill()
        self.process.wait()


def _configs(count: int) -> list[str]:
    """TF_CONFIG of each worker, at ports that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("localhost", 0))
        cluster = {"worker": [f"localhost:{s.getsockname()[1]}" for s in sockets]}
    return [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}) for i in range(count)]
