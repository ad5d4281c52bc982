"""
The sides of a boundary condition: what continues a field beyond each of them, of which component, also of slices.
`grids.layout` is who asks.
"""

from collections.abc import Sequence

from phi.field import Field
from phi.math import batch, extrapolation
from phi.math.extrapolation import (
    Extrapolation,
    combine_by_direction,
    combine_sides,
    domain_slice,
    get_normal,
    get_tangential,
)

PERIODIC, OPEN, CLOSED, OTHER = "periodic", "open", "closed", "other"

COPIES = type(extrapolation.PERIODIC), type(extrapolation.ZERO_GRADIENT)


def at_side(boundary: Extrapolation, dim: str, upper: bool, component: str | None = None) -> Extrapolation:
    """What a boundary says at one side, as a whole, or of one component of a vector (empty: of a scalar)."""
    side = boundary._getitem_with_domain({}, dim, upper, ())  # as PhiML's own `domain_slice` does
    if not component:
        return side
    return (get_normal if component == dim else get_tangential)(side)[{"vector": component}]


def side_of(boundary: Extrapolation, dim: str, upper: bool) -> str:
    """
    What continues a field (of a vector: its normal component) beyond one side: `periodic`, the other end; `open`, the
    values inside; `closed`, values that don't depend on those inside; `other`, mirrored or mixed ones.
    """
    normal = get_normal(at_side(boundary, dim, upper))
    for kind, name in zip(COPIES, (PERIODIC, OPEN), strict=True):
        if isinstance(normal, kind):
            return name
    other = normal is extrapolation.NONE or normal.is_copy_pad(dim, upper) or normal.is_flexible
    return OTHER if other else CLOSED


_Mixed, _Directed = type(combine_sides(x=0, y=1)), type(combine_by_direction(0, 1))  # classes that PhiML makes


class _Wall(_Directed):  # type: ignore[misc, valid-type]
    """
    A boundary at one axis with different normal and tangential parts, which knows its axis: PhiML asks for it by the
    key of its side, and takes everything for tangential once a slice has merged the keys `x-` and `x+` of equal sides.
    """

    def __init__(self, given: Extrapolation, dim: str):
        super().__init__(get_normal(given), get_tangential(given))
        self.dim = dim

    def _getitem_with_domain(self, item: dict, dim: str, upper_edge: bool, all_dims: Sequence[str]) -> Extrapolation:
        component, rest = item.get("vector"), {d: i for d, i in item.items() if d != "vector"}
        component = all_dims[component] if isinstance(component, int) else component
        if isinstance(component, str) and "," not in component:
            return (self.normal if component == self.dim else self.tangential)[rest]
        return _wall(combine_by_direction(self.normal[rest], self.tangential[rest]), self.dim)

    def __eq__(self, other):
        return super().__eq__(other) and getattr(other, "dim", self.dim) == self.dim

    __hash__ = _Directed.__hash__

    def spatial_gradient(self) -> Extrapolation:
        return _wall(super().spatial_gradient(), self.dim)

    def _op2(self, other, operator):
        return _wall(super()._op2(other, operator), self.dim)

    def __abs__(self):
        return _wall(super().__abs__(), self.dim)

    def __neg__(self):
        return _wall(super().__neg__(), self.dim)


def _wall(boundary: Extrapolation, dim: str) -> Extrapolation:
    """What a boundary is at an axis: a wall that knows it, where its parts differ."""
    return _Wall(boundary, dim) if isinstance(boundary, _Directed) else boundary


class _Sides(_Mixed):  # type: ignore[misc, valid-type]
    """
    A boundary with an entry for every side, also where all are the same. Operators see the right one of normal and
    tangential at each of them, also of a slice; and boundaries can be added, however their sides are written.
    """

    def __init__(self, given: Extrapolation, dims: Sequence[str]):
        Extrapolation.__init__(self, None)
        self.given = given
        self.ext = {d + end: _wall(at_side(given, d, end == "+"), d) for d in dims for end in "-+"}

    def __value_attrs__(self):
        return "ext", "given"

    def to_dict(self) -> dict:
        return self.given.to_dict()

    def spatial_gradient(self) -> Extrapolation:
        return by_side(self.given.spatial_gradient(), self._dims)

    def _op2(self, other, operator):
        a, b = self.given, getattr(other, "given", other)
        if isinstance(b, _Mixed) and getattr(a, "ext", {}).keys() != b.ext.keys():
            a, b = ({k: at_side(e, k[:-1], k[-1] == "+") for k in self.ext} for e in (self, other))
            return by_side(combine_sides({k: operator(a[k], b[k]) for k in self.ext}), self._dims)
        return by_side(operator(a, b), self._dims)

    # of two operands the right one is asked first only where its class has methods of its own

    def __radd__(self, other):
        return self._op2(other, lambda a, b: b + a)

    def __rsub__(self, other):
        return self._op2(other, lambda a, b: b - a)

    def __rmul__(self, other):
        return self._op2(other, lambda a, b: b * a)

    def __rtruediv__(self, other):
        return self._op2(other, lambda a, b: b / a)

    def __abs__(self):
        return by_side(abs(self.given), self._dims)

    def __neg__(self):
        return by_side(-self.given, self._dims)


def by_side(boundary: Extrapolation, dims: Sequence[str]) -> Extrapolation:
    """A boundary that differs between sides or components, as one that keeps its sides apart whatever is done to it."""
    apart = not isinstance(boundary, _Sides) and isinstance(boundary, _Mixed | _Directed)
    return _Sides(boundary, dims) if apart else boundary


def sliced(field: Field, item: dict) -> Field:
    """
    As `field[item]`, but of a boundary as somebody wrote it the sides stay apart, too; and a grid and a boundary that
    are the same for a whole batch stay the very same ones.
    """
    item = {d: selection for d, selection in item.items() if d in field.shape}
    if set(item) - set(batch(field.shape).names):
        return field.with_boundary(by_side(field.boundary, field.resolution.names))[item]
    geometry = field.geometry[item] if set(item) & set(field.geometry.shape.names) else field.geometry
    boundary = field.boundary
    if set(item) & set(boundary.shape.names):
        boundary = domain_slice(by_side(boundary, field.resolution.names), item, field.resolution.names)
    return Field(geometry, field.values[item], boundary)
