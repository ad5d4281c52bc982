"""The balance of fluxes through the faces of control volumes, which the finite-volume schemes share."""

from collections.abc import Callable
from typing import Any

from phi import math
from phi.field import Field
from phi.math import Shape, Tensor, dual
from phi.math.backend import choose_backend
from phi.math.extrapolation import ZERO_GRADIENT

from ...errors import InputError, quoted
from ...grids.layout import OTHER, Layout, native_of, side_of, tensor_of

Faces = Callable[[Any, Any, list], Any]
"""Values at faces, from a PhiML backend, the velocity there, and the values in order around each face."""


def flux_rate(field: Field, velocity: Field, faces: Faces, width: int, conservative: bool = True) -> Field:
    """
    `-∇·(v f)`: for each control volume, a cell or the volume around a face, what flows in through its faces,

        -Σ_d (v_d f |_{+} - v_d f |_{-}) / dx_d,

    with v at the faces of the volumes by the mean of the two nearest values. What leaves one volume enters the next, so
    that sums over a periodic domain stay; `conservative` false adds `f ∇·v`, which makes it `-v·∇f`.

    Args:
        field: Centred or staggered grid.
        velocity: Staggered grid with the same cells.
        faces: Gives f at the faces from `2 width` values around each.
        width: Values on each side of a face that it needs, 1 or 2.

    Raises:
        InputError: for boundaries that mirror or mix values, or a velocity that is not staggered.
    """
    if not velocity.is_staggered:
        raise InputError("Finite-volume schemes need the velocity on the faces of cells: a staggered one.")
    own, carrier = Layout("field", field), Layout("velocity", velocity)
    same = field is velocity
    around = {c: surrounded(own, field, c, width) for c in own.components}
    carried = around if same else {d: surrounded(carrier, velocity, d, 1) for d in carrier.dims}
    shape = math.merge_shapes(*[t.shape.without(own.dims) for t in (*around.values(), *carried.values())])
    values = {c: native_of(t, shape, own.dims) for c, t in around.items()}
    speeds = values if same else {d: native_of(t, shape, own.dims) for d, t in carried.items()}
    balance = _Balance(own, faces, width, speeds, width if same else 1)
    rates = [_tensor(own, balance.rate(c, values[c], conservative), c, shape) for c in own.components]
    return field.with_values(math.stack(rates, dual(vector=own.dims)) if own.staggered else rates[0])


def surrounded(layout: Layout, field: Field, component: str, width: int) -> Tensor:
    """A component on all n + 1 faces across its axis, with `width` more layers: one by its boundary, then copies."""
    for side in layout.leaves(component):
        if side_of(side, component, False) == OTHER:
            raise InputError(f"Fluxes know constant, zero-gradient and periodic boundaries, not {quoted(str(side))}.")
    values = field.values[{"~vector": component}] if component else field.values
    first = {d: width if layout.is_periodic(d) else 1 for d in layout.dims}
    missing = {d: layout.missing(d) if d == component else (0, 0) for d in layout.dims}
    # the last axis first: XLA copies parts of what is padded last, which is faster row by row
    widths = {d: (n + missing[d][0], n + missing[d][1]) for d, n in reversed(first.items())}
    padded = layout.extend(values, component, widths)
    more = {d: (width - n,) * 2 for d, n in first.items() if n < width}
    return math.pad(padded, more, ZERO_GRADIENT) if more else padded


def _tensor(layout: Layout, native, component: str, shape: Shape) -> Tensor:
    return tensor_of(layout.strip(native, component), shape, layout.dims)


class _Balance:
    """The rates of control volumes from native arrays (batch, *spatial) with layers around them."""

    def __init__(self, layout: Layout, faces: Faces, width: int, speeds: dict, margin: int):
        self.layout, self.faces, self.width = layout, faces, width
        self.speeds, self.margin = speeds, margin  # velocity by axis, with so many layers around

    def rate(self, component: str, values, conservative: bool):
        total: Any = 0.0
        for d, h in self.layout.spacing.items():
            first = 1 if d == component else 0  # volumes around faces begin half a cell earlier
            counts = self._counts(component) | {d: self.layout.resolution[d] + 1 + first}
            speed = self._speed(component, d, counts)
            around = [self._part(values, self.width, counts, {d: k - self.width}) for k in range(2 * self.width)]
            flux = speed * self.faces(choose_backend(values), speed, around)
            low, high = (self._shifted(flux, d, k) for k in (0, 1))
            total = total - (high - low) / h
            if not conservative:
                low, high = (self._shifted(speed, d, k) for k in (0, 1))
                total = total + self._part(values, self.width, self._counts(component), {}) * ((high - low) / h)
        return total

    def _counts(self, component: str) -> dict[str, int]:
        """Volumes along each axis."""
        return {d: n + (d == component) for d, n in self.layout.resolution.items()}

    def _speed(self, component: str, d: str, counts: dict[str, int]):
        """The velocity along d at the faces of the volumes that are normal to it."""
        values = self.speeds[d]
        if not component:
            return self._part(values, self.margin, counts, {})
        low, high = (self._part(values, self.margin, counts, {component: k}) for k in (-1, 0))
        return 0.5 * (low + high)

    def _part(self, array, margin: int, counts: dict[str, int], start: dict[str, int]):
        """So many entries along each axis, from `start` on, of an array with `margin` layers around."""
        begin = {d: margin + start.get(d, 0) for d in counts}
        return array[(slice(None), *(slice(begin[d], begin[d] + n) for d, n in counts.items()))]

    def _shifted(self, array, d: str, k: int):
        """All entries along d but the last (k = 0) or the first (k = 1)."""
        return array[(slice(None),) * self.layout.axis(d) + (slice(k, array.shape[self.layout.axis(d)] - 1 + k),)]
