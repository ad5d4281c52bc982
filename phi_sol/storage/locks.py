"""
Which process of several works at what, by locks on files, also across machines that share a file system. A process that
ends, however it does, lets go.
"""

import errno
import fcntl
import logging
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import InputError
from ..files import resolved

LOG = logging.getLogger(__name__)
LOCK = ".lock"  # in a folder that a process works at
NOT_THERE = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
_held: "weakref.WeakValueDictionary[Path, FolderLock]" = weakref.WeakValueDictionary()


def _lock(file: IO, wait: bool):
    """
    Locks a file, by POSIX's other kind of lock where the file system has not the usual one; where it has neither, a
    warning is all there is. Raises BlockingIOError where another process holds it and this one does not wait.
    """
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            return lock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as err:
            if err.errno == errno.EACCES:
                raise BlockingIOError(err.errno, err.strerror) from err
            if err.errno not in NOT_THERE:
                raise
    LOG.warning("%s can't be locked on this file system: run one process at a time there.", file.name)


@contextmanager
def held(files: Sequence[Path], wait: bool) -> Iterator[bool]:
    """
    Within it, this process holds the locks of all these files, which are made where they are not there: yields whether
    it does, which it always does if it waits for others to let go.
    """
    with ExitStack() as stack:
        try:
            for path in files:
                path.parent.mkdir(parents=True, exist_ok=True)
                _lock(stack.enter_context(open(path, "a")), wait)
            ours = True
        except BlockingIOError:
            ours = False
        yield ours


class FolderLock:
    """
    The right of this process to write into a folder, which is made if it is not there, from now until `release`, or the
    end of whoever asked for it. Asked for twice in one process it is the same.

    Attributes:
        release: Lets go.
    """

    release: weakref.finalize

    def __new__(cls, folder: Path, advice: str) -> "FolderLock":
        """Raises InputError, with this advice, if another process has it; nothing is left behind then."""
        place = resolved(folder)
        if (known := _held.get(place)) is not None and known.release.alive:
            return known
        made = [p for p in (place, *place.parents) if not p.exists()]
        place.mkdir(parents=True, exist_ok=True)
        file = cls._taken(place / LOCK)
        if file is None:
            raise InputError(f"Another process is at work in {folder}: {advice}.")
        self = super().__new__(cls)
        self.release = weakref.finalize(self, _let_go, file, made)
        _held[place] = self
        return self

    def __enter__(self) -> "FolderLock":
        """Within it, an error lets go."""
        return self

    def __exit__(self, kind, *error):
        if kind is not None:
            self.release()

    @staticmethod
    def _taken(path: Path) -> IO | None:
        while True:
            file = open(path, "a")  # noqa: SIM115  it stays open as long as it is locked
            try:
                _lock(file, wait=False)
                if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
            except BlockingIOError:
                file.close()
                return None
            file.close()  # its last owner has removed it meanwhile


def _let_go(file: IO, made: Sequence[Path]):
    """Removes the lock, and folders that were made for it and are still empty."""
    with suppress(OSError):
        os.unlink(file.name)
        for folder in made:
            folder.rmdir()
    file.close()
