"""Work for processes of tests, without TensorFlow."""

import os
import signal
import sys
import time
from pathlib import Path

from phi_sol import InputError


def square(arguments: dict, report) -> dict:
    print("what is printed must not come in between")
    report(1.0)
    return {"square": arguments["x"] ** 2, "process": os.getpid(), "threads": os.environ["TF_NUM_INTRAOP_THREADS"]}


def refuse(arguments: dict, report) -> dict:
    if arguments["x"] % 2:
        raise InputError("odd numbers are not possible")
    return {"x": arguments["x"]}


def full_disk(arguments: dict, report) -> dict:
    raise OSError(28, "No space left on device", "data/sim_000003/velocity_000001.npz")


def die(arguments: dict, report) -> dict:
    """Ends `times` times, in the way that is asked for, then does its work."""
    marks = Path(arguments["folder"])
    (marks / f"{len(list(marks.iterdir()))}-{arguments['x']}").touch()
    if len(list(marks.glob(f"*-{arguments['x']}"))) <= arguments["times"]:
        if arguments["how"] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(7)
    return {"x": arguments["x"]}


def wait(arguments: dict, report) -> dict:
    for i in range(600):
        report(float(i))
        Path(arguments["file"]).write_text(str(os.getpid()))
        time.sleep(0.1)
    return {}
