"""How a process with a viewer ends at once, by SIGTERM or by Kill. Its temporary folders go with it."""

import os
import signal
import sys
from contextlib import suppress
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread

ENDS = tuple(getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n))
FOLDERS: dict[TemporaryDirectory, int] = {}  # that are in use, and the process that made each


def temporary_folder() -> TemporaryDirectory:
    """A folder that is removed by `remove`, and by the end of the process, unless that is killed (SIGKILL)."""
    folder = TemporaryDirectory(prefix="phi_sol_view_")
    FOLDERS[folder] = os.getpid()
    if current_thread() is main_thread():
        for number in ENDS:
            if signal.getsignal(number) is signal.SIG_DFL:  # or it is ignored, or somebody else takes care of it
                signal.signal(number, _end)
    return folder


def remove(folder: TemporaryDirectory):
    """With the last one signals do what they did before."""
    folder.cleanup()
    FOLDERS.pop(folder, None)
    if not FOLDERS and current_thread() is main_thread():
        for number in ENDS:
            if signal.getsignal(number) is _end:
                signal.signal(number, signal.SIG_DFL)


def leave(code: int):
    """Ends the process now, from any thread."""
    clean_up()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _end(number, frame):
    clean_up()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # the end of a process by this signal


def clean_up():
    """Removes the folders of this process."""
    for folder in [f for f, process in FOLDERS.items() if process == os.getpid()]:  # not in a forked process
        with suppress(OSError):
            folder.cleanup()
