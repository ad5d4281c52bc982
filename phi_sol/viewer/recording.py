"""Recorded simulations: any PhiFlow scene directory, read without unpickling anything."""

import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..pictures.values import HIDDEN, Values
from ..storage.files import read_json
from ..storage.frames import DESCRIPTION, REFERENCE, frame_file, read_file

FRAME_FILE = re.compile(r"(.+)_(\d{6,})\.npz")
KEPT = 64  # field frames kept in memory


class Recording:
    """
    A directory with one file per field and frame, as PhiFlow writes scenes and `phi-sol generate` simulations.

    Attributes:
        full_resolution: Whether it holds the unrestricted reference of the simulation in the directory above.
        description: Content of `description.json` (at full resolution of the directory above); empty if unreadable.
        pair: Configuration of the solver pair; empty for a scene that phi_sol did not generate.
        fields, frames: Names, velocities first; numbers of the frames that hold all fields, in order.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.full_resolution = self.folder.name == REFERENCE and (self.folder.parent / DESCRIPTION).is_file()
        self._described = self.folder.parent if self.full_resolution else self.folder
        self._read = lru_cache(KEPT)(lambda field, frame: read_values(frame_file(self.folder, field, frame)))
        self.description: dict = {}
        self.refresh()

    def refresh(self):
        """Looks which frames there are; those of a simulation that is still being written grow."""
        if not self.description.get("complete"):
            self.description = {}
            with suppress(InputError):
                self.description = read_json(self._described / DESCRIPTION)
        frames: dict[str, set[int]] = {}
        for file in self.folder.glob("*.npz"):
            match = FRAME_FILE.fullmatch(file.name)
            if match and match[1] not in HIDDEN:
                frames.setdefault(match[1], set()).add(int(match[2]))
        self.fields = sorted(frames, key=lambda n: ("velocity" not in n, n))
        self.frames = sorted(set.intersection(*frames.values())) if frames else []
        given = (self.description.get(n) for n in ("pair", "parameters"))
        self.pair, self.parameters = (v if isinstance(v, dict) else {} for v in given)
        self.is_growing = self.description.get("complete") is False

    @property
    def state(self) -> str:
        """How much there is, in words."""
        count, planned = len(self.frames), self.description.get("frames")
        if self.is_growing and not self.full_resolution:
            return f"{count} of {planned + 1 if isinstance(planned, int) else '?'} frames, still being written"
        return f"{count} frame{'s' * (count != 1)}"

    @property
    def title(self) -> str:
        shown = ", ".join(f"{n} {v:g}" for n, v in self.parameters.items() if isinstance(v, int | float))
        kind = ", full resolution" if self.full_resolution else ""
        return f"{self._described.parent.name}/{self._described.name}{f' ({shown})' if shown else ''}{kind}"

    def read(self, field: str, frame: int) -> Values:
        """One field of one frame, the last ones kept in memory; errors as `read_values`."""
        return self._read(field, frame)


def read_values(path: Path) -> Values:
    """
    A field as PhiFlow stores it (`phi.field.write`), without touching pickled parts; InputError if it is missing
    (MissingError), damaged or no grid.
    """
    dims, kind, lower, upper, data = read_file(path, "dim_names", "field_type", "lower", "upper", "data")
    names = [str(n) for n in np.atleast_1d(dims)]
    axes = [n for n in names if n != "vector"]
    if data.ndim != len(names) or str(kind) not in ("CenteredGrid", "StaggeredGrid") or not 1 <= len(axes) <= 3:
        raise InputError(f"Frame {path} is no {' x '.join(names)} grid that can be shown (shape {data.shape}).")
    lower, upper = (np.broadcast_to(b, len(axes)) for b in (lower, upper))
    bounds = {d: (float(a), float(b)) for d, a, b in zip(axes, lower, upper, strict=True)}
    if "vector" not in names:
        return Values(bounds, {"": data})
    data = np.moveaxis(data, names.index("vector"), -1)
    if str(kind) == "StaggeredGrid":
        return Values.of_padded(bounds, data)
    labels = axes if data.shape[-1] == len(axes) else [str(i) for i in range(data.shape[-1])]
    return Values(bounds, {n: data[..., i] for i, n in enumerate(labels)})
