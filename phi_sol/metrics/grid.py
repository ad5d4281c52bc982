"""The arrays of a staggered velocity with what its boundary conditions add, and what follows from them directly."""

from functools import lru_cache

import numpy as np
from phi import math

from ..flows import Flow
from ..grids.differences import pair_means
from ..pressure.axes import CLOSED, OPEN
from ..pressure.projection import side_of
from ..stepping.state import State

Arrays = dict[str, np.ndarray]


def arrays_of(flow: Flow, state: State) -> Arrays:
    """
    The arrays of a PhiFlow state, as all metrics take them: by name (`velocity.y`, `velocity.x`, `marker`),
        shape (simulations, *spatial), with
    the faces that PhiFlow stores. All batch dimensions become the first axis, which has length 1 if there is none.

    Raises:
        InputError: if the state belongs to another flow or grid.
    """
    from ..stepping.arrays import pack

    return {n: np.asarray(a) for n, a in pack(flow, state)[0].items()}


def axis_of(flow: Flow, dim: str) -> int:
    """Array axis of a dimension; axis 0 counts simulations."""
    return 1 + list(flow.resolution).index(dim)


@lru_cache(maxsize=32)
def sides_of(
    flow: Flow, component: str, field: str = "velocity"
) -> dict[str, tuple[tuple[str, float], tuple[str, float]]]:
    """Kind of each side of each axis, and the value that a component has beyond it where it is fixed."""
    template, dims = flow.templates[field], list(flow.resolution)
    result = {}
    with math.NUMPY, math.precision(64):
        centred = template.vector[component]
        for i, dim in enumerate(dims):
            padded = math.pad(centred.values, {dim: (1, 1)}, centred.boundary).numpy(dims)
            kinds = [side_of(template.boundary, dim, upper) for upper in (False, True)]
            result[dim] = tuple((k, float(np.take(padded, -j, i).flat[0])) for j, k in enumerate(kinds))
    return result


def missing_faces(flow: Flow, component: str, field: str = "velocity") -> tuple[int, int]:
    """
    How many faces at the lower and upper boundary of its own axis are not stored, since they are fixed or, if
    periodic, the same as the first.
    """
    return tuple(1 - int(there) for there in flow.templates[field].boundary.valid_outer_faces(component))


def padded(flow: Flow, arrays: Arrays, component: str, field: str = "velocity") -> np.ndarray:
    """
    A component of the velocity (or another staggered field) on all faces, those at the boundary and one layer
    beyond it included, as PhiFlow's
    operators see it: fixed values at walls and inlets, copies beyond open sides, the other end along periodic axes.

    Returns:
        Shape (simulations, ...) with n + 3 entries along the component's own axis (n cells) and n + 2 along the
        others, float64.
    """
    values = np.float64(arrays[f"{field}.{component}"])
    for dim, sides in sides_of(flow, component, field).items():
        axis, parts, missing = (
            axis_of(flow, dim),
            [values],
            missing_faces(flow, component, field) if dim == component else (0, 0),
        )
        for upper, (kind, fixed) in enumerate(sides):
            count = 1 + missing[upper]
            shape = [count if a == axis else n for a, n in enumerate(values.shape)]
            if kind == CLOSED:
                layer = np.full(shape, fixed)
            elif kind == OPEN:
                layer = np.repeat(np.take(values, [-1 if upper else 0], axis), count, axis)
            else:
                layer = np.take(values, range(count) if upper else range(-count, 0), axis)
            parts = [*parts, layer] if upper else [layer, *parts]
        values = np.concatenate(parts, axis)
    return values


def faces(flow: Flow, arrays: Arrays, field: str = "velocity") -> Arrays:
    """
    Each component of the velocity on all of its faces, those at the boundary included: n + 1 along its own
        axis. By axis name, float64.
    """
    inner = slice(1, -1)
    return {d: padded(flow, arrays, d, field)[(slice(None), *[inner] * len(flow.resolution))] for d in flow.resolution}


def centred(flow: Flow, arrays: Arrays, field: str = "velocity") -> Arrays:
    """
    Each component of the velocity at cell centres, the mean of the two faces of a cell; second order. By axis name.
    """
    return {d: pair_means(u, axis_of(flow, d)) for d, u in faces(flow, arrays, field).items()}


def divergence(flow: Flow, arrays: Arrays) -> np.ndarray:
    """
    ∇·u of every cell from the fluxes through its faces; second order, and exact as the mean over the cell.

    Returns:
        Shape (simulations, *resolution), in 1 / time unit. Zero in cells of obstacles.
    """
    result = sum(np.diff(u, axis=axis_of(flow, d)) / flow.spacing[d] for d, u in faces(flow, arrays).items())
    return result * flow.projection.fluid if flow.incompressible else result


def divergence_norm(flow: Flow, arrays: Arrays) -> np.ndarray:
    """Root mean square of ∇·u over the cells, shape (simulations,), in 1 / time unit; see `divergence`."""
    return np.sqrt(np.mean(divergence(flow, arrays) ** 2, axis=tuple(range(1, 1 + len(flow.resolution)))))


def total(flow: Flow, arrays: Arrays, name: str = "marker") -> np.ndarray:
    """
    ∫ d dV of a centred field (the mass of a marker), the sum over cells times their volume; shape
    (simulations,). Exact for cell means.
    """
    values = np.float64(arrays[name])
    return values.reshape(len(values), -1).sum(1) * np.prod(list(flow.spacing.values()))
