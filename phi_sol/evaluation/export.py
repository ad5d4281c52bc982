"""Fields of recordings and rollouts for other programs: as NetCDF, VTK, Zarr, and as PhiFlow scenes."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import tensorflow as tf
from phi.math import batch

from ..arguments import checked
from ..errors import InputError, instance, is_file_name, quoted
from ..metrics.grid import Arrays
from ..places import check_place, check_room
from ..stepping.arrays import array_names, unpack
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..storage.dataset import Dataset
from ..storage.files import versions, write_json
from ..storage.frames import FrameFormat, tidy
from .formats import check_installed
from .write import WRITERS

FORMATS = (*WRITERS, "phiflow")


class Exporter:
    """Writes reference, SRC and correctors of all simulations of a data set, one solver and simulation at a time."""

    @checked
    def __init__(
        self,
        data: Dataset,
        trained: dict[str, Solver],
        out: Path,
        kind: str = "netcdf",
        frames: int | None = None,
        every: int = 1,
    ):
        """
        Args:
            trained: Solvers to export beside reference and source, by name.
            out: Folder; gets `SOLVER/sim_000000.nc` (or `.zarr`, `.hdf5`, or `.pvd` with its `.vti` files), or for
                PhiFlow the scenes `SOLVER/sim_000000`, which have the fields of the flow alone.
            kind: `netcdf`, `vtk`, `zarr`, `well` (HDF5 in the layout of The Well) or `phiflow`.
            frames: Steps; default: as many as recorded.
            every: Exports every so many frames.

        Raises:
            InputError: for an unknown format, a number that is not possible, a folder that is in use, or a disk without
                the room for it.
            MissingError: if a library is needed and not installed.
        """
        if kind not in FORMATS:
            raise InputError(f"Unknown format {quoted(kind)}. Known: {', '.join(FORMATS)}.")
        if kind in WRITERS:
            check_installed(kind)
        self.steps = data.frames if frames is None else frames
        if not 1 <= self.steps <= data.frames or not 1 <= every <= self.steps:
            possible = f"Frames 1 to {data.frames} can be exported, every 1st to every last"
            raise InputError(f"{possible}; not {self.steps} frames, every {every}th.")
        self.data, self.out, self.kind, self.every = data, Path(out), kind, every
        flow = data.pair.source
        for name, solver in trained.items():
            instance(f"What is exported as {name!r}", solver, Solver, "a solver")
            if not is_file_name(name):
                raise InputError(f"{name!r} can't be the name of a folder: give the solver another name.")
        self.solvers = {"REF": None, "SRC": flow} | trained
        check_place(self.out, "Name another folder (out=).")
        for name in self.solvers:
            if (self.out / name).exists():
                raise InputError(f"{self.out / name} is there already: name another folder (out=), or remove it.")
        # fields on faces and at centres, and the pressure
        size = 2 * data.frame_bytes * (self.steps // every + 1)
        advice = "make room, or choose fewer frames (frames=, every=) or another folder (out=)"
        check_room("What is to be exported", self.out, {size: len(self.solvers) * len(data)}, advice)
        self._format = FrameFormat(flow) if kind == "phiflow" else None

    def run(self, progress: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
        """Writes everything; returns a line for each rollout that is not finite any more from some frame on."""
        notes, jobs = [], list(product(self.solvers, range(len(self.data))))
        for done, (name, i) in enumerate(jobs, 1):
            frames = dict(self._frames(self.solvers[name], i))
            bad = [f for f, arrays in frames.items() if not all(np.isfinite(a).all() for a in arrays.values())]
            if bad:
                notes.append(f"{name} blew up in {self.data.names[i]}: not finite from frame {bad[0]} on.")
            self._write(name, i, frames)
            progress(done, len(jobs))
        return notes

    def _frames(self, solver, simulation: int) -> Iterator[tuple[int, Arrays]]:
        numbers = range(0, self.steps + 1, self.every)
        if solver is None:
            for f in numbers:
                yield f, {n: np.array(a[simulation, f]) for n, a in self.data.arrays.items()}
            return
        start = {n: tf.constant(a[simulation : simulation + 1, 0]) for n, a in self.data.arrays.items()}
        yield 0, {n: a.numpy()[0] for n, a in start.items()}
        parameters = {n: tf.constant(p[simulation : simulation + 1]) for n, p in self.data.parameters.items()}
        for f, kept in zip(numbers[1:], solver.frames(start, parameters, self.steps, self.every), strict=True):
            yield f, {n: a.numpy()[0] for n, a in kept.items()}

    def _write(self, name: str, simulation: int, frames: dict[int, Arrays]):
        source, parameters = self.data.names[simulation], self.data.simulations[simulation]
        folder, flow = self.out / name, self.data.pair.source
        if self._format is None:
            folder.mkdir(parents=True, exist_ok=True)
            suffix, write = WRITERS[self.kind]
            arrays = {n: np.stack([a[n] for a in frames.values()])[:, None] for n in array_names(flow)}
            given = {n: np.array([v]) for n, v in parameters.items()}
            rollout = Rollout(flow, arrays, given, flow.dt * np.array(list(frames), float))
            write(rollout, folder / f"{source}{suffix}", title=f"{name}, {source}", solver=name, simulation=source)
            return
        scene, given = folder / source, {n: np.array([v], np.float32) for n, v in parameters.items()}
        scene.mkdir(parents=True)
        for frame, arrays in frames.items():
            state = unpack(flow, {n: a[None] for n, a in arrays.items()}, given, batch(batch=1))
            self._format.write(scene, frame, {n: np.asarray(v)[0] for n, v in self._format.file_values(state).items()})
        tidy(scene)
        facts = {"solver": name, "pair": self.data.pair.config, "parameters": parameters, "frames": self.steps}
        facts |= {"every": self.every, "complete": True, "versions": versions()}
        write_json(scene / "description.json", facts)
