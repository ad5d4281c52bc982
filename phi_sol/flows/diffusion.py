"""The Laplacian of a field, as a rate."""

from phi import math
from phi.field import Field
from phi.math import dual

from ..grids.layout import Layout, native_of, tensor_of
from .advection.fluxes import surrounded


def laplacian(field: Field) -> Field:
    """
    `∇²f = Σ_d (f_{+} - 2 f + f_{-}) / dx_d²` of a centred field or of each component of a staggered one, with the
    values that its boundary gives beyond the sides. Second order.
    """
    layout, results = Layout("field", field), []
    for component in layout.components:
        padded = surrounded(layout, field, component, 1)
        shape = padded.shape.without(layout.dims)
        around, total = native_of(padded, shape, layout.dims), 0.0
        for d, h in layout.spacing.items():
            low, middle, high = (around[_inside(layout, d, k, around.shape)] for k in (0, 1, 2))
            total = total + (high - 2 * middle + low) / h**2
        results.append(tensor_of(layout.strip(total, component), shape, layout.dims))
    return field.with_values(math.stack(results, dual(vector=layout.dims)) if layout.staggered else results[0])


def _inside(layout: Layout, d: str, start: int, sizes) -> tuple[slice, ...]:
    """Without the layers around; along d from `start` on."""
    begin = {e: start if e == d else 1 for e in layout.dims}
    return (slice(None), *(slice(begin[e], sizes[layout.axis(e)] - 2 + begin[e]) for e in layout.dims))
