"""Files that are written as a whole or not at all, and arrays in such files, without pickle."""

import hashlib
import json
import os
import zipfile
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np

from .errors import InputError, MissingError

PARTIAL = ".partial"  # folder of files that are being written
ABOUT = "about"  # entry of what a file of arrays says about itself, as JSON


def write_atomic(path: Path, data: bytes):
    """Writes a file so that it is there as a whole or not at all, whenever the process ends."""
    part = path.parent / PARTIAL / path.name
    part.parent.mkdir(exist_ok=True)
    with open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    with suppress(OSError):  # another part is under way
        part.parent.rmdir()


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
    if not path.is_file():
        raise MissingError(f"There is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {n: stored[n] for n in stored.files}
        about = json.loads(str(arrays.pop(ABOUT)[()])) if ABOUT in arrays else {}
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as err:
        raise InputError(f"{path} is damaged, or no file of phi_sol.") from err
    if not isinstance(about, dict) or about.get("kind") != kind:
        raise InputError(f"{path} holds no {kind}.")
    return about, arrays


def checksum(arrays: dict[str, np.ndarray]) -> str:
    """Short hash of the names, types, shapes and values of arrays."""
    known = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        known.update(f"{name} {array.dtype} {array.shape} ".encode())
        known.update(array.tobytes())
    return known.hexdigest()[:16]
