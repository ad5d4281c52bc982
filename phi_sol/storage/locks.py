"""Which process of several works at what, by locks on files, also across machines that share a file system."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

LOCK = ".lock"  # in a folder that a process works at


@contextmanager
def held(files: Sequence[Path], wait: bool) -> Iterator[bool]:
    """
    Within it, this process holds the locks of all these files, which are made where they are not there: yields whether
    it does, which it always does if it waits for others to let go. A process that ends, however it does, lets go.
    """
    with ExitStack() as stack:
        try:
            for path in files:
                path.parent.mkdir(parents=True, exist_ok=True)
                fcntl.flock(stack.enter_context(open(path, "a")), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            ours = True
        except BlockingIOError:
            ours = False
        yield ours
