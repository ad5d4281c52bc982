"""Frames of other programs on the grid of a flow: axes in its order, finer grids restricted, sides compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError, is_real, positive, quoted, suggestion
from ..flows import Flow
from ..grids.layout import Layout

TIME, VECTOR = "time", "vector"  # names of axes
CLOSE = 1e-3  # of spacings, times and values at sides, relative


@dataclass
class Recorded:
    """
    What a file of another program holds of one simulation.

    Attributes:
        fields: Arrays by name.
        axes: The axes of each, by name: `time`, those of space, `vector`.
        times: Of the frames; None if they are not known.
        coordinates: Of cell centres along axes, where they are known.
        parameters: Numbers by name.
        name: Where it is from.
    """

    fields: dict[str, np.ndarray]
    axes: dict[str, tuple[str, ...]]
    times: np.ndarray | None = None
    coordinates: dict[str, np.ndarray] = field(default_factory=dict)
    parameters: dict[str, float] = field(default_factory=dict)
    name: str = "the data"


@dataclass
class Converted:
    """Native arrays of a flow, shape (frames, *spatial), float32, and what was done to get them, in words."""

    arrays: dict[str, np.ndarray]
    notes: list[str]


def convert(flow: Flow, given: Recorded, staggered: bool | None = None) -> Converted:
    """
    Frames on the grid of a flow.

    A field of cells (`marker`) is an array (time, *spatial); a velocity is one array with an axis `vector`, in the
    order of the spatial axes, or one for each component: `velocity.y` or `velocity_y`. Finer grids are restricted
    exactly: a cell is the mean of the fine ones that tile it, a face that of the fine faces. Velocities at cell
    centres are interpolated to the faces between (second order), which does not keep their divergence: a note says so.

    Args:
        staggered: Whether velocities are on faces (n + 1 across an axis, or the n lower ones of a periodic one) or at
            cell centres; None: on faces where there are n + 1.

    Raises:
        InputError: for a field that is missing, axes that are not those of the flow, a grid that is coarser, not a
            multiple or not uniform, values that are not finite, or a velocity at a side that is not the flow's.
    """
    notes: list[str] = []
    for d, places in given.coordinates.items():
        _check_uniform(flow, d, np.asarray(places, float), given.name)
    arrays: dict[str, np.ndarray] = {}
    for name, layout in flow.layouts.items():
        for array, component in zip(layout.arrays, layout.components, strict=True):
            values = _found(flow, given, name, component)
            if not np.isfinite(values).all():
                first = int(np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1))[0])
                raise InputError(f"{given.name}: {array} is not finite in frame {first}.")
            arrays[array] = _on_grid(layout, component, values, staggered, given.name, notes)
    counts = {n: len(a) for n, a in arrays.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"{given.name}: the fields have different numbers of frames: {counts}.")
    return Converted({n: a.astype(np.float32) for n, a in arrays.items()}, list(dict.fromkeys(notes)))


def _found(flow: Flow, given: Recorded, name: str, component: str) -> np.ndarray:
    """The array of a field's component, shape (time, *spatial) with the flow's axes in order."""
    dims = list(flow.resolution)
    names = [f"{name}.{component}", f"{name}_{component}_face", f"{name}_{component}"] if component else [name]
    key = next((n for n in names if n in given.fields), name)
    if key not in given.fields:
        has = ", ".join(f"{n} ({', '.join(given.axes[n])})" for n in given.fields) or "nothing"
        hint = suggestion(names[0], given.fields)
        words = f"{names[0]} (or {name} with an axis {VECTOR!r})" if component else name
        raise InputError(f"{given.name} has no {words}: it has {has}.{hint} Say which is which with --map / names=.")
    values, axes = np.asarray(given.fields[key]), list(given.axes[key])
    if len(axes) != values.ndim:
        raise InputError(f"{given.name}: {key} has {values.ndim} axes, but {len(axes)} names: {', '.join(axes)}.")
    if VECTOR in axes:
        if not component or values.shape[axes.index(VECTOR)] != len(dims):
            raise InputError(f"{given.name}: {key} has {values.shape[axes.index(VECTOR)]} components, not {len(dims)}.")
        order = [a for a in axes if a in dims]
        index = order.index(component) if set(order) == set(dims) else dims.index(component)
        values = np.take(values, index, axes.index(VECTOR))
        axes.remove(VECTOR)
    axes = [a.removesuffix("_face") for a in axes]
    if TIME not in axes:
        values, axes = values[None], [TIME, *axes]
    for extra in [a for a in axes if a not in (TIME, *dims)]:
        if values.shape[axes.index(extra)] != 1:
            found = f"{key} has the axes {', '.join(axes)}"
            raise InputError(f"{given.name}: {found}, the flow {TIME}, {', '.join(dims)}.")
        values = np.squeeze(values, axes.index(extra))
        axes.remove(extra)
    if missing := [d for d in dims if d not in axes]:
        raise InputError(
            f"{given.name}: {key} has the axes {', '.join(axes)}: the flow's {', '.join(missing)} is missing."
        )
    return np.transpose(values, [axes.index(a) for a in (TIME, *dims)]).astype(np.float64)


def _on_grid(
    layout: Layout, component: str, values: np.ndarray, staggered: bool | None, name: str, notes: list[str]
) -> np.ndarray:
    ratio, on_faces = _ratio(layout, component, values.shape[1:], staggered, name)
    if component and not on_faces:
        notes.append("velocities at cell centres were interpolated to the faces between: their divergence is not kept")
        values = _to_faces(layout, component, values)
    if component and values.shape[layout.axis(component)] == layout.resolution[component] * ratio:
        first = np.take(values, [0], layout.axis(component))
        values = np.concatenate([values, first], layout.axis(component))  # of a periodic axis
    for d in layout.dims:
        axis = layout.axis(d)
        if d == component:
            values = np.take(values, range(0, values.shape[axis], ratio), axis)
        elif ratio > 1:
            shape = values.shape
            values = values.reshape(*shape[:axis], shape[axis] // ratio, ratio, *shape[axis + 1 :]).mean(axis + 1)
    if ratio > 1:
        notes.append(f"restricted from a grid {ratio} times as fine, by means over faces and cells")
    if not component:
        return values
    stored = layout.strip(values, component)
    if on_faces:
        _check_sides(layout, component, values, stored, name)
    return stored


def _ratio(layout: Layout, component: str, shape: Sequence[int], staggered: bool | None, name: str) -> tuple[int, bool]:
    """Fine cells per cell and axis, and whether values are on faces."""
    cells = dict(zip(layout.dims, shape, strict=True))
    on_faces = False
    if component:
        others = {d: n for d, n in cells.items() if d != component} or cells
        d, n = next(iter(others.items()))
        expected = round(layout.resolution[component] * n / layout.resolution[d])
        on_faces = cells[component] == expected + 1 if staggered is None else staggered
        if on_faces:
            if cells[component] == expected + 1:
                cells[component] -= 1
            elif not layout.is_periodic(component):
                raise InputError(
                    f"{name}: {layout.name} along {component} has {cells[component]} values across its faces, but "
                    f"{expected} cells have {expected + 1} faces."
                )
    own = layout.resolution
    found, needed = ("x".join(str(n) for n in g.values()) for g in (cells, own))
    ratios = {d: n / own[d] for d, n in cells.items()}
    if any(r < 1 for r in ratios.values()):
        raise InputError(f"{name} has {found} cells, coarser than the source's {needed}: take a coarser source grid.")
    if len(set(ratios.values())) > 1 or any(r != int(r) for r in ratios.values()):
        advice = "choose a source grid that it is a multiple of, the same along all axes, or resample the data first"
        raise InputError(f"{name} has {found} cells, not a multiple of the source's {needed}: {advice}.")
    return int(next(iter(ratios.values()))), on_faces


def _to_faces(layout: Layout, component: str, values: np.ndarray) -> np.ndarray:
    """Means of neighbouring cells on all n + 1 faces across an axis; at sides, unless periodic, the nearest cell."""
    axis = layout.axis(component)
    first, last = (np.take(values, [i], axis) for i in (0, -1))
    before, after = (last, first) if layout.is_periodic(component) else (first, last)
    padded = np.concatenate([before, values, after], axis)
    count = padded.shape[axis]
    return (np.take(padded, range(count - 1), axis) + np.take(padded, range(1, count), axis)) / 2


def _check_sides(layout: Layout, component: str, whole: np.ndarray, stored: np.ndarray, name: str):
    """Compares the faces that a flow does not store, since it knows their values, with those of the data."""
    known = np.asarray(layout.pad(stored.astype(np.float32), component))
    off = np.abs(known - whole)
    scale = max(float(np.abs(whole).max()), 1e-30)
    if off.max() > CLOSE * scale:
        axis = layout.axis(component)
        upper = bool(np.take(off, [-1], axis).max() >= np.take(off, [0], axis).max())
        end = [-1 if upper else 0]
        theirs, ours = (float(np.abs(np.take(a, end, axis)).max()) for a in (whole, known))
        side = f"{'upper' if upper else 'lower'} side of {component}"
        raise InputError(
            f"{name}: at the {side} the velocity through it is up to {theirs:.4g}, but the flow has {ours:.4g} there: "
            "give the flow these walls and inlets."
        )


def _check_uniform(flow: Flow, dim: str, places: np.ndarray, name: str):
    """Raises InputError for coordinates that are not of a uniform grid over the flow's size."""
    if dim not in flow.resolution or places.ndim != 1 or len(places) < 2:
        return
    steps = np.diff(places)
    if steps.min() <= 0 or np.ptp(steps) > CLOSE * abs(steps.mean()):
        found = f"cells of {steps.min():.4g} to {steps.max():.4g}"
        raise InputError(f"{name}: the grid along {dim} is not uniform ({found}): resample it.")
    length = float(steps.mean() * len(places))
    if abs(length - flow.size[dim]) > 2 * CLOSE * flow.size[dim]:
        raise InputError(f"{name}: along {dim} the data are {length:.4g} long, the flow is {flow.size[dim]:.4g}.")


def frames_of(times: Any, dt: float, name: str) -> list[int]:
    """Which frames are dt apart, from the first on; InputError if none are, or times don't grow evenly."""
    times = np.asarray(times, float)
    if times.ndim != 1 or len(times) < 2 or not all(map(is_real, times.tolist())):
        raise InputError(f"{name} needs at least two times, one for each frame, not {quoted(times.tolist()[:5])}.")
    step = positive(f"{name}: the time between frames", float(times[1] - times[0]))
    if np.abs(np.diff(times) - step).max() > CLOSE * step:
        found = f"{np.diff(times).min():.4g} to {np.diff(times).max():.4g}"
        raise InputError(f"{name}: frames are not equally far apart in time ({found}).")
    every = round(dt / step)
    if every < 1 or abs(every * step - dt) > CLOSE * dt:
        advice = "choose a dt of the scene that is a multiple of it"
        raise InputError(f"{name}: frames are {step:.4g} apart, but the source takes steps of {dt:.4g}: {advice}.")
    return list(range(0, len(times), every))


def renamed(given: Recorded, names: Mapping[str, str]) -> Recorded:
    """With fields and axes under the names that the flow has for them: `{"velocity": "U"}`."""
    back = {theirs: ours for ours, theirs in names.items()}
    for theirs in back:
        if theirs not in given.fields and not any(theirs in axes for axes in given.axes.values()):
            known = list(dict.fromkeys([*given.fields, *(a for axes in given.axes.values() for a in axes)]))
            raise InputError(f"{given.name} has no {theirs!r}.{suggestion(theirs, known)} It has {', '.join(known)}.")
    fields = {back.get(n, n): a for n, a in given.fields.items()}
    axes = {back.get(n, n): tuple(back.get(a, a) for a in axes) for n, axes in given.axes.items()}
    places = {back.get(d, d): c for d, c in given.coordinates.items()}
    return Recorded(fields, axes, given.times, places, given.parameters, given.name)
