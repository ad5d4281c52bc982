"""Fields of recordings and rollouts for other programs: as NetCDF (xarray, ParaView) and as PhiFlow scenes."""

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import tensorflow as tf
from phi.math import batch

from ..errors import InputError, MissingError
from ..flows import Flow
from ..metrics.grid import Arrays, centred, faces
from ..stepping.arrays import unpack
from ..stepping.solver import Solver
from ..storage.dataset import Dataset
from ..storage.files import check_no_file_in_the_way, versions, write_json
from ..storage.frames import FrameFormat

FORMATS = ("netcdf", "phiflow")
UNITS = {"velocity": "length / time", "forcing": "length / time^2"}
HIDDEN = ("time",)  # a field that is the same in every cell, and has the name of the coordinate


def to_xarray(flow: Flow, frames: dict[int, Arrays], **attributes):
    """
    Frames of one simulation as an `xarray.Dataset`.

    Centred fields have the dimensions (time, y, x[, z]). A staggered field `velocity` is there twice: exactly, as
    `velocity_y_face` on the faces normal to y (time, y_face, x), those at the boundary included, and at cell centres as
    `velocity_y`, the mean of two faces (second order), so that programs that know one grid only can show it.
    Coordinates are in domain units; `time` is since frame 0, and `frame` counts.

    Args:
        frames: Arrays of shape (*spatial) by frame number.
        attributes: What the file shall say about itself, such as parameters.
    """
    import xarray

    numbers, dims, unit = sorted(frames), list(flow.resolution), {"units": "domain units"}
    stacked = {n: np.stack([frames[f][n] for f in numbers]) for n in frames[numbers[0]]}
    time = unit | {"long_name": "time since frame 0", "axis": "T"}
    coordinates: dict = {"time": ("time", flow.dt * np.array(numbers, float), time), "frame": ("time", numbers)}
    for d, n in flow.resolution.items():  # with an axis, VTK takes x and y for angles
        h = flow.spacing[d]
        coordinates[d] = (d, (np.arange(n) + 0.5) * h, unit | {"long_name": f"{d} of cell centres"})
        coordinates[f"{d}_face"] = (f"{d}_face", np.arange(n + 1) * h, unit | {"long_name": f"{d} of faces"})
    variables = {}

    def add(name: str, where: list[str], values: np.ndarray, **attributes: str):
        variables[name] = (("time", *where), values.astype(np.float32), attributes)

    for field in flow.fields:
        if field in HIDDEN:
            continue
        if field not in flow.staggered:
            add(field, dims, stacked[field], long_name=field)
            continue
        units = UNITS.get(field, "")
        for d, values in faces(flow, stacked, field).items():
            where = [f"{e}_face" if e == d else e for e in dims]
            add(f"{field}_{d}_face", where, values, units=units, long_name=f"{d} component on faces")
        for d, values in centred(flow, stacked, field).items():
            add(f"{field}_{d}", dims, values, units=units, long_name=f"{d} component at cell centres")
    about: dict = {"Conventions": "CF-1.8", "source": f"phi_sol {versions()['phi_sol']}"}
    about |= {"dt": flow.dt, "flow": json.dumps(flow.config())}
    return xarray.Dataset(variables, coordinates, about | attributes)


class Exporter:
    """Writes reference, SRC and correctors of all simulations of a data set, one solver and simulation at a time."""

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
            out: Folder; gets `SOLVER/sim_000000.nc`, or for PhiFlow the scenes `SOLVER/sim_000000`.
            kind: `netcdf` or `phiflow`.
            frames: Steps; default: as many as recorded.
            every: Exports every so many frames.

        Raises:
            InputError: for an unknown format, a number that is not possible, or a folder that is in use.
            MissingError: if xarray is needed and not installed.
        """
        if kind not in FORMATS:
            raise InputError(f"Unknown format {kind!r}. Known: {', '.join(FORMATS)}.")
        if kind == "netcdf":
            try:
                import h5netcdf  # noqa: F401
                import xarray  # noqa: F401
            except ImportError as err:
                raise MissingError(f"NetCDF needs xarray and h5netcdf ({err}): pip install phi_sol[netcdf].") from err
        self.steps = data.frames if frames is None else frames
        if not 1 <= self.steps <= data.frames or not 1 <= every <= self.steps:
            possible = f"Frames 1 to {data.frames} can be exported, every 1st to every last"
            raise InputError(f"{possible}; not {self.steps} frames, every {every}th.")
        self.data, self.out, self.kind, self.every = data, Path(out), kind, every
        flow = data.pair.source
        self.solvers = {"REF": None, "SRC": flow} | trained
        check_no_file_in_the_way(self.out, "Name another folder (out=).")
        for name in self.solvers:
            if (self.out / name).exists():
                raise InputError(f"{self.out / name} is there already: name another folder (out=), or remove it.")
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
            about = {"title": f"{name}, {source}", "solver": name, "simulation": source} | parameters
            content = to_xarray(flow, frames, **about)
            part, packed = folder / f".{source}.nc", {v: {"zlib": True, "complevel": 4} for v in content.data_vars}
            _fixed_length_texts(content).to_netcdf(part, engine="h5netcdf", encoding=packed)
            part.replace(folder / f"{source}.nc")
            return
        scene, given = folder / source, {n: np.array([v], np.float32) for n, v in parameters.items()}
        scene.mkdir(parents=True)
        for frame, arrays in frames.items():
            state = unpack(flow, {n: a[None] for n, a in arrays.items()}, given, batch(batch=1))
            self._format.write(scene, frame, {n: np.asarray(v)[0] for n, v in self._format.file_values(state).items()})
        (scene / ".partial").rmdir()
        facts = {"solver": name, "pair": self.data.pair.config, "parameters": parameters, "frames": self.steps}
        facts |= {"every": self.every, "complete": True, "versions": versions()}
        write_json(scene / "description.json", facts)


def _fixed_length_texts(content):
    """With texts of fixed length as attributes: VTK (ParaView) reads no others, and would take the time for space."""
    content = content.copy()
    for holder in (content, *content.variables.values()):
        holder.attrs = {n: np.bytes_(v.encode()) if isinstance(v, str) else v for n, v in holder.attrs.items()}
    return content
