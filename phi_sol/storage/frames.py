"""Simulations on disk, in PhiFlow's scene format: one folder each, one file per field and frame."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

import numpy as np
import phi.field

from ..errors import InputError, MissingError
from ..files import reading, visible, writing
from ..flows import Flow
from ..stepping.state import State
from .files import PARTIAL, fingerprint, read_json
from .schemas import DESCRIPTION as DESCRIBED

DESCRIPTION, REFERENCE = "description.json", "reference"
FACTS = ("versions", "fingerprint", "checksums", "complete")  # what a description holds beside the configuration
SIMULATION = re.compile(r"sim_\d{6}")
DATA = "data"  # entry of a file that holds the values
AGAIN = "delete it and run 'phi-sol generate' again"

Checksums = Mapping[str, Sequence[str]]  # of each frame of a field, by its name, and of those kept by REFERENCE/name


def stored_checksums(description: dict) -> Checksums | None:
    """The checksums of all frames that a description holds; None if it was written before there were any."""
    stored = description.get("checksums")
    return None if stored is None else {n: text.split() for n, text in stored.items()}


def read_description(folder: Path) -> tuple[dict, dict]:
    """
    The description of a simulation, and of its content the configuration that defines it, which has the fingerprint
    that the description says. Errors as `read_json`.
    """
    description = read_json(folder / DESCRIPTION, DESCRIBED)
    config = {n: v for n, v in description.items() if n not in FACTS}
    if description["fingerprint"] != fingerprint(config):
        raise InputError(f"{folder / DESCRIPTION} was changed after it was written: {DESCRIBED.advice}.")
    return description, config


def as_stored(checksums: Checksums) -> dict[str, str]:
    """Checksums as a description holds them, which `stored_checksums` reads."""
    return {n: " ".join(values) for n, values in checksums.items()}


def of_frame(checksums: Checksums | None, names: Iterable[str], index: int) -> dict[str, str] | None:
    """The checksum of each field in its how-manyth file; None if they are not known."""
    return None if checksums is None else {n: next(iter(checksums.get(n, ())[index : index + 1]), "") for n in names}


def is_simulation(path: Path) -> bool:
    """Whether a path is the folder of a simulation, by its name."""
    return path.is_dir() and bool(SIMULATION.fullmatch(path.name))


def simulations_in(folder: Path, advice: str) -> list[Path]:
    """The simulations in a data folder, in order; InputError, with the advice, if it holds anything else."""
    present = visible(folder)
    for path in present:
        if not is_simulation(path):
            raise InputError(f"{folder} is not a phi_sol data folder: it holds {path.name!r}. {advice}")
    return present


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
                    self.headers[name] = {k: stored[k] for k in stored.files if k != DATA}

    def file_values(self, state: State) -> dict:
        """What PhiFlow stores of each field: native tensors of shape (batch, *resolution[+1], [vector])."""
        shape = state.batch_shape
        return {n: x.to_file(x.to_arrays(state.fields[n], shape)) for n, x in self.flow.layouts.items()}

    @property
    def file_sizes(self) -> list[int]:
        """Bytes of each file of one frame, in float32 before compression."""
        headers = {n: sum(np.asarray(h).nbytes for h in header.values()) for n, header in self.headers.items()}
        return [headers[n] + 4 * int(np.prod(x.file_shape)) for n, x in self.flow.layouts.items()]

    def write(self, folder: Path, frame: int, values: dict[str, np.ndarray], prefix: str = "") -> dict[str, str]:
        """
        Writes one file per field atomically; file names are those of the fields behind `prefix`. Returns the checksum
        of each field's values: the CRC-32 that its file has of them itself.
        """
        known = {}
        for name, data in values.items():
            final = frame_file(folder, prefix + name, frame)
            part = folder / PARTIAL / final.name
            part.parent.mkdir(exist_ok=True)
            with writing(final), open(part, "w+b") as file:
                content: dict = self.headers[name] | {DATA: np.asarray(data)}
                np.savez_compressed(file, **content)
                known[name] = _checksum(ZipFile(file))
            os.replace(part, final)
        return known


def tidy(folder: Path):
    """Removes the folder of parts of files, when all frames in `folder` are written or given up."""
    shutil.rmtree(folder / PARTIAL, ignore_errors=True)


def _checksum(file: ZipFile) -> str:
    return f"{file.getinfo(f'{DATA}.npy').CRC:08x}"


def checksum_in(path: Path) -> str:
    """
    The checksum of the values in a frame's file, all entries of which are read, as `read_file` and PhiFlow read them.
    Raises InputError if it is damaged, MissingError if it is not there.
    """
    with reading(path, f": {AGAIN}", "Frame "), np.load(path, allow_pickle=False) as stored:
        if damaged := stored.zip.testzip():  # compares the content of each with the file's own checksum
            raise BadZipFile(f"in {damaged}")
        return _checksum(stored.zip)


def read_file(path: Path, *names: str, generated: bool = False, expected: str | None = None) -> list[np.ndarray]:
    """
    Arrays of a file that PhiFlow wrote (`phi.field.write`). No pickled data is read.

    Args:
        path: The file.
        names: `data`, `dim_names`, `field_type`, `lower`, `upper`.
        generated: Whether `phi-sol generate` can make it again, which messages then say.
        expected: The checksum that its values must have.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is damaged, or holds other values.
    """
    if generated and not path.is_file():
        raise missing(path)
    again = f": {AGAIN}" if generated else ""
    with reading(path, again, "Frame "), np.load(path, allow_pickle=False) as stored:
        if expected is not None and _checksum(stored.zip) != expected:
            raise InputError(f"Frame {path} is not the one that was generated (its checksum is another one){again}.")
        return [stored[n] for n in names]


def read_frame(
    flow: Flow, folder: Path, frame: int, checksums: Mapping[str, str] | None = None
) -> dict[str, np.ndarray]:
    """
    One stored frame as arrays named as in `phi_sol.stepping`, without a batch dimension. No pickled data is read.

    Args:
        checksums: By the name of each field the checksum that its values must have; without it they are not known.

    Raises:
        MissingError: if a file is missing.
        InputError: if a file is damaged, of another grid, or holds other values than those that were generated.
    """
    arrays = {}
    for name, layout in flow.layouts.items():
        path = frame_file(folder, name, frame)
        (data,) = read_file(path, DATA, generated=True, expected=checksums[name] if checksums else None)
        if data.shape != layout.file_shape:
            raise InputError(f"Frame {path} has shape {data.shape} but {flow} stores {layout.file_shape}.")
        arrays |= layout.from_file(data)
    return arrays
