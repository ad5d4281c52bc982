"""Whether a field belongs to a layout: the same kind, grid, box and boundary."""

import numpy as np
from phi import math
from phi.field import Field
from phi.math import Tensor, spatial
from phi.math.extrapolation import ConstantExtrapolation, Extrapolation

from .layout import Layout

REMEMBERED = 16  # grids and boundaries that were looked at, per layout


def difference(layout: Layout, field: Field) -> str:
    """
    How the grid and the boundary of a field differ from those of a layout, in words; empty if they don't. Boundaries
    may be written differently, and values that are being traced are not looked at.
    """
    key = id(field.geometry), id(field.boundary), field.is_staggered
    if key not in layout.known:
        if len(layout.known) >= REMEMBERED:
            layout.known.clear()
        layout.known[key] = _difference(layout, field), field.geometry, field.boundary  # kept, so that ids stay theirs
    return layout.known[key][0]


def _difference(layout: Layout, field: Field) -> str:
    if not field.is_grid:
        return "it does not live on a grid"
    theirs = Layout(layout.name, field)
    if (theirs.staggered, theirs.resolution) != (layout.staggered, layout.resolution):
        return f"it is {_kind(theirs)}, not {_kind(layout)}"
    if field.bounds.lower.available and field.bounds.upper.available:
        theirs.resolution = layout.resolution  # in the same order
        if not np.allclose(theirs.box, layout.box, rtol=1e-5, atol=1e-6 * np.abs(layout.box).max()):
            return f"its box is {_box(theirs)}, not {_box(layout)}"
    for component in layout.components:
        sides = [d + end for d in layout.dims for end in "-+"]
        for a, b, side in zip(theirs.leaves(component), layout.leaves(component), sides, strict=True):
            if not _same(a, b):
                of = f" (component {component})" if component else ""
                return f"its boundary at {side}{of} is {_line(a)}, not {_line(b)}"
    return ""


def continuation(layout: Layout) -> dict[str, np.ndarray]:
    """
    What a boundary makes of known values, different in every place, by array, axis and side (`velocity.y x+`): float64,
    the layer beyond that side. It is the same for boundaries that are written differently and do the same.
    """
    result, dims = {}, sorted(layout.dims)
    with math.NUMPY, math.precision(64):
        for name, component in zip(layout.arrays, layout.components, strict=True):
            sizes = dict(zip(layout.dims, layout.shape(component), strict=True))
            shape = [sizes[d] for d in dims]
            known = math.wrap(np.arange(1.0, np.prod(shape) + 1).reshape(shape), *[spatial(d) for d in dims])
            widths = {d: (1, 1) for d in layout.dims}
            if component:
                below, above = layout.missing(component)
                widths[component] = 1 + below, 1 + above
            whole = layout.extend(known, component, widths)
            values = whole.numpy([*dims, whole.shape.without(dims)])
            for axis, d in enumerate(dims):
                result |= {f"{name} {d}{end}": np.take(values, at, axis) for end, at in (("-", 0), ("+", -1))}
    return result


def _kind(layout: Layout) -> str:
    cells = ", ".join(f"{d}={n}" for d, n in layout.resolution.items())
    return f"{'staggered' if layout.staggered else 'centred'}, of resolution {cells}"


def _box(layout: Layout) -> str:
    return ", ".join(f"{d}=({a:g}, {b:g})" for d, (a, b) in zip(layout.dims, layout.box, strict=True))


def _line(boundary: Extrapolation) -> str:
    value = getattr(boundary, "value", None)
    if isinstance(value, Tensor) and value.available and not value.shape:
        return f"{float(value):g}"
    text = " ".join(repr(boundary).split())
    return text if len(text) < 60 else f"{type(boundary).__name__}({text[:40]}...)"


def _same(a: Extrapolation, b: Extrapolation) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, ConstantExtrapolation):
        return _close(a.value, b.value)
    if isinstance(getattr(a, "field", None), Field):
        f, g = a.field, b.field
        return f is g or (f.resolution == g.resolution and f.bounds == g.bounds and _close(f.values, g.values))
    try:
        return bool(a == b)
    except NotImplementedError:  # a class of the user's own that does not say
        return True


def _close(a: Tensor, b: Tensor) -> bool:
    if not (a.available and b.available):
        return True
    return a.shape.non_batch == b.shape.non_batch and bool(math.close(a, b, rel_tolerance=1e-5, abs_tolerance=1e-6))
