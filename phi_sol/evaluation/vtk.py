"""Frames as VTK image data, for ParaView and VTK."""

import base64
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from ..files import write_atomic
from ..metrics.grid import centred
from ..metrics.projected import solid_cells
from ..stepping.rollout import Rollout
from .formats import HIDDEN, OBSTACLE, flat, pressure_of


def write_vtk(frames: Rollout, path: Path, **attributes):
    """
    VTK image data, one `.vti` file per frame and simulation, and for more than one frame a `.pvd` file that ParaView
    opens as a series over time. All is at cell centres: vectors with three components, x, y, z, centred fields,
    `pressure` and `obstacle` as in `to_xarray`; float32.

    With `path` `wake.vti` one frame is `wake.vti`, several are `wake_000000.vti`, ... and `wake.pvd`; of a batch each
    simulation is a series of its own, `wake_sim_000000.pvd`, ...
    """
    count, simulations = len(frames), len(next(iter(frames.arrays.values()))[0])
    arrays, parameters = flat(frames)
    cells = _cell_values(frames, arrays, parameters)
    for s in range(simulations):
        stem = path.stem + (f"_sim_{s:06d}" if frames.batch_shape else "")
        files = [f"{stem}.vti" if count == 1 else f"{stem}_{f:06d}.vti" for f in range(count)]
        for f, name in enumerate(files):
            values = {n: v[f * simulations + s] if n != OBSTACLE else v for n, v in cells.items()}
            write_atomic(path.with_name(name), _image(frames, values, float(frames.times[f])))
        if count > 1:
            entries = zip(frames.times, files, strict=True)
            sets = "".join(f'<DataSet timestep="{t:.9g}" part="0" file={quoteattr(n)}/>\n' for t, n in entries)
            body = f'<VTKFile type="Collection" version="0.1">\n<Collection>\n{sets}</Collection>\n</VTKFile>\n'
            write_atomic(path.with_name(f"{stem}.pvd"), f'<?xml version="1.0"?>\n{body}'.encode())


def _cell_values(frames: Rollout, arrays: dict, parameters: dict) -> dict[str, np.ndarray]:
    """By name, all at cell centres: shape (n, *spatial) or, of vectors, (n, *spatial, 3) in the order x, y, z."""
    flow: Any = frames.flow
    result = {}
    for field in flow.fields:
        if field in HIDDEN:
            continue
        if field not in flow.staggered:
            result[field] = arrays[field]
            continue
        parts = centred(flow, arrays, field)
        zero = np.zeros_like(next(iter(parts.values())))
        result[field] = np.stack([parts.get(d, zero) for d in _axes(flow)], -1)
    result |= pressure_of(frames, arrays, parameters)
    solid = solid_cells(flow)
    return result if solid is None else result | {OBSTACLE: solid.astype(np.int8)}


def _axes(flow) -> list[str]:
    """VTK's three axes: x, y, z where these are the flow's, its own in order otherwise."""
    own = sorted(flow.resolution)
    return [*own, *(f"none{i}" for i in range(3 - len(own)))]


def _image(frames: Rollout, values: dict[str, np.ndarray], time: float) -> bytes:
    """One file of image data, with values in base64 behind their length."""
    flow: Any = frames.flow
    axes = _axes(flow)
    extent = " ".join(f"0 {flow.resolution.get(d, 0)}" for d in axes)
    spacing = " ".join(f"{flow.spacing.get(d, 1.0):.9g}" for d in axes)
    dims = list(flow.resolution)
    order = [dims.index(d) for d in reversed(sorted(dims))]  # x varies fastest

    def data(name: str, array: np.ndarray) -> str:
        scalar = array.ndim == len(dims)
        array = np.transpose(array, order if scalar else [*order, len(dims)])
        kind, size = ("Int8", "|i1") if array.dtype == np.int8 else ("Float32", "<f4")
        raw = np.ascontiguousarray(array, size).tobytes()
        text = base64.b64encode(np.uint64(len(raw)).astype("<u8").tobytes() + raw).decode()
        components = "" if scalar else ' NumberOfComponents="3"'
        return f'<DataArray type="{kind}" Name={quoteattr(name)}{components} format="binary">{text}</DataArray>\n'

    when = base64.b64encode(np.array(8, "<u8").tobytes() + np.array(time, "<f8").tobytes()).decode()
    return "".join(
        [
            '<?xml version="1.0"?>\n',
            '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">\n',
            f'<ImageData WholeExtent="{extent}" Origin="0 0 0" Spacing="{spacing}">\n<FieldData>\n',
            f'<DataArray type="Float64" Name="TimeValue" NumberOfTuples="1" format="binary">{when}</DataArray>\n',
            f'</FieldData>\n<Piece Extent="{extent}">\n<CellData>\n',
            *(data(n, v) for n, v in values.items()),
            "</CellData>\n</Piece>\n</ImageData>\n</VTKFile>\n",
        ]
    ).encode()
