"""Files that are written as a whole or not at all, and arrays in such files, without pickle."""

import errno
import hashlib
import importlib
import json
import os
import shutil
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from .errors import InputError, MissingError, one_line

PARTIAL, PART = ".partial", ".part-"  # a folder of files, and a file, that are being written
ABANDONED = 86400  # seconds after which what is not finished counts as left behind by a process that was killed
CHUNK = 2**17  # bytes
ABOUT = "about"  # entry of what a file of arrays says about itself, as JSON
OUTSIDE = {errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ELOOP, errno.EISDIR}


@contextmanager
def reading(path: Path, advice: str = "", what: str = "") -> Iterator[None]:
    """
    Within it, whatever the reading of a file raises becomes one line: that there is none (MissingError), that it can't
    be read (InputError), where the reason lies outside of it, as permissions do, or else that it is damaged
    (InputError), with the advice what to do then. `what` comes before the file's name.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as err:
        raise MissingError(f"{what}{path} is missing.") from err
    except Exception as err:  # libraries raise anything for damaged content, also errors of memory and recursion
        if isinstance(err, OSError) and err.errno in OUTSIDE:
            raise InputError(f"{what}{path} can't be read: {err.strerror}.") from err
        reason = "" if "pickle" in str(err) else f" ({one_line(err)})"  # what NumPy advises about pickles is no help
        raise InputError(f"{what}{path} is damaged{reason}{advice}.") from err


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within it, an error of the system names the file that is written, which a full disk's does not do by itself."""
    try:
        yield
    except OSError as err:
        if err.filename is None and err.errno is not None:
            raise OSError(err.errno, err.strerror, str(path)) from err
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    Within it a file or folder is written at another place, which it gives, hidden beside its own and of this thread
    alone; at the end it is moved, as a whole. What is not finished is removed, or if the process is killed when
    something is written there a day later. Errors as `writing`.
    """
    with suppress(OSError):
        for other in path.parent.glob(f"{PART}*"):
            if time.time() - other.stat().st_mtime > ABANDONED:
                remove(other)
    part = path.with_name(f"{PART}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        with writing(path):
            yield part
            os.replace(part, path)
    except BaseException:
        remove(part)
        raise


def remove(path: Path):
    """Removes a file or a folder, where it is there and can be."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def resolved(path: str | Path) -> Path:
    """A path with all links followed; one of links in a circle stays as it is, and whoever opens it is told."""
    return Path(os.path.realpath(path))


def visible(folder: Path) -> list[Path]:
    """What is in a folder, in order, without hidden files (locks, unfinished ones); nothing without a folder."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []


def write_atomic(path: Path, data: bytes):
    """Writes a file so that it is there as a whole or not at all, whenever the process ends."""
    with replacing(path) as part, open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_arrays(path: Path, arrays: dict, about: dict | None = None):
    """Writes arrays by name, exactly, and JSON-ready facts about them, atomically (NumPy's npz)."""
    buffer = BytesIO()
    content: dict = arrays if about is None else arrays | {ABOUT: np.array(json.dumps(about))}
    np.savez(buffer, **content)
    write_atomic(path, buffer.getvalue())


def read_arrays(path: Path, kind: str) -> tuple[dict, dict[str, np.ndarray]]:
    """
    The facts and the arrays of a file that `write_arrays` wrote with facts whose `kind` is this one. No pickled data is
    read.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is damaged, or of another kind.
    """
    with reading(path, ", or no file of phi_sol"), np.load(path, allow_pickle=False) as stored:
        arrays = {n: stored[n] for n in stored.files}
        about = json.loads(str(arrays.pop(ABOUT)[()])) if ABOUT in arrays else {}
    if not isinstance(about, dict) or about.get("kind") != kind:
        raise InputError(f"{path} holds no {kind}.")
    return about, arrays


def read_toml(path: Path) -> dict:
    """The content of a TOML file; errors as `reading`, and InputError if it is no TOML: where, and why."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    with reading(path):
        try:
            return toml.loads(path.read_text(encoding="utf-8-sig"))
        except toml.TOMLDecodeError as err:
            raise InputError(f"{path} is no TOML: {err}.") from err


def check_unpacked(file: ZipFile, limit: int, what: str):
    """Raises InputError (`what` begins it) if a ZIP file unpacks to more; nothing of it is unpacked."""
    size = sum(entry.file_size for entry in file.infolist())  # no entry is read beyond what is said here
    if size > limit:
        raise InputError(f"{what}: it unpacks to {size >> 20} MB, at most {limit >> 20} MB.")


def file_checksum(path: Path) -> str:
    """CRC-32 of the content of a file; errors as `reading`."""
    value = 0
    with reading(path), open(path, "rb") as file:
        while block := file.read(CHUNK):
            value = zlib.crc32(block, value)
    return f"{value:08x}"


def checksum(arrays: dict[str, np.ndarray]) -> str:
    """Short hash of the names, types, shapes and values of arrays."""
    known = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        known.update(f"{name} {array.dtype} {array.shape} ".encode())
        known.update(array.tobytes())
    return known.hexdigest()[:16]
