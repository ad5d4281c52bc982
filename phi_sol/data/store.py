"""Simulations on disk, in PhiFlow's scene format: one folder each, one file per field and frame."""

import hashlib
import json
import os
import platform
import zipfile
import zlib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import phi.field
from phi import math

from ..errors import InputError, MissingError
from ..flows import Flow, State

DESCRIPTION, PARTIAL, REFERENCE = "description.json", ".partial", "reference"


def check_no_file_in_the_way(folder: Path, advice: str):
    """
    Raises:
        InputError: if `folder` or a folder above it is a file.
    """
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file, not a folder. {advice}")


def sim_folder(root: Path, index: int) -> Path:
    return root / f"sim_{index:06d}"


def frame_file(folder: Path, name: str, frame: int) -> Path:
    return folder / f"{name}_{frame:06d}.npz"


def fingerprint(config: dict) -> str:
    """Short hash of JSON-ready data, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of everything that may change a result."""
    result = {"python": platform.python_version()}
    for package in ("phi_sol", "phiflow", "phiml", "tensorflow", "keras", "numpy"):
        try:
            result[package] = version(package)
        except PackageNotFoundError:
            result[package] = "not installed"
    return result


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


def write_json(path: Path, content: dict):
    write_atomic(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path) -> dict:
    """
    Raises:
        MissingError: if there is no such file.
        InputError: if it is not a JSON object.
    """
    if not path.is_file():
        raise MissingError(f"{path} is missing.")
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError) as err:
        raise InputError(f"{path} is damaged: {err}") from err
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it holds no JSON object.")
    return content


class FrameFormat:
    """
    PhiFlow's file format for the fields of one flow.

    The header of each file (grid, boundary, names) is taken once from a file that PhiFlow itself wrote, so that frames
    can be written without building a `Field` each.
    """

    def __init__(self, flow: Flow):
        self.flow = flow
        self.headers = {}
        with TemporaryDirectory() as folder:
            for name, template in flow.templates.items():
                sample = Path(folder) / f"{name}.npz"
                phi.field.write(template, str(sample))
                with np.load(sample, allow_pickle=True) as stored:  # our own file of a moment ago
                    self.headers[name] = {k: stored[k] for k in stored.files if k != "data"}

    def file_values(self, state: State) -> dict:
        """What PhiFlow stores of each field: native tensors of shape (batch, *resolution[+1], [vector])."""
        values, shape = {}, state.batch_shape
        for name in self.flow.fields:
            field = state.fields[name]
            tensor = field.staggered_tensor() if field.is_staggered else field.values
            values[name] = math.expand(tensor, shape).native([shape, *self.flow.resolution, *(["vector"] if field.is_staggered else [])])
        return values

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame in float32 before compression, all fields together."""
        sizes, total = tuple(self.flow.resolution.values()), 0
        for name in self.flow.fields:
            shape = (*[n + 1 for n in sizes], len(sizes)) if name in self.flow.staggered else sizes
            total += 4 * int(np.prod(shape)) + sum(np.asarray(h).nbytes for h in self.headers[name].values())
        return total

    def write(self, folder: Path, frame: int, values: dict[str, np.ndarray]):
        """Writes one file per field atomically."""
        for name, data in values.items():
            final = frame_file(folder, name, frame)
            part = folder / PARTIAL / final.name
            part.parent.mkdir(exist_ok=True)
            np.savez_compressed(part, **self.headers[name], data=np.asarray(data))
            os.replace(part, final)


def read_frame(flow: Flow, folder: Path, frame: int) -> dict[str, np.ndarray]:
    """
    One stored frame as arrays named as in `phi_sol.stepping`, without a batch dimension. No pickled data is read.

    Raises:
        MissingError: if a file is missing.
        InputError: if a file is damaged or of another grid.
    """
    arrays = {}
    for name, template in flow.templates.items():
        path = frame_file(folder, name, frame)
        if not path.is_file():
            raise MissingError(f"Frame {path} is missing: run 'phi-sol generate' again to restore it.")
        try:
            with np.load(path, allow_pickle=False) as stored:
                data = stored["data"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as err:
            raise InputError(f"Frame {path} is damaged ({err}): delete it and run 'phi-sol generate' again.") from err
        sizes = tuple(flow.resolution.values())
        expected = (*[n + 1 for n in sizes], len(sizes)) if template.is_staggered else sizes
        if data.shape != expected:
            raise InputError(f"Frame {path} has shape {data.shape} but {flow} stores {expected}.")
        if not template.is_staggered:
            arrays[name] = data
            continue
        for i, dim in enumerate(flow.resolution):
            lower_stored, upper_stored = template.boundary.valid_outer_faces(dim)
            stored_faces = slice(0 if lower_stored else 1, None if upper_stored else -1)
            arrays[f"{name}.{dim}"] = data[tuple(stored_faces if d == dim else slice(0, -1) for d in flow.resolution)][..., i]
    return arrays


def first_difference(a: dict, b: dict, path: str = "") -> str:
    """Names the first entry in which two nested dictionaries differ, as 'key: a instead of b'."""
    for key in [*b, *[k for k in a if k not in b]]:
        here = f"{path}{key}"
        if isinstance(a.get(key), dict) and isinstance(b.get(key), dict):
            inner = first_difference(a[key], b[key], f"{here}.")
            if inner:
                return inner
        elif a.get(key) != b.get(key):
            return f"{here} is {a.get(key)} instead of {b.get(key)}"
    return ""
