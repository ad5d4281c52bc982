"""Drag and lift: the force of a flow on its obstacles, together and on each."""

from typing import Any

import numpy as np
from phi import math
from phi.math import batch

from ..errors import InputError
from ..flows import Flow
from ..grids.layout import CLOSED
from ..pressure.obstacles import covered_cells, parts_of
from .grid import Arrays, axis_of, pair_means, surrounded


def acceleration(flow: Flow, arrays: Arrays, viscosity: np.ndarray) -> Arrays:
    """
    a = ν ∇²u - ∇·(u u) on all faces, the ones of obstacles included: what the momentum of the control volume of each
    face gains through its surface, without pressure. Second-order central differences on the staggered grid (Harlow and
    Welch, Phys. Fluids 8, 1965), conservative. ν, the viscosity, has shape (simulations,).

    Returns:
        By axis, with n + 1 entries along the component's own axis, in length / time². Zero on faces at the boundary
        whose velocity is fixed.
    """
    dims = list(flow.resolution)
    u = {c: surrounded(flow, arrays, c) for c in dims}
    nu = np.reshape(viscosity, (-1,) + (1,) * len(dims))
    result: dict = dict.fromkeys(dims, 0.0)
    for c in dims:
        for e in dims:
            axis, h = axis_of(flow, e), flow.spacing[e]
            inner = _inner(flow, u[c], [d for d in dims if d != e])
            gradient, across = np.diff(inner, axis=axis) / h, pair_means(inner, axis)
            speed = across if e == c else pair_means(_inner(flow, u[e], [d for d in dims if d != c]), axis_of(flow, c))
            result[c] = result[c] + np.diff(nu * gradient - speed * across, axis=axis) / h
        for place, kind in zip((0, -1), flow.layouts["velocity"].sides[c], strict=True):
            if kind == CLOSED:
                result[c][(slice(None),) * axis_of(flow, c) + (place,)] = 0.0
    return result


def pressure(flow: Flow, arrays: Arrays, viscosity: np.ndarray) -> np.ndarray:
    """
    The pressure per density p that keeps the flow divergence-free at this moment: ∇²p = ∇·(ν ∇²u - ∇·(u u)), with no
    gradient across the faces of obstacles and fixed boundaries, and p = 0 beyond open sides. It follows from the
    velocity alone, so that it can be had for any solver's fields. Arguments as for `acceleration`.

    Returns:
        Shape (simulations, *resolution), in (length / time)²; zero inside obstacles.
    """
    return _pressure(flow, _open(flow, acceleration(flow, _blocked(flow, arrays), viscosity)))


def force(flow: Flow, arrays: Arrays, viscosity: np.ndarray) -> Arrays:
    """
    The force on all obstacles together, per density of the fluid, from pressure and viscous stresses:

        F = Σ over faces in and on obstacles of V (ν ∇²u - ∇·(u u) - ∇p)

    with V the volume of a cell, u = 0 on these faces and p = 0 inside of obstacles: the momentum that arrives there per
    time. The sums telescope to the surface of the solid cells, where they are Σ A p of the neighbouring fluid cells and
    Σ A ν u / h of the faces beside it; what is carried along vanishes there with h. So the momentum of any box of cells
    around the obstacle is balanced exactly by F and the fluxes through the box. First order in h, since a curved
    surface is one of steps; on a grid with few cells across the obstacle it compares solvers on this grid rather than
    measures the drag. Arguments as for `acceleration`; the obstacles are away from the boundary.

    Returns:
        By axis, shape (simulations,): force per density, in length^d (length / time)² / length.
    """
    solid = {d: np.stack([~is_open]) for d, is_open in _open_faces(flow).items()}
    return {d: f[:, 0] for d, f in _arriving(flow, arrays, viscosity, solid).items()}


def force_per_obstacle(flow: Flow, arrays: Arrays, viscosity: np.ndarray) -> Arrays:
    """
    As `force`, of each obstacle of the flow on its own (a union or a mask counts as one): what arrives on its faces.
    The sum is `force`: a face between two obstacles belongs to both by half, a cell that is in several to the first.

    Returns:
        By axis, shape (simulations, obstacles), in the order of `flow.obstacles`.
    """
    cells, free = [], np.ones(tuple(flow.resolution.values()), bool)
    for own in covered_cells(flow.templates["velocity"], parts_of(flow.obstacles)):
        cells.append(own & free)
        free &= ~own
    if not cells:
        raise InputError(f"There is no force per obstacle: nothing stands in {flow}.")
    shares, layout = {}, flow.layouts["velocity"]
    for d in layout.dims:
        mode: Any = "wrap" if layout.is_periodic(d) else "constant"
        widths = [(0, 0)] + [(1, 1) if e == d else (0, 0) for e in layout.dims]
        beside = 2 * pair_means(np.pad(np.stack(cells).astype(float), widths, mode), axis_of(flow, d))
        beside /= np.maximum(beside.sum(0), 1)
        shares[d] = np.take(beside, range(*layout.stored(d).indices(flow.resolution[d] + 1)), axis_of(flow, d))
    return _arriving(flow, arrays, viscosity, shares)


def _arriving(flow: Flow, arrays: Arrays, viscosity: np.ndarray, shares: Arrays) -> Arrays:
    """
    The momentum that arrives on faces per time, summed with weights: by axis, of shape (n, stored faces) each. Returns
    shape (simulations, n).
    """
    gained = acceleration(flow, _blocked(flow, arrays), viscosity)
    p = _pressure(flow, _open(flow, gained))
    volume, result = float(np.prod(list(flow.spacing.values()))), {}
    for dim, a in gained.items():
        axis, n, first = axis_of(flow, dim), flow.resolution[dim], 1 - flow.layouts["velocity"].missing(dim)[0]
        inner = np.take(a, range(1, n), axis) - np.diff(p, axis=axis) / flow.spacing[dim]
        weights = np.take(shares[dim], range(first, first + n - 1), axis)
        result[dim] = volume * np.stack([(inner * w).reshape(len(inner), -1).sum(1) for w in weights], 1)
    return result


def force_coefficient(force: np.ndarray, speed: float, area: float) -> np.ndarray:
    """C = F / (½ U² A) with F per density, A the frontal area (2D: diameter): drag along the stream, lift across it."""
    return force / (0.5 * speed**2 * area)


def _inner(flow: Flow, values: np.ndarray, dims: list[str]) -> np.ndarray:
    """Without the outermost layers along some axes."""
    return values[(slice(None), *(slice(1, -1) if d in dims else slice(None) for d in flow.resolution))]


def _open_faces(flow: Flow) -> dict[str, np.ndarray]:
    """Which of the stored faces are not faces of a solid cell, by axis."""
    layout, faces = flow.layouts["velocity"], flow.projection.open_faces
    if faces is None:
        return {d: np.ones(layout.shape(d), bool) for d in layout.dims}
    return {d: faces.values[{"~vector": d}].numpy(layout.dims) > 0 for d in layout.dims}


def _blocked(flow: Flow, arrays: Arrays) -> Arrays:
    """Velocity with zero on the faces of solid cells."""
    return {f"velocity.{d}": arrays[f"velocity.{d}"] * mask for d, mask in _open_faces(flow).items()}


def _open(flow: Flow, values: Arrays) -> Arrays:
    """Values on all faces, with zero on those of solid cells."""
    layout, result = flow.layouts["velocity"], {}
    for dim, mask in _open_faces(flow).items():
        widths = [layout.missing(dim) if d == dim else (0, 0) for d in layout.dims]
        result[dim] = values[dim] * np.pad(mask, widths, mode="wrap" if layout.is_periodic(dim) else "edge")
    return result


def _pressure(flow: Flow, accelerations: Arrays) -> np.ndarray:
    sources = sum(np.diff(a, axis=axis_of(flow, d)) / flow.spacing[d] for d, a in accelerations.items())
    with math.NUMPY, math.precision(64):
        solved = flow.projection.solver.solve(math.wrap(sources, batch("simulations"), flow.shape))
        return -solved.numpy(["simulations", *flow.resolution])
