"""Files of other programs, read as what they hold: arrays with named axes, times, coordinates, parameters."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MissingError
from ..files import reading
from .frames import is_simulation
from .others import TIME, VECTOR, Recorded

SPACE = ("z", "y", "x")  # of arrays without names, the last ones


def read_recorded(path: Path, axes: tuple[str, ...] | None = None) -> list[Recorded]:
    """
    The simulations in a file or folder: NumPy (`.npz`, `.npy`), NetCDF (`.nc`), Zarr (`.zarr`), HDF5 in the layout of
    The Well (`.h5`, `.hdf5`), VTK image data (`.vti`, or `.pvd` for a series), or a scene of PhiFlow 1, 2 or 3.

    Args:
        axes: Names of the axes of arrays that have none; default: `time`, those of space (z, y, x), and `vector` where
            there is one axis more.

    Raises:
        MissingError: if there is no such file, or a library is missing that it needs.
        InputError: if it is damaged, or of another kind.
    """
    path = Path(path)
    if not path.exists():
        raise MissingError(f"{path} is missing.")
    kind = path.suffix.lower()
    if path.is_dir() and kind != ".zarr":
        if is_simulation(path) or list(path.glob("*_000000.npz")):
            return [_scene(path)]
        raise InputError(f"{path} is a folder, but no scene of PhiFlow (velocity_000000.npz, ...) and no Zarr store.")
    if kind not in READERS:
        raise InputError(f"{path} can't be read. Known: {', '.join(READERS)}, and folders of PhiFlow scenes.")
    with reading(path):
        try:
            return READERS[kind](path, axes)
        except ImportError as err:
            what = f"'phi_sol[{EXTRAS[kind]}]'" if kind in EXTRAS else err.name
            raise MissingError(f"{path} needs {err.name}: pip install {what}.") from None


def _unnamed(name: str, array: np.ndarray, axes: tuple[str, ...] | None, path: Path) -> tuple[str, ...]:
    """Names of the axes of an array without any."""
    if axes is not None:
        if len(axes) == array.ndim:
            return axes
        if len(axes) == array.ndim + 1 and VECTOR in axes:
            return tuple(a for a in axes if a != VECTOR)
        raise InputError(f"{path}: {name} has {array.ndim} axes, not {len(axes)} ({', '.join(axes)}).")
    dims = array.ndim - 1
    if dims > 1 and array.shape[-1] == dims - 1 and dims - 1 in (2, 3):
        return (TIME, *SPACE[-(dims - 1) :], VECTOR)
    if dims in (1, 2, 3):
        return (TIME, *SPACE[-dims:])
    raise InputError(f"{path}: say what the {array.ndim} axes of {name} are, e.g. --axes time,y,x,vector.")


def _numpy(path: Path, axes: tuple[str, ...] | None) -> list[Recorded]:
    with np.load(path, allow_pickle=False) as stored:
        content = {n: stored[n] for n in stored.files}
    return [_of_arrays(content, path, axes)]


def _of_arrays(content: dict[str, np.ndarray], path: Path, axes: tuple[str, ...] | None) -> Recorded:
    times = next((content.pop(n) for n in ("time", "times", "t") if n in content), None)
    numbers = {n: float(a) for n, a in content.items() if a.ndim == 0 and a.dtype.kind in "fiu"}
    places = {n: content[n] for n in SPACE if n in content and content[n].ndim == 1}
    fields = {n: a for n, a in content.items() if a.ndim > 1 and a.dtype.kind in "fiu"}
    return Recorded(
        fields, {n: _unnamed(n, a, axes, path) for n, a in fields.items()}, times, places, numbers, str(path)
    )


def _array(path: Path, axes: tuple[str, ...] | None) -> list[Recorded]:
    values = np.load(path, allow_pickle=False)
    return [Recorded({"velocity": values}, {"velocity": _unnamed("velocity", values, axes, path)}, name=str(path))]


def _xarray(path: Path, axes: tuple[str, ...] | None) -> list[Recorded]:
    import xarray

    zarr = path.suffix.lower() == ".zarr"
    importlib.import_module("zarr" if zarr else "h5netcdf")  # without it xarray takes the file for a damaged one
    content = xarray.open_zarr(path, consolidated=False) if zarr else xarray.open_dataset(path, engine="h5netcdf")
    with content:
        fields = {str(n): v.values for n, v in content.data_vars.items() if v.ndim > 1}
        names = {str(n): tuple(map(str, v.dims)) for n, v in content.data_vars.items() if v.ndim > 1}
        places = {str(n): c.values for n, c in content.coords.items() if c.dims == (n,) and n != TIME}
        places = {n: c for n, c in places.items() if c.dtype.kind in "fiu" and not n.endswith("_face")}
        times = content.coords[TIME].values if TIME in content.coords else None
        if times is not None and times.dtype.kind == "m":
            times = times / np.timedelta64(1, "s")
        numbers = {str(n): v for n, v in content.attrs.items() if isinstance(v, int | float | np.number)}
    return [Recorded(fields, names, times, places, {n: float(v) for n, v in numbers.items()}, str(path))]


def _well(path: Path, axes: tuple[str, ...] | None) -> list[Recorded]:
    import h5py

    def texts(values: Any) -> list[str]:
        return [v.decode() if isinstance(v, bytes) else str(v) for v in values]

    with h5py.File(path) as file:
        if "dimensions" not in file or "t0_fields" not in file:
            raise InputError(f"{path} is not in the layout of The Well: it has {', '.join(file)}.")
        dims = texts(file["dimensions"].attrs["spatial_dims"])
        places = {d: file["dimensions"][d][:].reshape(-1, file["dimensions"][d].shape[-1])[0] for d in dims}
        result = []
        for i in range(int(file.attrs["n_trajectories"])):
            fields: dict[str, np.ndarray] = {}
            names: dict[str, tuple[str, ...]] = {}
            for order in ("t0_fields", "t1_fields"):
                for name, data in file[order].items():
                    values = data[i] if data.attrs["sample_varying"] else data[:]
                    fields[name] = values
                    space = (*dims, VECTOR) if order == "t1_fields" else (*dims,)
                    names[name] = (TIME, *space) if data.attrs["time_varying"] else space
            times = file["dimensions"]["time"]
            numbers = {}
            for name, data in file["scalars"].items():
                if not data.attrs["time_varying"]:
                    numbers[name] = float(data[i] if data.attrs["sample_varying"] else data[()])
            when = times[i] if times.attrs["sample_varying"] else times[:]
            result.append(Recorded(fields, names, when, places, numbers, f"{path}, trajectory {i}"))
    return result


def _vtk(path: Path, axes: tuple[str, ...] | None) -> list[Recorded]:
    """Image data: cells where there are any, else points. VTK's axes are x, y, z; vectors have three components."""
    from xml.etree import ElementTree

    if path.suffix == ".pvd":
        sets = ElementTree.parse(path).getroot().iter("DataSet")
        files = [(float(s.attrib.get("timestep", i)), path.parent / s.attrib["file"]) for i, s in enumerate(sets)]
    else:
        files = [(0.0, path)]
    frames = [_image(file) for _, file in files]
    fields = {n: np.stack([f[0][n] for f in frames]) for n in frames[0][0]}
    dims = frames[0][1]
    names = {n: (TIME, *dims, VECTOR)[: 1 + len(dims) + (a.ndim > 1 + len(dims))] for n, a in fields.items()}
    places = frames[0][2]
    return [Recorded(fields, names, np.array([t for t, _ in files]), places, {}, str(path))]


def _image(path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...], dict[str, np.ndarray]]:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader

    if not path.is_file():
        raise MissingError(f"{path} is missing.")
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    points = image.GetDimensions()
    at_cells = image.GetCellData().GetNumberOfArrays() > 0
    data = image.GetCellData() if at_cells else image.GetPointData()
    sizes = [max(n - at_cells, 1) for n in points]
    used = [i for i in range(3) if sizes[i] > 1]
    places = {}
    for i in used:
        h, origin = image.GetSpacing()[i], image.GetOrigin()[i]
        places["xyz"[i]] = origin + h * (np.arange(sizes[i]) + 0.5 * at_cells)
    fields = {}
    for k in range(data.GetNumberOfArrays()):
        values = vtk_to_numpy(data.GetArray(k))
        vector = values.ndim > 1
        shape = [sizes[i] for i in reversed(used)]  # x varies fastest
        values = values.reshape(*shape, values.shape[-1]) if vector else values.reshape(shape)
        order = list(reversed(range(len(used))))
        values = np.transpose(values, [*order, len(used)] if vector else order)
        fields[data.GetArrayName(k)] = values[..., used] if vector else values
    return fields, tuple("xyz"[i] for i in used), places


def _scene(path: Path) -> Recorded:
    """
    A scene of PhiFlow: a file a field and frame. Versions 2 and 3 name the axes. Version 1 has ([batch,] [z,] y, x,
    components), these as x, y, z; of a staggered field n + 1 values along all axes.
    """
    frames: dict[str, list[np.ndarray]] = {}
    axes: dict[str, tuple[str, ...]] = {}
    files = sorted(path.glob("*_[0-9][0-9][0-9][0-9][0-9][0-9].npz"))
    unnamed = _unnamed_shapes(files)
    for file in files:
        name = _field(file)
        with reading(file), np.load(file, allow_pickle=False) as stored:
            if "data" in stored.files:
                values, names = stored["data"], [str(n) for n in stored["dim_names"]]
                names = [VECTOR if n == "vector" else n for n in names]
                staggered = "taggered" in str(stored["field_type"])
            else:
                values = stored[stored.files[-1]]
                names, staggered = _version_1(file, values.shape, unnamed)
                values = values[..., ::-1]  # in the order of the axes
                if values.shape[-1] == 1:
                    values, names = values[..., 0], names[:-1]
        if "batch" in names and values.shape[names.index("batch")] == 1:
            values = np.squeeze(values, names.index("batch"))
            names.remove("batch")
        space = [n for n in names if n not in (VECTOR, "batch")]
        if staggered:  # of each component the values on its own faces
            values = np.moveaxis(values, names.index(VECTOR), -1)
            for i, d in enumerate(space):
                part = tuple(slice(None) if e == d else slice(0, -1) for e in space)
                frames.setdefault(f"{name}.{d}", []).append(values[(*part, i)])
                axes[f"{name}.{d}"] = (TIME, *space)
        elif VECTOR in names and name in unnamed:
            for i, d in enumerate(space):
                frames.setdefault(f"{name}.{d}", []).append(values[..., i])
                axes[f"{name}.{d}"] = (TIME, *space)
        else:
            frames.setdefault(name, []).append(values)
            axes[name] = (TIME, *names)
    fields = {n: np.stack(v) for n, v in frames.items()}
    return Recorded(fields, axes, None, {}, {}, str(path))


def _field(file: Path) -> str:
    """The name of the field in a file of a scene, without the number of the frame."""
    return file.stem[:-7]


def _unnamed_shapes(files: list[Path]) -> dict[str, tuple[int, ...]]:
    """Of the fields of PhiFlow 1 the shapes of what their first files hold."""
    found: dict[str, tuple[int, ...]] = {}
    for name, file in {_field(f): f for f in reversed(files)}.items():
        with reading(file), np.load(file, allow_pickle=False) as stored:
            if "data" not in stored.files:
                found[name] = stored[stored.files[-1]].shape
    return found


def _version_1(file: Path, own: tuple[int, ...], shapes: dict[str, tuple[int, ...]]) -> tuple[list[str], bool]:
    """Names of the axes of a file of PhiFlow 1, and whether it is of a staggered field: one cell more than others."""
    vectors = [s for s in (own, *shapes.values()) if s[-1:] in ((2,), (3,))]
    dims = own[-1] if own in vectors else vectors[0][-1] if vectors else len(own) - 1
    if dims not in (1, 2, 3) or len(own) - 1 - dims not in (0, 1):
        raise InputError(f"{file}: an array of the shape {own} is no field of PhiFlow 1: ([batch,] [z,] y, x, 1 to 3).")
    centred = [s[-1 - dims : -1] for s in shapes.values() if s[-1:] == (1,) and len(s) > dims]
    larger = tuple(n - 1 for n in own[-1 - dims : -1]) in centred if centred else "velocity" in file.stem
    names = ["batch"] * (len(own) - 1 - dims) + [*SPACE[-dims:], VECTOR]
    return names, own[-1] == dims and larger


READERS: dict[str, Callable] = {".npz": _numpy, ".npy": _array, ".nc": _xarray, ".zarr": _xarray, ".h5": _well}
READERS |= {".hdf5": _well, ".vti": _vtk, ".pvd": _vtk}
EXTRAS = {".nc": "netcdf", ".zarr": "zarr", ".vti": "vtk", ".pvd": "vtk"}  # of the package, with what they are read by
