"""Recorded simulations: any PhiFlow scene directory, read without unpickling anything."""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import InputError, is_real, one_line
from ..flows import Flow
from ..pictures.values import HIDDEN, Values
from ..storage.frames import DESCRIPTION, REFERENCE, frame_file, read_file, read_frame
from .reading import check_frame, read_facts, reason

FRAME_FILE = re.compile(r"(.+)_(\d{6,})\.npz")
KEPT = 64  # field frames kept in memory


class Recording:
    """
    A directory with one file per field and frame, as PhiFlow writes scenes and `phi-sol generate` simulations.

    Attributes:
        full_resolution: Whether it holds the unrestricted reference of the simulation in the directory above.
        description: Content of `description.json` (at full resolution of the directory above); empty if unreadable.
        problem: What is wrong with it, or nothing.
        pair: Configuration of the solver pair; empty for a scene that phi_sol did not generate.
        fields, frames: Names, velocities first; numbers of the frames that hold all fields, in order.
    """

    def __init__(self, folder: Path, check: Callable[[Path], None] = lambda folder: None):
        """`check` raises InputError for a folder that may not be read."""
        self.check, self.problem = check, ""
        self.folder = Path(folder)
        self.full_resolution = self.folder.name == REFERENCE and (self.folder.parent / DESCRIPTION).is_file()
        self._described = self.folder.parent if self.full_resolution else self.folder
        self._read = lru_cache(KEPT)(lambda field, frame: read_values(frame_file(self.folder, field, frame)))
        self.description: dict = {}
        self.refresh()

    def refresh(self):
        """Looks which frames there are; those of a simulation that is still being written grow. InputError: `check`."""
        for folder in {self.folder, self._described}:
            self.check(folder)
        if not self.description.get("complete"):
            self.description, self.problem = read_facts(self._described / DESCRIPTION)
        frames: dict[str, set[int]] = {}
        for file in self.folder.glob("*.npz"):
            match = FRAME_FILE.fullmatch(file.name)
            if match and match[1] not in HIDDEN:
                frames.setdefault(match[1], set()).add(int(match[2]))
        self.fields = sorted(frames, key=lambda n: ("velocity" not in n, n))
        self.frames = sorted(set.intersection(*frames.values())) if frames else []
        self.pair, self.parameters = (self.description.get(n, {}) for n in ("pair", "parameters"))
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
        shown = ", ".join(f"{n} {v:g}" for n, v in self.parameters.items() if is_real(v))
        kind = ", full resolution" if self.full_resolution else ""
        return f"{self._described.parent.name}/{self._described.name}{f' ({shown})' if shown else ''}{kind}"

    def read(self, field: str, frame: int) -> Values:
        """One field of one frame, the last ones kept in memory; InputError for others, and as `read_values`."""
        if field not in self.fields:
            raise InputError(f"There is no field {field!r} here. Fields: {', '.join(self.fields)}.")
        return self._read(field, frame)

    def arrays(self, flow: Flow, frame: int) -> dict[str, np.ndarray]:
        """A frame as arrays of a flow; errors as `read_frame`, and InputError for files that are too large."""
        for path in (frame_file(self.folder, name, frame) for name in flow.layouts):
            if path.is_file():
                check_frame(path)
        return read_frame(flow, self.folder, frame)


def read_values(path: Path) -> Values:
    """
    A field as PhiFlow stores it (`phi.field.write`), without touching pickled parts; InputError if it is missing
    (MissingError), damaged or no grid.
    """
    try:
        if path.is_file():
            check_frame(path)
        return _values(path)
    except InputError:
        raise
    except (BadZipFile, EOFError) as err:
        raise InputError(f"Frame {path} is damaged ({one_line(err)}).") from err
    except Exception as err:  # whatever its content raises
        raise InputError(f"Frame {path} can't be shown: {reason(err)}") from err


def _values(path: Path) -> Values:
    dims, kind, lower, upper, data = read_file(path, "dim_names", "field_type", "lower", "upper", "data")
    names = [str(n) for n in np.atleast_1d(dims)]
    axes = [n for n in names if n != "vector"]
    fits = data.ndim == len(names) == len(set(names)) and data.dtype.kind in "fiu" and min(data.shape, default=0) > 0
    if not fits or str(kind) not in ("CenteredGrid", "StaggeredGrid") or not 1 <= len(axes) <= 3:
        raise InputError(f"Frame {path} is no {' x '.join(names)} grid that can be shown (shape {data.shape}).")
    lower, upper = (np.broadcast_to(b, len(axes)) for b in (lower, upper))
    bounds = {d: (float(a), float(b)) for d, a, b in zip(axes, lower, upper, strict=True)}
    if not all(math.isfinite(a) and math.isfinite(b) and a < b for a, b in bounds.values()):
        raise InputError(f"Frame {path} is damaged: its bounds are {bounds}.")
    if "vector" not in names:
        return Values(bounds, {"": data})
    data = np.moveaxis(data, names.index("vector"), -1)
    if str(kind) == "StaggeredGrid" and (data.shape[-1] != len(axes) or min(data.shape[:-1]) < 2):
        raise InputError(f"Frame {path} is no staggered grid (shape {data.shape}).")
    if str(kind) == "StaggeredGrid":
        return Values.of_padded(bounds, data)
    labels = axes if data.shape[-1] == len(axes) else [str(i) for i in range(data.shape[-1])]
    return Values(bounds, {n: data[..., i] for i, n in enumerate(labels)})
