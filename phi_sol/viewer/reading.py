"""The one door to files: those in the folders that were given, of bounded size. What is wrong with one is one line."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from ..errors import InputError, MissingError, is_real, one_line
from ..files import check_unpacked, resolved
from ..flows import Flow
from ..flows.base import SEED
from ..solvers.pair import SolverPair
from ..storage.files import read_json
from ..storage.schemas import FACTS

LARGEST_TEXT = 64 << 20  # bytes of a JSON file or a log
LARGEST_FRAME = 1 << 30  # bytes that a frame's file may unpack to
LARGEST_GRID = 1 << 26  # cells of a reference


def reason(err: Exception) -> str:
    """Why something can't be read."""
    if isinstance(err, PermissionError):
        return f"{err.filename} may not be read: ask for the right to, or have it copied."
    return str(err) if isinstance(err, InputError) else one_line(err)


class Folders:
    """Those that were given (`roots`), and what may be read of them: nothing that a link in them leads to outside."""

    def __init__(self):
        self.roots: list[Path] = []

    def contain(self, path: Path) -> bool:
        """Whether a path, with all links resolved, lies in one of them."""
        place = resolved(path)
        is_circle = os.path.islink(place)  # which has no end
        return not is_circle and any(place.is_relative_to(r) for r in self.roots)

    def check_links(self, folder: Path):
        """Raises InputError if a file of a folder is a link that leads out of all that was given."""
        with os.scandir(folder) as entries:
            links = [Path(e.path) for e in entries if e.is_symlink() and not e.is_dir()]
        if outside := next((p for p in sorted(links) if not self.contain(p)), None):
            raise InputError(f"{outside} is a link that leads out of the given folders: give the folder with its file.")


def check_file(path: Path, limit: int = LARGEST_TEXT):
    """Raises InputError if a file is larger, PermissionError if it may not be read."""
    path.open("rb").close()
    if (size := path.stat().st_size) > limit:
        raise InputError(f"{path} is too large to be shown: {size >> 20} MB, at most {limit >> 20} MB.")


def check_frame(path: Path):
    """Raises InputError if the file of a frame unpacks to too much."""
    with ZipFile(path) as file:
        check_unpacked(file, LARGEST_FRAME, f"{path} is too large to be shown")


def read_facts(path: Path) -> tuple[dict, str]:
    """
    What a JSON file says of a run or a simulation, and what is wrong with it, or nothing: facts of a wrong type are
    left out, all of them where the file can't be read.
    """
    try:
        if path.is_file():
            check_file(path)
        content = read_json(path)
    except MissingError:
        return {}, ""
    except Exception as err:  # whatever a damaged file raises
        return {}, reason(err)
    wrong = FACTS.wrong({n: v for n, v in content.items() if v is not None})
    ours = "pair" in content  # any other program may mean something else by these words
    if ours and "parameters" not in wrong and not is_parameters(content.get("parameters") or {}):
        wrong.append("parameters")
    said = f"{path} is damaged: {', '.join(wrong)} of another type." if wrong and ours else ""
    return {n: v for n, v in content.items() if n not in wrong and v is not None}, said


def made_pair(config: dict, known: Sequence[type[Flow]]) -> SolverPair:
    """`SolverPair.of_config` of what a file says; InputError, too, for a grid for which no memory would suffice."""
    source, ratio = config.get("source"), config.get("ratio", 1)
    resolution = source.get("resolution") if isinstance(source, dict) else None
    sizes = [*resolution.values()] if isinstance(resolution, dict) else []
    if all(isinstance(n, int) for n in (*sizes, ratio)) and math.prod(sizes) * ratio ** len(sizes) > LARGEST_GRID:
        cells = " x ".join(str(n * ratio) for n in sizes)
        raise InputError(f"a grid of {cells:.100} cells is too large to be shown (at most {LARGEST_GRID})")
    return SolverPair.of_config(config, known)


def is_parameters(given: Mapping[str, Any]) -> bool:
    """Whether these are numbers, or lists of them, that a flow may have as parameters."""
    values = [(n, x) for n, v in given.items() for x in (v if isinstance(v, list) else [v])]
    return all(is_real(x) and (n != SEED or x >= 0) for n, x in values)  # those of bodies may be negative
