"""Simulations on disk, in PhiFlow's scene format: one folder each, one file per field and frame."""

import os
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import phi.field

from ..errors import InputError, MissingError
from ..flows import Flow
from ..stepping.state import State
from .files import PARTIAL

DESCRIPTION, REFERENCE = "description.json", "reference"


def sim_folder(root: Path, index: int) -> Path:
    return root / f"sim_{index:06d}"


def frame_file(folder: Path, name: str, frame: int) -> Path:
    return folder / f"{name}_{frame:06d}.npz"


def missing(path: Path) -> MissingError:
    return MissingError(f"Frame {path} is missing: run 'phi-sol generate' again to restore it.")


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
        shape = state.batch_shape
        return {n: x.to_file(x.to_arrays(state.fields[n], shape)) for n, x in self.flow.layouts.items()}

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame in float32 before compression, all fields together."""
        headers = sum(np.asarray(h).nbytes for header in self.headers.values() for h in header.values())
        return headers + sum(4 * int(np.prod(x.file_shape)) for x in self.flow.layouts.values())

    def write(self, folder: Path, frame: int, values: dict[str, np.ndarray], prefix: str = ""):
        """Writes one file per field atomically; file names are those of the fields behind `prefix`."""
        for name, data in values.items():
            final = frame_file(folder, prefix + name, frame)
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
        raise missing(path) if generated else MissingError(f"Frame {path} is missing.")
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
    for name, layout in flow.layouts.items():
        path = frame_file(folder, name, frame)
        (data,) = read_file(path, "data", generated=True)
        if data.shape != layout.file_shape:
            raise InputError(f"Frame {path} has shape {data.shape} but {flow} stores {layout.file_shape}.")
        arrays |= layout.from_file(data)
    return arrays
