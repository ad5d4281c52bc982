"""Where output will go: found out before any work is done."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from .errors import InputError, printable
from .limits import size

ROOM = 60  # characters of the names of files that are written into a folder


def check_place(folder: Path, advice: str):
    """
    Finds out by a nameless file, before any work, whether files can be written into a folder, which may have to be made
    first. Nothing is left there.

    Raises:
        InputError: if `folder` or a folder above it is a file or a link to nothing, can't be written to, has control
            characters in its name, or a name that is too long or not UTF-8.
    """
    if (text := str(folder)) != printable(text):
        raise InputError(f"A folder can't have control characters, or what is not UTF-8, in its name: {text}. {advice}")
    place = folder.absolute() / ("x" * ROOM)
    try:
        while not _is_there(place):
            place = place.parent
        if not place.is_dir():
            what = "a link to nothing" if place.is_symlink() else "a file, not a folder"
            raise InputError(f"{place} is {what}. {advice}")
        with TemporaryFile(dir=place):
            pass
    except OSError as err:
        raise InputError(f"Nothing can be written into {folder}: {err.strerror}. {advice}") from err


def check_file(path: Path, advice: str = "Name another file."):
    """The same for a file, which may be there and is written anew then."""
    if path.is_dir() or path.name != printable(path.name):
        why = "is a folder" if path.is_dir() else "has control characters, or what is not UTF-8, in its name"
        raise InputError(f"{path} {why}. {advice}")
    check_place(path.absolute().parent, advice)


def check_room(what: str, folder: Path, files: Mapping[int, int], advice: str):
    """
    Finds out, before any work, whether a disk has the room for files.

    Args:
        what: Needs it, as the beginning of a sentence.
        folder: Where they will be; it may have to be made first.
        files: How many there are of each size in bytes. A file takes whole blocks of the disk.

    Raises:
        InputError: if less is free. Where the file system does not say how large it is, nothing is known.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    disk = os.statvfs(place)
    block, free = disk.f_frsize, disk.f_bavail * disk.f_frsize
    needed = sum(count * -(-each // block) * block for each, count in files.items())
    if disk.f_blocks and needed > free:
        raise InputError(f"{what} needs up to {size(needed)} of disk; {size(free)} are free in {place}: {advice}.")


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):  # but not one whose name is too long
        return False
    return True
