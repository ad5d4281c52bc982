"""Simulations on disk, in PhiFlow's scene format: one folder each, one file per field and frame."""

import os
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import phi.field
from phi import math

from ..errors import InputError, MissingError
from ..flows import Flow
from ..stepping.state import State
from .files import PARTIAL

DESCRIPTION, REFERENCE = "description.json", "reference"


def sim_folder(root: Path, index: int) -> Path:
    return root / f"sim_{index:06d}"


def frame_file(folder: Path, name: str, frame: int) -> Path:
    return folder / f"{name}_{frame:06d}.npz"


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
            values[name] = math.expand(tensor, shape).native(
                [shape, *self.flow.resolution, *(["vector"] if field.is_staggered else [])]
            )
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


def read_file(path: Path, *names: str, generated: bool = False) -> list[np.ndarray]:
    """
    Arrays of a file that PhiFlow wrote (`phi.field.write`). No pickled data is read.

    Args:
        path: The file.
        names: `data`, `dim_names`, `field_type`, `lower`, `upper`.
        generated: Whether `phi-sol generate` can make it again, which messages then say.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is damaged.
    """
    if not path.is_file():
        again = ": run 'phi-sol generate' again to restore it" if generated else ""
        raise MissingError(f"Frame {path} is missing{again}.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[n] for n in names]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as err:
        again = ": delete it and run 'phi-sol generate' again" if generated else ""
        raise InputError(f"Frame {path} is damaged ({' '.join(str(err).split())}){again}.") from err


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
        (data,) = read_file(path, "data", generated=True)
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
            arrays[f"{name}.{dim}"] = data[tuple(stored_faces if d == dim else slice(0, -1) for d in flow.resolution)][
                ..., i
            ]
    return arrays
