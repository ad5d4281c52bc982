"""What stands in the flow: geometries, PhiFlow's obstacles and masks, as solid cells."""

import warnings
from collections.abc import Mapping

import numpy as np
from phi import math
from phi.field import Field
from phi.geom import Geometry
from phi.math import Tensor, channel, instance
from phi.physics.fluid import Obstacle
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..errors import InputError, quoted

SAMPLES = 33  # points between two neighbouring centres at which a thin wall is looked for
WINDOW = 2  # cells around two neighbours within which a way around a wall counts as one


def parts_of(obstacles) -> list:
    """A list of geometries, masks and moving obstacles, from one or a sequence; raises InputError for others."""
    single = isinstance(obstacles, Obstacle | Geometry | Tensor | np.ndarray | str | bytes | Mapping)
    try:
        given = [obstacles] if single else list(() if obstacles is None else obstacles)
    except TypeError:
        given = [obstacles]
    for o in given:
        if not isinstance(o, Obstacle | Geometry | Tensor | np.ndarray):
            found = f"{type(o).__name__} {quoted(o)[:40]}"
            raise InputError(f"An obstacle is a geometry, an Obstacle or a boolean mask of cells, not {found}.")
    return [o.geometry if isinstance(o, Obstacle) and o.is_stationary else o for o in given]


def inside(velocity: Field, geometry: Geometry) -> Tensor:
    """Whether the centre of each cell of a grid lies in a geometry; for several ones and in traces, too."""
    dims, own = velocity.resolution.names, geometry.shape.get_item_names("vector")
    if set(own or dims) != set(dims):
        where = f"lives in {', '.join(own)}, but the grid in {', '.join(dims)}"
        raise InputError(f"The obstacle ({type(geometry).__name__}) {where}.")
    return geometry.lies_inside(as_axes_of(geometry, velocity.geometry.center))


def as_axes_of(geometry: Geometry, location: Tensor) -> Tensor:
    """A location with its axes in the order in which a geometry has them: PhiFlow refuses another one."""
    own = geometry.shape.get_item_names("vector")
    return location.vector[list(own)] if own and set(own) == set(location.vector.item_names) else location


def static_cells(velocity: Field, obstacle) -> np.ndarray:
    """
    The cells of a mask, or whose centre lies in a geometry, as a boolean array in the order of the grid's axes.

    Raises:
        InputError: if the obstacle moves, differs between simulations or is being traced, or a mask is not boolean with
            one value per cell.
    """
    dims, shape = velocity.resolution.names, velocity.resolution.sizes
    needed = f"An obstacle mask must be boolean with one value per cell {shape}"
    if isinstance(obstacle, Obstacle):
        instead = "use make_incompressible, which hands it to PhiFlow"
        raise InputError(f"A moving obstacle can't be part of a static domain: {instead}.")
    cells = inside(velocity, obstacle) if isinstance(obstacle, Geometry) else obstacle
    if isinstance(cells, Tensor):
        if not cells.available:
            raise InputError("The obstacles of a static domain must be known before a function is traced.")
        if set(cells.shape.names) != set(dims):
            if isinstance(obstacle, Geometry) and cells.shape.only(dims).rank == len(dims):
                found = f"The obstacle ({type(obstacle).__name__}) has the batch dimensions {cells.shape.without(dims)}"
                raise InputError(f"{found}: a static domain has the same obstacles in all simulations.")
            raise InputError(f"{needed}, not {cells.shape}.")
        cells = cells.numpy(dims)
    if cells.shape != shape or cells.dtype != bool:
        raise InputError(f"{needed}, not {cells.dtype} of {cells.shape}.")
    return cells


def covered_cells(grid: Field, obstacles: list) -> list[np.ndarray]:
    """The cells of each obstacle, see `static_cells`; raises InputError for one without any, too."""
    cells = [static_cells(grid, o) for o in obstacles]
    for obstacle, own in zip(obstacles, cells, strict=True):
        if not own.any():
            kind = type(obstacle).__name__ if isinstance(obstacle, Geometry) else "mask"
            cell = " x ".join(f"{h:g}" for h in grid.dx.numpy("vector"))
            why = f"it lies outside of the domain, or cells of {cell} are too coarse for it"
            raise InputError(f"The obstacle ({kind}) covers no cell centre: {why}.")
    return cells


def warn_of_leaks(velocity: Field, geometries: list[Geometry], solid: np.ndarray):
    """Warns of walls between neighbouring fluid cells without a way around them (as a bulge has) within `WINDOW`."""
    if not geometries:
        return
    dims = velocity.resolution.names
    centre, spacing = velocity.geometry.center.vector[dims].numpy([*dims, "vector"]), velocity.dx.numpy("vector")
    reach = float(np.linalg.norm(spacing))
    near = np.logical_or.reduce([_near(g, centre, dims, reach) for g in geometries]) & ~solid
    index, free, walls = np.arange(solid.size).reshape(solid.shape), [], []
    for axis, h in enumerate(spacing):
        pairs = np.stack([np.moveaxis(index, axis, 0)[part].ravel() for part in (slice(None, -1), slice(1, None))], 1)
        pairs = pairs[~solid.flat[pairs].any(1)]
        crossed, close = np.zeros(len(pairs), bool), near.flat[pairs].any(1)
        start = centre.reshape(-1, len(dims))[pairs[close, 0]]
        for part in np.linspace(0, 1, SAMPLES + 2)[1:-1] if len(start) else ():
            points = _points(start + part * h * np.eye(len(dims))[axis], dims)
            for geometry in geometries:
                crossed[close] |= geometry.lies_inside(as_axes_of(geometry, points)).numpy("points")
        free.append(pairs[~crossed])
        walls.append(pairs[crossed])
    ways = np.concatenate(free)
    if any(not _way_around(a, b, ways, solid.shape) for a, b in np.concatenate(walls)):
        cell = " x ".join(f"{h:g}" for h in spacing)
        fault = f"An obstacle is thinner than the cells ({cell}) resolve: fluid leaks through its wall."
        cure = "Use smaller cells, or make the obstacle at least as thick as the diagonal of a cell."
        warnings.warn(f"{fault} {cure}", stacklevel=4)


def _near(geometry: Geometry, centre: np.ndarray, dims: tuple[str, ...], reach: float) -> np.ndarray:
    """Cells whose centre is not farther than `reach` from the surface; all where a geometry does not say."""
    try:
        where = as_axes_of(geometry, _points(centre, dims))
        distance = geometry.approximate_signed_distance(where).numpy("points")
    except (NotImplementedError, AttributeError):
        return np.ones(centre.shape[:-1], bool)
    return (np.abs(distance) <= reach).reshape(centre.shape[:-1])


def _points(values: np.ndarray, dims: tuple[str, ...]) -> Tensor:
    return math.wrap(values.reshape(-1, len(dims)), instance("points"), channel(vector=dims))


def _way_around(a: int, b: int, free: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether uncrossed faces connect two cells within `WINDOW` cells around them."""
    ends = np.array(np.unravel_index([a, b], shape))
    low, high = ends.min(1) - WINDOW, ends.max(1) + WINDOW
    first, second = (np.array(np.unravel_index(free[:, k], shape)).T for k in (0, 1))
    edges = free[((first >= low) & (second <= high)).all(1)]
    cells, where = np.unique(np.concatenate([edges.ravel(), [a, b]]), return_inverse=True)
    i, j = where[:-2].reshape(-1, 2).T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(len(cells),) * 2)
    label = connected_components(graph, directed=False)[1]
    return label[where[-2]] == label[where[-1]]
