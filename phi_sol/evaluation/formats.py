"""Frames as files of other programs: NetCDF and Zarr, by xarray."""

import importlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MissingError
from ..files import replacing, write_atomic
from ..metrics.grid import centred, faces
from ..metrics.projected import solid_cells, step_pressure
from ..stepping.rollout import Rollout
from ..storage.files import versions

UNITS = {"velocity": "length / time", "forcing": "length / time^2"}
HIDDEN = ("time",)  # a field that is the same in every cell, and has the name of the coordinate
PRESSURE, OBSTACLE = "pressure", "obstacle"
PRESSURE_FACTS = {"units": "(length / time)^2", "long_name": "pressure per density of the step from this state"}
OBSTACLE_FACTS = {"long_name": "1 in cells whose centre lies in an obstacle"}
NEEDED = {"netcdf": ("xarray", "h5netcdf"), "zarr": ("xarray", "zarr"), "vtk": (), "well": ("h5py",)}


def check_installed(kind: str):
    """Raises MissingError if a library that a format needs is not installed."""
    for library in NEEDED[kind]:
        try:
            importlib.import_module(library)
        except ImportError as err:
            names = " and ".join(NEEDED[kind])
            raise MissingError(f"{kind} needs {names} ({err}): pip install 'phi_sol[{kind}]'.") from err


def flat(frames: Rollout) -> tuple[dict, dict]:
    """Arrays with all frames of all simulations in one axis, and parameters likewise."""
    arrays = {n: a.reshape(-1, *a.shape[2:]) for n, a in frames.arrays.items()}
    return arrays, {n: np.concatenate([p] * len(frames)) for n, p in frames.parameters.items()}


def pressure_of(frames: Rollout, arrays: dict, parameters: dict) -> dict[str, np.ndarray]:
    """The pressure by its name, unless the flow keeps one itself or has none."""
    flow: Any = frames.flow
    found = None if PRESSURE in flow.fields else step_pressure(flow, arrays, parameters)
    return {} if found is None else {PRESSURE: found}


def to_xarray(frames: Rollout, **attributes):
    """
    Frames as an `xarray.Dataset`.

    Centred fields have the dimensions (time, y, x[, z]), with batch dimensions of the rollout behind the time. A
    staggered field `velocity` is there twice: exactly, as `velocity_y_face` on the faces normal to y (time, y_face, x),
    those at the boundary included, and at cell centres as `velocity_y`, the mean of two faces (second order), so that
    programs that know one grid only can show it. `pressure` is that of the step from each frame
    (`phi_sol.metrics.step_pressure`), `obstacle` (y, x[, z]) is 1 in solid cells. Coordinates are in domain units;
    `time` is since frame 0, and `frame` counts steps of the flow. Parameters are attributes or, of a batch,
    coordinates.

    Args:
        attributes: What the file shall say about itself.

    Raises:
        InputError: if a batch dimension has the name of another coordinate.
    """
    import xarray

    flow: Any = frames.flow
    batch = frames.batch_shape
    dims, unit, leading = list(flow.resolution), {"units": "domain units"}, ["time", *batch.names]
    time = unit | {"long_name": "time since frame 0", "axis": "T"}
    numbers = np.round(np.asarray(frames.times, float) / flow.dt).astype(int)
    coordinates: dict = {"time": ("time", np.asarray(frames.times, float), time), "frame": ("time", numbers)}
    for d, n in flow.resolution.items():  # with an axis, VTK takes x and y for angles
        h = flow.spacing[d]
        coordinates[d] = (d, (np.arange(n) + 0.5) * h, unit | {"long_name": f"{d} of cell centres"})
        coordinates[f"{d}_face"] = (f"{d}_face", np.arange(n + 1) * h, unit | {"long_name": f"{d} of faces"})
    if taken := set(batch.names) & set(coordinates):
        raise InputError(f"The batch dimension {min(taken)!r} has the name of a coordinate: rename it.")
    coordinates |= {d: (d, list(names)) for d, names in zip(batch.names, batch.item_names, strict=True) if names}
    for name, values in frames.parameters.items():
        if along := flow.profiles.get(name, ()):
            coordinates[name] = ([*batch.names, *along], values.reshape(*batch.sizes, *values.shape[1:]))
        elif batch:
            coordinates[name] = (batch.names, values.reshape(batch.sizes))
        else:
            attributes = {name: float(values[0])} | attributes
    variables, (arrays, parameters) = {}, flat(frames)

    def add(name: str, where: list[str], values: np.ndarray, **attributes: str):
        values = values.reshape(len(frames), *batch.sizes, *values.shape[1:])
        variables[name] = ([*leading, *where], values.astype(np.float32), attributes)

    for field in flow.fields:
        if field in HIDDEN:
            continue
        if field not in flow.staggered:
            add(field, dims, arrays[field], long_name=field)
            continue
        units = UNITS.get(field, "")
        for d, values in faces(flow, arrays, field).items():
            where = [f"{e}_face" if e == d else e for e in dims]
            add(f"{field}_{d}_face", where, values, units=units, long_name=f"{d} component on faces")
        for d, values in centred(flow, arrays, field).items():
            add(f"{field}_{d}", dims, values, units=units, long_name=f"{d} component at cell centres")
    for name, values in pressure_of(frames, arrays, parameters).items():
        add(name, dims, values, **PRESSURE_FACTS)
    solid = solid_cells(flow)
    if solid is not None:
        variables[OBSTACLE] = (dims, solid.astype(np.int8), OBSTACLE_FACTS)
    about: dict = {"Conventions": "CF-1.8", "source": f"phi_sol {versions()['phi_sol']}"}
    about |= {"dt": flow.dt, "flow": json.dumps(flow.config())}
    return xarray.Dataset(variables, coordinates, about | attributes)


def write_netcdf(frames: Rollout, path: Path, **attributes):
    """One NetCDF file (CF, compressed), see `to_xarray`."""
    import h5netcdf
    import xarray

    content = to_xarray(frames, **attributes)
    packed = {v: {"zlib": True, "complevel": 4} for v in content.data_vars}
    # in memory first: on a full disk HDF5 would print traces of all that it can't close; by way of a store, since
    # `to_netcdf` takes no file in memory for this engine where Python is 3.10
    with h5netcdf.File(image := BytesIO(), "w") as file:
        _fixed_length_texts(content).dump_to_store(xarray.backends.H5NetCDFStore(file), encoding=packed)
    write_atomic(path, image.getvalue())


def write_zarr(frames: Rollout, path: Path, **attributes):
    """
    One Zarr store, a folder, see `to_xarray`, a chunk for each frame: Dask reads one without the others. Raises
    InputError if there is one already.
    """
    if path.exists():
        raise InputError(f"{path} is there already: remove it, or give another name.")
    with replacing(path) as part:
        content = to_xarray(frames, **attributes)
        chunks = {n: {"chunks": (1, *v.shape[1:])} for n, v in content.data_vars.items() if v.dims[0] == "time"}
        content.to_zarr(part, mode="w", consolidated=False, encoding=chunks)


def _fixed_length_texts(content):
    """With texts of fixed length as attributes: VTK (ParaView) reads no others, and would take the time for space."""
    content = content.copy()
    for holder in (content, *content.variables.values()):
        holder.attrs = {n: np.bytes_(v.encode()) if isinstance(v, str) else v for n, v in holder.attrs.items()}
    return content
