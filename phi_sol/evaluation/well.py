"""Frames as HDF5 in the layout of The Well (Ohana et al., 2024, arXiv:2412.00568), which its `WellDataset` opens."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..correctors.scale_free import side_kind
from ..files import write_atomic
from ..metrics.grid import centred
from ..metrics.projected import solid_cells
from ..stepping.rollout import Rollout
from .formats import HIDDEN, OBSTACLE, flat, pressure_of

KINDS = {"": "PERIODIC", "open": "OPEN", "inlet": "OPEN"}  # others are walls; The Well knows these three
ORDERS = ("t0_fields", "t1_fields", "t2_fields")  # scalars, vectors, tensors


def write_well(frames: Rollout, path: Path, **attributes):
    """
    One HDF5 file, whose simulations, of a batch several, are its trajectories.

    Scalars (`marker`, `pressure`; `obstacle`, which is constant) are in `t0_fields` with the shape (trajectory, time,
    *spatial), vectors (`velocity`) in `t1_fields`, with their components last, in the order of the spatial axes. All is
    at cell centres (of a staggered field means of two faces, second order), float32. Parameters are `scalars`, one
    value a trajectory; coordinates and time, since frame 0, are in `dimensions`, in domain units. Sides are PERIODIC,
    WALL or OPEN (an inflow is OPEN).

    Args:
        attributes: What the file shall say about itself; `scene` is the name of the data set.
    """
    import h5py

    flow: Any = frames.flow
    count, trajectories = len(frames), len(next(iter(frames.arrays.values()))[0])
    arrays, parameters = flat(frames)
    dims = list(flow.resolution)
    # in memory first, as NetCDF
    with h5py.File(image := BytesIO(), "w") as file:
        name = attributes.pop("scene", type(flow).__name__)
        about = {"dataset_name": name, "grid_type": "cartesian", "n_spatial_dims": len(dims), "dt": flow.dt}
        about |= {"n_trajectories": trajectories, "simulation_parameters": _texts(flow.parameters)} | attributes
        about |= {n: float(v[0]) for n, v in frames.parameters.items() if trajectories == 1 and v[0].ndim == 0}
        file.attrs.update(about)
        _dimensions(file, flow, frames.times)
        _scalars(file, {n: v for n, v in frames.parameters.items() if v.ndim == 1})
        _sides(file, flow)

        def shaped(values: np.ndarray) -> np.ndarray:
            return values.reshape(count, trajectories, *values.shape[1:]).swapaxes(0, 1).astype(np.float32)

        scalars, vectors = {}, {}
        for field in flow.fields:
            if field in HIDDEN:
                continue
            if field in flow.staggered:
                vectors[field] = shaped(np.stack([*centred(flow, arrays, field).values()], -1))
            else:
                scalars[field] = shaped(arrays[field])
        scalars |= {n: shaped(v) for n, v in pressure_of(frames, arrays, parameters).items()}
        groups = [file.create_group(n) for n in ORDERS]
        for group, fields in zip(groups, (scalars, vectors, {}), strict=True):
            for name, values in fields.items():
                _field(group, name, values, len(dims), True)
        solid = solid_cells(flow)
        if solid is not None:
            _field(groups[0], OBSTACLE, solid.astype(np.float32), len(dims), False)
        for group in groups:
            group.attrs["field_names"] = _texts(group)
    write_atomic(path, image.getvalue())


def _field(group: Any, name: str, values: np.ndarray, axes: int, varying: bool):
    data = group.create_dataset(name, data=values, compression="gzip", compression_opts=4)
    data.attrs.update(dim_varying=np.ones(axes, bool), sample_varying=varying, time_varying=varying)


def _dimensions(file: Any, flow: Any, times: np.ndarray):
    group = file.create_group("dimensions")
    group.attrs["spatial_dims"] = _texts(flow.resolution)
    group.create_dataset("time", data=np.asarray(times, np.float32)).attrs["sample_varying"] = False
    for d, n in flow.resolution.items():
        data = group.create_dataset(d, data=((np.arange(n) + 0.5) * flow.spacing[d]).astype(np.float32))
        data.attrs.update(sample_varying=False, time_varying=False)


def _scalars(file: Any, parameters: dict[str, np.ndarray]):
    group = file.create_group("scalars")
    group.attrs["field_names"] = _texts(parameters)
    for name, values in parameters.items():
        data = group.create_dataset(name, data=np.asarray(values, np.float32))
        data.attrs.update(sample_varying=True, time_varying=False)


def _sides(file: Any, flow: Any):
    """A group for each kind of side along each axis, with a mask of the coordinates where it is."""
    group, layout = (
        file.create_group("boundary_conditions"),
        flow.layouts.get("velocity") or next(iter(flow.layouts.values())),
    )
    for d, n in flow.resolution.items():
        kinds = [KINDS.get(side_kind(layout, d, upper), "WALL") for upper in (False, True)]
        for kind in dict.fromkeys(kinds):
            mask = np.zeros(n, bool)
            mask[0], mask[-1] = (k == kind for k in kinds)
            sides = group.create_group(f"{d}_{kind.lower()}")
            sides.attrs.update(
                bc_type=kind,
                associated_dims=_texts([d]),
                associated_fields=_texts([]),
                sample_varying=False,
                time_varying=False,
            )
            sides.create_dataset("mask", data=mask)


def _texts(names: Any) -> Any:
    import h5py

    return np.array(list(names), h5py.string_dtype())
