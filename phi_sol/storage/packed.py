"""
The frames of several simulations as one NumPy file per array, from which windows are read without unpacking.

On disk a frame is a compressed file per field, as PhiFlow writes it. Training reads windows at random; so all frames
are unpacked once, into `.packed/` beside the simulations, and mapped into memory from there. A pack is made anew as
soon as a frame file has changed.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import writing
from ..flows import Flow
from ..flows.comparison import known_to
from .files import fingerprint
from .frames import AGAIN, Checksums, frame_file, missing, of_frame, read_frame
from .mapped import TYPE, Mapped, array_file

PACKS, FORMAT = ".packed", 1


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
        checksums: Sequence[Checksums | None] | None = None,
    ):
        """
        Opens the pack of these simulations, and makes it first where there is none: see `Mapped`.

        Args:
            frames: Frames after frame 0.
            progress: Called with (frames unpacked, frames in all) while a pack is made.
            checksums: Those that the frames of each simulation must have.

        Raises:
            MissingError: if a frame is missing.
            InputError: if a frame is damaged, of another grid, not finite, or not the one that was generated.
        """
        self.flow, self.folders, self.frames = flow, folders, frames
        self.checksums = checksums or [None] * len(folders)
        self.names = [os.path.relpath(f, folders[0].parent) for f in folders]
        place = folders[0].parent / PACKS / fingerprint({"simulations": self.names})
        empty = [x.from_file(np.zeros(x.file_shape, TYPE)) for x in flow.layouts.values()]
        shapes = {n: (len(folders), frames + 1, *a.shape) for arrays in empty for n, a in arrays.items()}
        self._mapped = Mapped(place, self._key(), shapes, lambda folder: self._unpack(folder, progress))
        self.arrays, self.moments = self._mapped.arrays, self._mapped.facts["moments"]

    def _key(self) -> str:
        """Changes with every frame file (sizes, times of modification), and with the checksums that belong to them."""
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
        known.update(json.dumps([c and {n: list(v) for n, v in c.items()} for c in self.checksums]).encode())
        return known.hexdigest()

    def _unpack(self, part: Path, progress) -> dict:
        total = len(self.folders) * (self.frames + 1)
        moments: dict[str, list[dict]] = {}
        with ExitStack() as stack:
            files: dict = {}
            for s, folder in enumerate(self.folders):
                means, variances, largest = {}, {}, {}
                for i in range(self.frames + 1):
                    frame = read_frame(self.flow, folder, i, of_frame(self.checksums[s], self.flow.fields, i))
                    for name, values in frame.items():
                        if not np.isfinite(values).all():
                            path = frame_file(folder, name.partition(".")[0], i)
                            raise InputError(f"Frame {path} holds values that are not finite: {AGAIN}.")
                        file = array_file(part, name)
                        with writing(file):
                            if name not in files:
                                files[name] = stack.enter_context(open(file, "wb"))
                                shape = (len(self.folders), self.frames + 1, *values.shape)
                                header = {"descr": TYPE.str, "fortran_order": False, "shape": shape}
                                np.lib.format.write_array_header_1_0(files[name], header)
                            files[name].write(values.astype(TYPE).tobytes())
                        means.setdefault(name, []).append(np.mean(values, dtype=np.float64))
                        variances.setdefault(name, []).append(np.var(values, dtype=np.float64))
                        largest[name] = max(largest.get(name, 0.0), float(np.abs(values).max()))
                    progress(s * (self.frames + 1) + i + 1, total)
                for name in means:
                    mean, std = combine(means[name], variances[name])
                    moments.setdefault(name, []).append({"mean": mean, "std": std, "largest": largest[name]})
        return {"simulations": self.names, "frames": self.frames, "moments": moments}


def combine(means, variances) -> tuple[float, float]:
    """Mean and standard deviation of a union of samples of equal size: σ² = <σ_i²> + the variance of the means."""
    return float(np.mean(means)), float(np.sqrt(np.mean(variances) + np.var(means)))
