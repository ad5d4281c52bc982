"""
The frames of several simulations as one NumPy file per array, from which windows are read without unpacking.

On disk a frame is a compressed file per field, as PhiFlow writes it. Training reads windows at random; so all frames
are unpacked once, into `.packed/` beside the simulations, and mapped into memory from there. A pack is there as a whole
or not at all, and is made anew as soon as a frame file has changed.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np

from ..errors import InputError
from ..flows import Flow
from ..flows.comparison import known_to
from .files import fingerprint, read_json, write_json
from .frames import frame_file, missing, read_frame

PACKS, MANIFEST, FORMAT = ".packed", "manifest.json", 1
ABANDONED = 86400  # seconds after which an unfinished pack counts as left behind by a process that was killed
LOG = logging.getLogger(__name__)


class Packed:
    """
    Attributes:
        arrays: By array name, shape (simulations, frames + 1, *spatial), float32, read-only memory maps.
        moments: By array name and simulation: `mean`, `std` and `largest` magnitude over its frames.
    """

    def __init__(
        self,
        flow: Flow,
        folders: Sequence[Path],
        frames: int,
        progress: Callable[[int, int], None] = lambda frame, total: None,
    ):
        """
        Opens the pack of these simulations, and makes it first where there is none.

        Where nothing can be written beside the simulations it goes to a temporary folder that lives as long as this
        object, with a warning.

        Args:
            frames: Frames after frame 0.
            progress: Called with (frames unpacked, frames in all) while a pack is made.

        Raises:
            MissingError: if a frame is missing.
            InputError: if a frame is damaged, of another grid, or not finite.
        """
        self.flow, self.folders, self.frames = flow, folders, frames
        self.names = [os.path.relpath(f, folders[0].parent) for f in folders]
        self.key = self._key()
        place = folders[0].parent / PACKS / fingerprint({"simulations": self.names})
        if not self._open(place):
            self._make(place, progress)

    def _key(self) -> str:
        """Changes with every frame file: sizes and times of modification."""
        flow = known_to({}, self.flow.config())  # as version 0.1 had it: it is compared with the descriptions before
        known = hashlib.sha256(json.dumps([FORMAT, flow, self.names, self.frames]).encode())
        for folder in self.folders:
            for field in self.flow.fields:
                for i in range(self.frames + 1):
                    path = frame_file(folder, field, i)
                    try:
                        stat = path.stat()
                    except FileNotFoundError:
                        raise missing(path) from None
                    known.update(f"{stat.st_size} {stat.st_mtime_ns} ".encode())
        return known.hexdigest()

    def _open(self, place: Path) -> bool:
        try:
            manifest = read_json(place / MANIFEST)
            if manifest.get("key") != self.key:
                return False
            self.moments = manifest["moments"]
            self.arrays = {n: np.load(place / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in self.moments}
        except (OSError, ValueError, KeyError):  # none, or a damaged one
            return False
        return True

    def _make(self, place: Path, progress):
        try:
            place.parent.mkdir(exist_ok=True)
            part = Path(mkdtemp(prefix=f"{place.name}.part-", dir=place.parent))
        except OSError as err:
            self._temporary = TemporaryDirectory(prefix="phi_sol-")
            elsewhere, words = Path(self._temporary.name), "this is done in %s, for this time only."
            LOG.warning(f"Frames can't be unpacked into %s (%s): {words}", place.parent, err.strerror, elsewhere)
            self._unpack(elsewhere, progress)
            self._open(elsewhere)
            return
        try:
            self._unpack(part, progress)
            if not self._open(place):  # by now another process may have made it
                shutil.rmtree(place, ignore_errors=True)  # who has the old one mapped keeps it
                with suppress(OSError):
                    part.rename(place)
        finally:
            left_behind = [p for p in place.parent.glob("*.part-*") if time.time() - p.stat().st_mtime > ABANDONED]
            for folder in [part, *left_behind]:
                shutil.rmtree(folder, ignore_errors=True)
        if not self._open(place):
            raise InputError(f"The frames in {place.parent.parent} have changed while they were unpacked: try again.")

    def _unpack(self, part: Path, progress):
        total = len(self.folders) * (self.frames + 1)
        moments: dict[str, list[dict]] = {}
        with ExitStack() as stack:
            files = {}
            for s, folder in enumerate(self.folders):
                means, variances, largest = {}, {}, {}
                for i in range(self.frames + 1):
                    for name, values in read_frame(self.flow, folder, i).items():
                        if not np.isfinite(values).all():
                            path = frame_file(folder, name.partition(".")[0], i)
                            advice = "delete it and run 'phi-sol generate' again."
                            raise InputError(f"Frame {path} holds values that are not finite: {advice}")
                        if name not in files:
                            files[name] = stack.enter_context(open(part / f"{name}.npy", "wb"))
                            shape = (len(self.folders), self.frames + 1, *values.shape)
                            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                            np.lib.format.write_array_header_1_0(files[name], header)
                        files[name].write(values.astype("<f4").tobytes())
                        means.setdefault(name, []).append(np.mean(values, dtype=np.float64))
                        variances.setdefault(name, []).append(np.var(values, dtype=np.float64))
                        largest[name] = max(largest.get(name, 0.0), float(np.abs(values).max()))
                    progress(s * (self.frames + 1) + i + 1, total)
                for name in means:
                    mean, std = combine(means[name], variances[name])
                    moments.setdefault(name, []).append({"mean": mean, "std": std, "largest": largest[name]})
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        facts = {"key": self.key, "simulations": self.names, "frames": self.frames, "moments": moments}
        write_json(part / MANIFEST, facts)


def combine(means, variances) -> tuple[float, float]:
    """Mean and standard deviation of a union of samples of equal size: σ² = <σ_i²> + the variance of the means."""
    return float(np.mean(means)), float(np.sqrt(np.mean(variances) + np.var(means)))
