"""Recorded simulations, mapped into memory."""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from pathlib import Path

import numpy as np

from ..arguments import check, checked
from ..displays import Displayed, facts, parameter_table, together
from ..errors import InputError, MissingError, integer
from ..flows.comparison import first_difference
from ..solvers.pair import SolverPair
from .frames import REFERENCE, of_frame, read_description, read_frame, stored_checksums
from .packed import Packed, combine

LOG = logging.getLogger(__name__)


@checked
def find_simulations(folder: str | Path | Sequence[str | Path], split: str) -> list[Path]:
    """
    The simulation folders in `folder`, or in its sub-folder `split`; of several folders in their order.

    Raises:
        MissingError: if there are none.
    """
    if not isinstance(folder, str | Path):
        return [path for f in folder for path in find_simulations(f, split)]
    folder = Path(folder)
    for place in (folder, folder / split):
        simulations = sorted(p for p in place.glob("sim_*") if p.is_dir()) if place.is_dir() else []
        if simulations:
            return simulations
    if not folder.is_dir():
        raise MissingError(f"There is no data folder {folder}: run 'phi-sol generate' first, or name one (data=).")
    raise MissingError(
        f"There are no simulations (sim_000000, ...) in {folder} or {folder / split}: run 'phi-sol generate' first."
    )


def folder_names(folder: str | Path | Sequence[str | Path]) -> str:
    """A folder or several as text."""
    return str(folder) if isinstance(folder, str | Path) else ", ".join(map(str, folder))


class Dataset(Displayed):
    """
    Restricted reference frames of several simulations. They stay on disk, mapped into memory (see
    `phi_sol.storage.packed`), so that a data set may be larger than the memory.

    Attributes:
        pair: The solver pair that the frames belong to.
        folders: Folder of each simulation.
        arrays: By array name (`velocity.y`, ...), shape (simulations, frames + 1, *spatial), float32, read-only memory
            maps.
        parameters: By parameter name, shape (simulations,), float32.
        simulations: Parameters of each simulation as they were given.
        fingerprints: Configuration fingerprint of each simulation.
        checksums: By field of each simulation those of its frames; None for one from before there were any.
        keep_reference_every: Every so many frames the full-resolution state was kept, too.
        imported: Where simulations of other programs are from, which have no full-resolution states.

    Examples:
        >>> data = ps.Dataset.load(scene.pair, "data/tiny", "train")
        >>> data
        Dataset(2 simulations of 12 frames, reynolds 150 to 600, 0.1 MB, in data/tiny/train)
        >>> data.arrays["velocity.y"].shape
        (2, 13, 24, 12)
    """

    @checked
    def __init__(
        self,
        pair: SolverPair,
        folders: Sequence[Path],
        frames: int | None = None,
        progress: Callable[[int, int], None] = lambda frame, total: None,
    ):
        """
        Checks all frames, and unpacks them where this has not been done.

        Args:
            pair: The solver pair that the data must have been made with.
            folders: Simulation folders, see `find_simulations`. One that is the same as one before counts once.
            frames: Offers the first so many frames after frame 0 only.
            progress: Called with (frames unpacked, frames in all) if they have to be unpacked.

        Raises:
            InputError: if a simulation is unfinished, damaged, has fewer frames, or belongs to another pair.
            MissingError: if a file is missing.
        """
        if frames is not None:
            frames = integer("The number of frames", frames, 1)
        if not len(folders):
            raise InputError("A data set needs at least one folder of a simulation, see find_simulations.")
        self.pair, found, again = pair, {}, []
        for folder in folders:
            check("A folder of a simulation", folder, str | Path)
            folder = Path(folder)
            description = self._check(folder)
            first = found.setdefault(description["fingerprint"], (folder, description))
            if first[1] is not description:
                again.append((folder, first[0]))
        if again:
            counts = f", and so on for {len(again)} of them: each" if len(again) > 1 else ": it"
            LOG.warning("%s is the same simulation as %s%s counts once.", *again[0], counts)
        self.folders, descriptions = (list(v) for v in zip(*found.values(), strict=True))
        recorded, longest = (of(d["frames"] for d in descriptions) for of in (min, max))
        if frames is not None and frames > recorded:
            place = self.folders[0].parent
            raise InputError(f"{frames} frames are asked for, but {place} holds simulations of {recorded} frames.")
        if frames is None and recorded < longest:
            short = next(f for f, d in zip(self.folders, descriptions, strict=True) if d["frames"] == recorded)
            LOG.warning("Of all simulations the first %d frames count: %s has no more.", recorded, short)
        self.frames = recorded if frames is None else frames
        self.checksums = [stored_checksums(d) for d in descriptions]
        if unknown := sum(c is None for c in self.checksums):
            where, advice = self.folders[0].parent, "'phi-sol generate' adds them"
            LOG.warning("%d simulations in %s have no checksums to be verified by: %s.", unknown, where, advice)
        packed = Packed(pair.source, self.folders, recorded, progress, self.checksums)
        self._moments = packed.moments
        self.arrays = {n: a[:, : self.frames + 1] for n, a in packed.arrays.items()}
        self.simulations = given = [d["parameters"] for d in descriptions]
        self.parameters = {p: np.array([g[p] for g in given], np.float32) for p in pair.source.parameters}
        self.fingerprints = [d["fingerprint"] for d in descriptions]
        self.keep_reference_every = descriptions[0]["keep_reference_every"]
        self.imported = sorted({d["imported"]["from"] for d in descriptions if "imported" in d})

    @classmethod
    def load(
        cls,
        pair: SolverPair,
        folder: str | Path | Sequence[str | Path],
        split: str = "train",
        frames: int | None = None,
    ) -> "Dataset":
        """All simulations in `folder` (or several), or in its sub-folder `split`. Errors as for the class."""
        return cls(pair, find_simulations(folder, split), frames)

    def _check(self, folder: Path) -> dict:
        description, _ = read_description(folder)
        difference = first_difference(description["pair"], self.pair.config)
        if difference:
            raise InputError(f"{folder} was made with another solver pair: {difference}.")
        if not description["complete"]:
            raise InputError(f"{folder} is unfinished: run 'phi-sol generate' again to complete it.")
        return description

    @property
    def names(self) -> list[str]:
        """A name of each simulation: its folder's, with what is above it where they are from several folders."""
        paths = [Path(os.path.abspath(f)) for f in self.folders]
        shared = os.path.commonpath([p.parent for p in paths])
        return ["-".join(p.relative_to(shared).parts) for p in paths]

    def __len__(self) -> int:
        return len(self.folders)

    @property
    def frame_bytes(self) -> int:
        """Of all arrays of one frame."""
        return sum(a[0, 0].nbytes for a in self.arrays.values())

    def _shown(self) -> str:
        known = {"simulations": len(self), "frames": self.frames, "arrays": ", ".join(self.arrays)}
        known |= {"size": f"{self.nbytes / 1e6:.1f} MB", "in": str(self.folders[0].parent), "pair": repr(self.pair)}
        known |= {"imported from": ", ".join(self.imported)}
        return together(facts("Dataset", known), parameter_table(self.parameters, self.names))

    def __repr__(self):
        given = ", ".join(f"{n} {v.min():g} to {v.max():g}" for n, v in self.parameters.items())
        what = f"{len(self)} simulations of {self.frames} frames, {given}, {self.nbytes / 1e6:.1f} MB"
        return f"Dataset({what}, in {self.folders[0].parent})"

    def only(self, simulations: Sequence[int]) -> "Dataset":
        """The same of some simulations, by their numbers. Their frames are read into memory."""
        part, chosen = copy(self), list(simulations)
        for name in ("folders", "simulations", "fingerprints", "checksums"):
            setattr(part, name, [getattr(self, name)[i] for i in chosen])
        part.arrays, part.parameters = ({n: a[chosen] for n, a in g.items()} for g in (self.arrays, self.parameters))
        part._moments = {n: [m[i] for i in chosen] for n, m in self._moments.items()}
        return part

    def check_unseen(self, descriptions: Iterable[dict], kind: str):
        """
        Raises:
            InputError: if one of the simulations is in the `data` (fingerprints) of a description of what was trained.
        """
        trained_on = [part.get("data", []) for d in descriptions for part in (d, d.get("from", {}))]
        seen = {f for data in trained_on for f in data}
        known = [p for p, f in zip(self.folders, self.fingerprints, strict=True) if f in seen]
        if known:
            facts = f"holds simulations that a {kind} was trained on ({', '.join(p.name for p in known)})"
            raise InputError(f"{known[0].parent} {facts}: evaluate on test data.")

    def moments(self, simulations: Sequence[int] | None = None) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of each array over all recorded frames of the simulations (default: all)."""
        chosen = range(len(self)) if simulations is None else simulations
        moments = {n: [m[i] for i in chosen] for n, m in self._moments.items()}
        return {n: combine([m["mean"] for m in ms], [m["std"] ** 2 for m in ms]) for n, ms in moments.items()}

    def largest(self, names: Sequence[str]) -> float:
        """Largest magnitude of some arrays in all recorded frames."""
        return max(m["largest"] for n in names for m in self._moments[n])

    @property
    def nbytes(self) -> int:
        """Size of all arrays."""
        return sum(a.nbytes for a in self.arrays.values())

    def frame(self, index: int) -> dict[str, np.ndarray]:
        """One frame of all simulations: arrays of shape (simulations, *spatial)."""
        return {n: a[:, index] for n, a in self.arrays.items()}

    def reference_frame(self, simulation: int, index: int) -> dict[str, np.ndarray]:
        """A full-resolution frame of one simulation. Raises a MissingError if it was not kept, as of imported data."""
        if self.imported:
            where = self.folders[simulation]
            raise MissingError(f"{where} is imported ({self.imported[0]}): there are no states of a reference.")
        flow, every, known = self.pair.reference, self.keep_reference_every, self.checksums[simulation]
        if known is not None:
            known = {n: known.get(f"{REFERENCE}/{n}", ()) for n in flow.fields}
        expected = None if index % every else of_frame(known, flow.fields, index // every)
        return read_frame(flow, self.folders[simulation] / REFERENCE, index, expected)

    def reference_frames(self, index: int) -> dict[str, np.ndarray]:
        """A full-resolution frame of all simulations: arrays of shape (simulations, *spatial), float32."""
        frames = [self.reference_frame(s, index) for s in range(len(self))]
        return {n: np.stack([f[n] for f in frames]).astype(np.float32) for n in frames[0]}
