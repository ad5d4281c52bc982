"""Recorded simulations: any PhiFlow scene directory, read without unpickling anything."""

import re
import zipfile
import zlib
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from ..errors import InputError, MissingError
from ..storage.files import read_json
from ..storage.frames import DESCRIPTION, REFERENCE, frame_file
from .values import Values, drawn_axes

FRAME_FILE = re.compile(r"(.+)_(\d{6,})\.npz")
HIDDEN = ("time",)  # fields that are the same in every cell
KEPT = 64  # field frames kept in memory


class Recording:
    """
    A directory with one file per field and frame, as PhiFlow writes scenes and `phi-sol generate` simulations.

    Attributes:
        folder: The directory.
        full_resolution: Whether it holds the unrestricted reference of the simulation in the directory above.
        description: Content of `description.json` (of the directory above at full resolution); empty if there
            is none or it can't be read.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.full_resolution = self.folder.name == REFERENCE and (self.folder.parent / DESCRIPTION).is_file()
        try:
            self.description = read_json((self.folder.parent if self.full_resolution else self.folder) / DESCRIPTION)
        except InputError:
            self.description = {}
        self._cache: OrderedDict[tuple[str, int], Values] = OrderedDict()
        self._lock = Lock()
        self.refresh()

    def refresh(self):
        """Looks which frames there are; those of a simulation that is still being written grow."""
        frames: dict[str, set[int]] = {}
        for file in self.folder.glob("*.npz"):
            match = FRAME_FILE.fullmatch(file.name)
            if match and match[1] not in HIDDEN:
                frames.setdefault(match[1], set()).add(int(match[2]))
        self._frames = frames

    @property
    def fields(self) -> list[str]:
        """Names of the fields, velocities first."""
        return sorted(self._frames, key=lambda n: ("velocity" not in n, n))

    @property
    def frames(self) -> list[int]:
        """Frames that hold all fields, in order."""
        return sorted(set.intersection(*self._frames.values())) if self._frames else []

    @property
    def state(self) -> str:
        """How much there is, in words."""
        count, planned = len(self.frames), self.description.get("frames")
        if self.description.get("complete") is False and not self.full_resolution:
            return f"{count} of {planned + 1 if isinstance(planned, int) else '?'} frames, still being written"
        return f"{count} frame{'s' if count != 1 else ''}"

    @property
    def parameters(self) -> dict[str, float]:
        given = self.description.get("parameters", {})
        return given if isinstance(given, dict) else {}

    @property
    def title(self) -> str:
        shown = ", ".join(f"{n} {v:g}" for n, v in self.parameters.items() if isinstance(v, int | float))
        where = self.folder.parent if self.full_resolution else self.folder
        kind = ", full resolution" if self.full_resolution else ""
        return f"{where.parent.name}/{where.name}{f' ({shown})' if shown else ''}{kind}"

    @cached_property
    def flow_config(self) -> dict:
        """Configuration of the source flow; empty for a scene that phi_sol did not generate."""
        pair = self.description.get("pair", {})
        source = pair.get("source", {}) if isinstance(pair, dict) else {}
        return source if isinstance(source, dict) else {}

    def drawn(self) -> tuple[str, ...]:
        """Axes in the order in which they are drawn."""
        axes = self.read(self.fields[0], self.frames[0]).axes
        return drawn_order(axes, self.flow_config.get("type"))

    def read(self, field: str, frame: int) -> Values:
        """
        One field of one frame.

        Raises:
            MissingError: if there is no such file.
            InputError: if it is damaged.
        """
        with self._lock:
            if (field, frame) in self._cache:
                self._cache.move_to_end((field, frame))
                return self._cache[field, frame]
        values = read_values(frame_file(self.folder, field, frame))
        with self._lock:
            self._cache[field, frame] = values
            while len(self._cache) > KEPT:
                self._cache.popitem(last=False)
        return values


def drawn_order(axes: list[str], flow: str | None) -> tuple[str, ...]:
    """Axes in the order in which the fields of a flow of this type are drawn."""
    return drawn_axes(axes, buoyant=flow == "BuoyantPlume", streamwise=flow == "WakeFlow")


def read_values(path: Path) -> Values:
    """
    A field as PhiFlow stores it (`phi.field.write`). Pickled parts of the file are not touched.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is damaged or no grid.
    """
    if not path.is_file():
        raise MissingError(f"{path.name} is missing in {path.parent}.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            names, kind, data = [str(n) for n in stored["dim_names"]], str(stored["field_type"]), stored["data"]
            lower, upper = (np.broadcast_to(stored[n], len(names) - ("vector" in names)) for n in ("lower", "upper"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as err:
        raise InputError(f"{path.name} in {path.parent} is damaged ({' '.join(str(err).split())}).") from err
    axes = [n for n in names if n != "vector"]
    if data.ndim != len(names) or kind not in ("CenteredGrid", "StaggeredGrid") or not 1 <= len(axes) <= 3:
        raise InputError(
            f"{path.name} in {path.parent} is no {' x '.join(names)} grid that can be shown (shape {data.shape})."
        )
    bounds = {d: (float(a), float(b)) for d, a, b in zip(axes, lower, upper, strict=True)}
    if "vector" not in names:
        return Values(bounds, {"": data})
    data = np.moveaxis(data, names.index("vector"), -1)
    if kind == "CenteredGrid":
        labels = axes if data.shape[-1] == len(axes) else [str(i) for i in range(data.shape[-1])]
        return Values(bounds, {n: data[..., i] for i, n in enumerate(labels)})
    # every component was padded to one more entry along all axes
    return Values(
        bounds,
        {c: data[tuple(slice(None) if d == c else slice(0, -1) for d in axes)][..., i] for i, c in enumerate(axes)},
        True,
    )
