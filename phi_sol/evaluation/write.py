"""`phi_sol.write`: states and rollouts as files of other programs."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ..arguments import check
from ..errors import InputError
from ..pictures.film import FORMATS as FILMS
from ..places import check_file, check_place
from ..stepping.arrays import check_state, native_arrays
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..stepping.state import State
from .film import write_film_of
from .formats import check_installed, write_netcdf, write_zarr
from .vtk import write_vtk
from .well import write_well

WRITERS: dict[str, tuple[str, Callable]] = {
    "netcdf": (".nc", write_netcdf),
    "vtk": (".vti", write_vtk),
    "zarr": (".zarr", write_zarr),
    "well": (".hdf5", write_well),
}


def write(frames: Rollout | State | Sequence[State], path: str | Path, flow: Solver | None = None, **options):
    """
    Writes a rollout of one's own, a state, or a list of states, by the name of the file:

    - `wake.nc`: NetCDF for xarray and ParaView; `wake.zarr`: a Zarr store with the same content, see
      `phi_sol.evaluation.formats.to_xarray`. Of a batch the variables have its dimensions behind the time;
    - `wake.hdf5`: HDF5 in the layout of The Well, see `phi_sol.evaluation.well.write_well`; of a batch the simulations
      are its trajectories;
    - `wake.vti`: VTK image data for ParaView, one file a frame and a `.pvd` series, see
      `phi_sol.evaluation.vtk.write_vtk`. Of a batch each simulation is a series of its own;
    - `wake.mp4`, `wake.gif`, `wake.html`: a film; of a batch all simulations side by side.

    The files have all fields, the pressure and the obstacles (films: one field).

    Args:
        frames: A state or a list of states needs `flow`, too; the states of a list are dt of the flow apart.
        flow: The flow that the states belong to, or any solver of its states; a rollout knows its own.
        options: Of films: `field`, `quantity` (as for `phi_sol.plot`) and `fps`, 10 unless it is said. Of others: what
            the file shall say about itself.

    Raises:
        InputError: for another ending, states that do not belong to the flow, no frames, or a place that can't be
            written to.
        MissingError: if a library is not installed that the format needs.

    Examples:
        >>> ps.write(frames, "frames.nc")
    """
    if not isinstance(path, str | Path):
        raise InputError(f"Frames are written to a file, write(frames, path), not to a {type(path).__name__}.")
    check("The path of what is written", path, Path)
    check("The flow of what is written", flow, Solver | None)
    path = Path(path)
    kinds = {suffix: kind for kind, (suffix, _) in WRITERS.items()}
    suffix = path.suffix.lower()
    if suffix not in (*kinds, *FILMS):
        raise InputError(f"{path} must end with one of {', '.join([*kinds, *FILMS])}.")
    if suffix == ".zarr":
        check_place(path.absolute(), "Name another file.")
    else:
        check_file(path)
    rollout = as_rollout(frames, flow)
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix in FILMS:
        write_film_of(rollout, path, **options)
        return
    check_installed(kinds[suffix])
    WRITERS[kinds[suffix]][1](rollout, path, **options)


def as_rollout(frames: Rollout | State | Sequence[State], solver: Solver | None = None) -> Rollout:
    """Any frames as a rollout; errors as for `write`."""
    if isinstance(frames, Rollout):
        if not len(frames):
            raise InputError("There is no frame to write.")
        return frames.numpy()
    states = [frames] if isinstance(frames, State) else list(frames) if isinstance(frames, Iterable) else [frames]
    if not states:
        raise InputError("There is no frame to write.")
    if not isinstance(solver, Solver):
        raise InputError("A state does not know its flow: write(states, path, flow).")
    flow = solver.flow
    for state in states:
        check_state(flow, state)
    shape = states[0].batch_shape
    if any(s.batch_shape != shape for s in states):
        raise InputError("States of one file must have the same batch dimensions.")
    parts = [{n: np.asarray(a) for n, a in native_arrays(flow, s, shape).items()} for s in states]
    arrays = {n: np.stack([p[n] for p in parts]) for n in parts[0]}
    first = {n: states[0].parameters[n] for n in flow.parameters}
    given = {n: np.resize(p.numpy([p.shape]), shape.volume) for n, p in first.items()}
    return Rollout(flow, arrays, given, solver.dt * np.arange(len(states)), batch=shape)
