"""What is wrong with recorded simulations on disk, and how to make room for what is to be generated again."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..arguments import checked
from ..displays import MOST, Displayed, facts, table, together
from ..errors import InputError, MissingError
from ..files import visible
from .frames import DESCRIPTION, REFERENCE, checksum_in, frame_file, is_simulation, read_description, stored_checksums
from .locks import LOCK, held

DAMAGED, MISSING, FOREIGN, UNFINISHED = "damaged", "missing", "foreign", "unfinished"
SPLITS = ("train", "test")
READERS = min(4, os.cpu_count() or 1)
FRAME = re.compile(r"(.+)_(\d{6})\.npz")


@dataclass(frozen=True)
class Finding:
    """
    Something that is not as it was generated.

    Attributes:
        kind: `damaged`, `missing`, `foreign` (not what phi_sol writes there) or `unfinished` ('generate' goes on).
        path: File or folder.
        simulation: Folder of the simulation that it belongs to, or of the data.
        text: In words.
    """

    kind: str
    path: Path
    simulation: Path
    text: str

    def __str__(self):
        return f"{self.kind}: {self.path} {self.text}"


@dataclass(frozen=True)
class Inspection(Displayed):
    """
    What an inspection of data has found.

    Attributes:
        simulations: How many there are.
        files: How many files were read.
        findings: What is wrong, in the order of the folders.
    """

    simulations: int
    files: int
    findings: list[Finding]

    def _shown(self) -> str:
        said = {"simulations": self.simulations, "files": self.files, "wrong": len(self.wrong)}
        rows = [(f.kind, f.path, f.text) for f in self.findings]
        more = f"and {len(rows) - MOST} more" if len(rows) > MOST else ""
        found = table(["", "where", "what"], rows[:MOST], more) if rows else ""
        return together(facts("Inspection", said), found)

    @property
    def wrong(self) -> list[Finding]:
        """What is wrong with what is there: all but simulations that are not finished."""
        return [f for f in self.findings if f.kind != UNFINISHED]


@checked
def inspect_data(folder: str | Path, progress: Callable[[int, int], None] = lambda done, total: None) -> Inspection:
    """
    Reads every file of recorded simulations, and compares what it holds with the checksum of what was generated.

    Args:
        folder: A simulation (`sim_000000`), a folder of simulations, or one with the parts `train` and `test`.
        progress: Called with (simulations read, simulations in all).

    Raises:
        MissingError: if there is no such folder, or no simulation in it.

    Examples:
        >>> ps.inspect_data("data/tiny/train").wrong
        []
    """
    folder, findings, files = Path(folder), [], 0
    places = _places(folder)
    for place in places:
        findings += [_foreign(p, place, "is no simulation") for p in visible(place) if not is_simulation(p)]
    simulations = [p for place in places for p in visible(place) if is_simulation(p)]
    if is_simulation(folder):
        simulations = [folder]
    for done, simulation in enumerate(simulations, 1):
        found, count = _inspected(simulation)
        findings += found
        files += count
        progress(done, len(simulations))
    return Inspection(len(simulations), files, findings)


@checked
def repair_data(inspection: Inspection, show: Callable[[str], None] = lambda line: None) -> list[Path]:
    """
    Removes what an inspection found damaged, so that 'generate' computes it again, and puts what is foreign aside, into
    a folder beside the data whose name ends in `-foreign`: nothing that phi_sol has not written is lost. Simulations at
    which another process is at work stay as they are.

    Returns what is there no more. `show` is called with a line for each.

    Examples:
        >>> ps.repair_data(ps.inspect_data("data/tiny/train"))
        []
    """
    gone: list[Path] = []
    for finding in inspection.findings:
        if finding.kind not in (DAMAGED, FOREIGN) or not finding.path.exists():
            continue
        if _is_busy(finding.simulation):
            show(f"left as it is, another process is at work there: {finding.path}")
            continue
        if finding.kind == DAMAGED and _is_imported(finding.simulation):
            show(f"left as it is, 'generate' can't restore what was imported: import it again: {finding.path}")
            continue
        if finding.kind == FOREIGN:
            place = _aside(finding)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(finding.path, place)
            show(f"put aside: {finding.path} -> {place}")
        else:
            shutil.rmtree(finding.path) if finding.path.is_dir() else finding.path.unlink()
            show(f"removed: {finding.path}")
        gone.append(finding.path)
    return gone


def _is_imported(simulation: Path) -> bool:
    try:
        return "imported" in read_description(simulation)[0]
    except InputError:
        return False


def _places(folder: Path) -> list[Path]:
    """The folders of simulations in a folder."""
    if not folder.is_dir():
        raise MissingError(f"There is no folder {folder}: name one with data, such as data/wake_2d.")
    if is_simulation(folder):
        return []
    places = [p for p in (folder, *(folder / s for s in SPLITS)) if any(map(is_simulation, visible(p)))]
    if not places:
        raise MissingError(f"There are no simulations (sim_000000, ...) in {folder}: name a folder that has some.")
    return places


def _foreign(path: Path, simulation: Path, why: str) -> Finding:
    return Finding(FOREIGN, path, simulation, why)


def _inspected(folder: Path) -> tuple[list[Finding], int]:
    """What is wrong with a simulation, and how many files were read."""
    try:
        description, _ = read_description(folder)
    except MissingError:
        if not visible(folder):
            return [Finding(UNFINISHED, folder, folder, "is empty")], 0
        return [_foreign(folder, folder, f"has no {DESCRIPTION}")], 0
    except InputError as err:
        return [Finding(DAMAGED, folder, folder, f"can't be read ({err})")], 0
    known, findings = stored_checksums(description), []
    if not description["complete"]:
        findings.append(Finding(UNFINISHED, folder, folder, "goes on with 'phi-sol generate'"))
    expected = dict(_expected(folder, description, known))
    there = [p for place in (folder, folder / REFERENCE) for p in visible(place)]
    for path in there:
        if path in (folder / DESCRIPTION, folder / REFERENCE) or path in expected:
            continue
        if known is None and FRAME.fullmatch(path.name):  # which frames there are is not known then
            expected[path] = ""
        else:
            findings.append(_foreign(path, folder, "is none of its frames"))
    with ThreadPoolExecutor(READERS) as pool:
        findings += filter(None, pool.map(lambda item: _wrong(item[0], item[1], folder), expected.items()))
    return findings, len(expected)


def _expected(folder: Path, description: dict, known) -> Iterator[tuple[Path, str]]:
    """The frames that have to be there, and the checksum of each; nothing where none is known."""
    every = description["keep_reference_every"]
    for name, values in (known or {}).items():
        step = every if name.startswith(f"{REFERENCE}/") else 1
        for i, value in enumerate(values):
            yield frame_file(folder, name, i * step), value
    if known is None and not description["complete"]:
        names = {m[1] for p in visible(folder) if (m := FRAME.fullmatch(p.name))}
        for place, step in ((folder, 1), (folder / REFERENCE, every)):
            for name in sorted(names):
                for frame in range(0, description["frames"] + 1, step):
                    if (path := frame_file(place, name, frame)).exists():
                        yield path, ""


def _wrong(path: Path, checksum: str, folder: Path) -> Finding | None:
    """What is wrong with a frame; without a checksum it is enough that it can be read."""
    try:
        found = checksum_in(path)
    except (MissingError, FileNotFoundError):
        return Finding(MISSING, path, folder, "is not there")
    except InputError:
        return Finding(DAMAGED, path, folder, "can't be read")
    return Finding(DAMAGED, path, folder, "is not the one that was generated") if checksum not in ("", found) else None


def _is_busy(folder: Path) -> bool:
    if not is_simulation(folder) or not (folder / LOCK).exists():
        return False
    with held([folder / LOCK], wait=False) as ours:
        return not ours


def _aside(finding: Finding) -> Path:
    """Where something foreign goes: a place of its own, beside the folder that holds the simulations."""
    data = finding.simulation.parent if is_simulation(finding.simulation) else finding.simulation
    place = data.with_name(f"{data.resolve().name}-foreign") / finding.path.relative_to(data)
    number = 1
    while place.exists():
        number += 1
        place = place.with_name(f"{finding.path.name}.{number}")
    return place
