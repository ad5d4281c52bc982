"""The arrays of a staggered velocity with what its boundary conditions add, and what follows from them directly."""

from typing import Any

import numpy as np
from phi.math.backend import choose_backend

from ..flows import Flow
from ..grids.differences import pair_means
from ..stepping.arrays import check_state, native_arrays
from ..stepping.state import State
from .metric import Metric, has_velocity, number

Arrays = dict[str, np.ndarray]


def arrays_of(flow: Flow, state: State) -> Arrays:
    """
    The arrays of a PhiFlow state, as all metrics take them: by name (`velocity.y`, `velocity.x`, `marker`), shape
    (simulations, *spatial), with the faces that PhiFlow stores. All batch dimensions become the first axis, which has
    length 1 if there is none.

    Raises:
        InputError: if the state belongs to another flow or grid.
    """
    check_state(flow, state)
    natives = native_arrays(flow, state, state.batch_shape)
    arrays = {n: choose_backend(a).numpy(a) for n, a in natives.items()}
    dtype = next(iter(arrays.values())).dtype
    return {n: a.astype(dtype) for n, a in arrays.items()}


def axis_of(flow: Flow, dim: str) -> int:
    """Array axis of a dimension; axis 0 counts simulations."""
    return 1 + list(flow.resolution).index(dim)


def surrounded(flow: Flow, arrays: Arrays, component: str) -> np.ndarray:
    """
    A component of the velocity on all faces, those at the boundary and one layer beyond it included: float64, shape
    (simulations, ...) with n + 3 entries along the component's own axis (n cells) and n + 2 along the others.
    """
    return flow.layouts["velocity"].surrounded(np.asarray(arrays[f"velocity.{component}"], np.float64), component)


def faces(flow: Flow, arrays: Arrays, field: str = "velocity") -> Arrays:
    """By axis name, each component on all its faces, those at the boundary included: n + 1 along its own; float64."""
    return {d: flow.layouts[field].pad(np.asarray(arrays[f"{field}.{d}"], np.float64), d) for d in flow.resolution}


def centred(flow: Flow, arrays: Arrays, field: str = "velocity") -> Arrays:
    """By axis name, each component at cell centres, the mean of the two faces of a cell; second order."""
    return {d: pair_means(u, axis_of(flow, d)) for d, u in faces(flow, arrays, field).items()}


def divergence(flow: Flow, arrays: Arrays) -> np.ndarray:
    """
    ∇·u of every cell from the fluxes through its faces, in 1 / time unit; second order, and exact as the mean over the
    cell. Shape (simulations, *resolution); zero in cells of obstacles.
    """
    result: Any = sum(np.diff(u, axis=axis_of(flow, d)) / flow.spacing[d] for d, u in faces(flow, arrays).items())
    return result * flow.projection.fluid if flow.incompressible else result


def divergence_norm(flow: Flow, arrays: Arrays) -> np.ndarray:
    """Root mean square of ∇·u over the cells, shape (simulations,), in 1 / time unit; see `divergence`."""
    return np.sqrt(np.mean(divergence(flow, arrays) ** 2, axis=tuple(range(1, 1 + len(flow.resolution)))))


def total(flow: Flow, arrays: Arrays, name: str = "marker") -> np.ndarray:
    """∫ d dV of a centred field (a marker's mass) from cell means, for which it is exact; shape (simulations,)."""
    values = np.asarray(arrays[name], np.float64)
    return values.reshape(len(values), -1).sum(1) * np.prod(list(flow.spacing.values()))


DIVERGENCE = Metric(
    "divergence",
    lambda flow, arrays, parameters: divergence_norm(flow, arrays),
    unit="1 / time",
    column={"divergence": lambda largest: "" if largest is None else f"{largest:.1e}"},
    applies=lambda flow: flow.incompressible and has_velocity(flow),
    summary=lambda flow, series, reference: {"divergence": number(series["divergence"].max())},
    entry="divergence",
)
MARKER_MASS = Metric(
    "marker_mass",
    lambda flow, arrays, parameters: total(flow, arrays),
    applies=lambda flow: "marker" in flow.fields and "marker" not in flow.staggered,
)
