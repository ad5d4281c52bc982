"""
Arrays that are made once and mapped into memory from then on: one NumPy file each, in a folder with a manifest.

Such a folder is a cache. It is there as a whole or not at all, and used only if names, types, shapes and checksums of
its arrays are what they should be; else it is made anew.
"""

import logging
import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np

from ..errors import InputError
from ..files import ABANDONED, file_checksum, reading
from ..places import check_room
from .files import read_json, write_json
from .schemas import MANIFEST

FILE = "manifest.json"
TYPE = np.dtype("<f4")
LOG = logging.getLogger(__name__)

Shapes = Mapping[str, tuple[int, ...]]


class Mapped:
    """
    Attributes:
        arrays: By name, float32, read-only memory maps.
        facts: What was written down besides.
    """

    def __init__(self, place: Path, key: str, shapes: Shapes, make: Callable[[Path], dict]):
        """
        Opens the arrays in the folder `place`, and makes them first where they are not there.

        Where nothing can be written there it goes to a temporary folder, with a warning; the maps outlive its removal.

        Args:
            place: The folder.
            key: Says what the arrays were made of: another one is not theirs.
            shapes: By the name of each array.
            make: Writes the arrays as `array_file` says into a folder, and returns JSON-ready facts about them.

        Raises:
            InputError: if the disk has not the room for them.
        """
        self.key, self.shapes = key, {n: tuple(shape) for n, shape in shapes.items()}
        if self._open(place):
            return
        try:
            place.parent.mkdir(exist_ok=True)
            part = Path(mkdtemp(prefix=f"{place.name}.part-", dir=place.parent))
        except OSError as err:
            with TemporaryDirectory(prefix="phi_sol-") as elsewhere:
                words = "%s can't be written (%s): what belongs there is in %s, for this time only."
                LOG.warning(words, place.parent, err.strerror, elsewhere)
                self._write(Path(elsewhere), make)
                self._open(Path(elsewhere))
            return
        try:
            self._write(part, make)
            if not self._open(place):  # by now another process may have made it
                shutil.rmtree(place, ignore_errors=True)  # who has the old one mapped keeps it
                with suppress(OSError):
                    part.rename(place)
        finally:
            left_behind = [p for p in place.parent.glob("*.part-*") if time.time() - p.stat().st_mtime > ABANDONED]
            for folder in [part, *left_behind]:
                shutil.rmtree(folder, ignore_errors=True)
        if not self._open(place):
            raise InputError(f"{place} is not what was written there a moment ago: try again.")

    def _open(self, place: Path) -> bool:
        """Whether all is there as it was written."""
        with suppress(InputError):
            manifest = read_json(place / FILE, MANIFEST)
            stored = manifest["arrays"]
            if manifest["key"] != self.key or stored.keys() != self.shapes.keys():
                return False
            self.arrays = {n: _checked(array_file(place, n), s, stored[n]["checksum"]) for n, s in self.shapes.items()}
            self.facts = manifest
            return True
        return False

    def _write(self, folder: Path, make: Callable[[Path], dict]):
        files = Counter(4 * math.prod(shape) for shape in self.shapes.values())
        check_room("What is unpacked for training", folder, files, "make room there, or take fewer simulations")
        facts, stored = make(folder), {}
        for name, shape in self.shapes.items():
            with open(array_file(folder, name), "rb+") as file:
                os.fsync(file.fileno())
            stored[name] = {"shape": shape, "checksum": file_checksum(array_file(folder, name))}
        write_json(folder / FILE, {"key": self.key, "arrays": stored} | facts)


def array_file(folder: Path, name: str) -> Path:
    """The file of an array."""
    return folder / f"{name.replace(':', '_')}.npy"


def _checked(path: Path, shape: tuple[int, ...], checksum: str) -> np.ndarray:
    if file_checksum(path) != checksum:
        raise InputError(f"{path} was changed after it was written.")
    with reading(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != shape or array.dtype != TYPE or not array.flags.c_contiguous:
        raise InputError(f"{path} holds other arrays.")
    return array
