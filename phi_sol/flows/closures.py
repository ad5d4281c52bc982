"""Closures of the filtered equations: what unresolved eddies do to the flow that a grid resolves."""

from typing import Any

from phi.math.backend import choose_backend

from ..errors import InputError, is_real, quoted
from ..grids.layout import Layout
from ..grids.strain import at_edges, beyond, force, in_cells, strain_rate, strain_size
from ..stepping.state import Fields, State
from .terms import Term


class Closure(Term):
    """
    The force of an eddy viscosity,

        ∂_j (2 ν_t S_ij),   S_ij = (∂_i u_j + ∂_j u_i) / 2,

    second order in space; in a periodic box it keeps momentum. A subclass gives ν_t in cells.
    """

    def rates(self, flow, state: State, weights) -> Fields:
        layout, shape = flow.layouts["velocity"], state.velocity.values.shape.batch
        arrays = layout.to_arrays(state.velocity, shape)
        return {"velocity": layout.to_field(self.forces(layout, arrays), shape)}

    def forces(self, layout: Layout, arrays: dict) -> dict:
        """The force on the stored faces, native arrays by name."""
        strain = strain_rate(layout, arrays)
        return viscous_force(layout, self.viscosity(layout, arrays, strain), strain)

    def viscosity(self, layout: Layout, arrays: dict, strain: dict) -> Any:
        """ν_t in cells, shape (batch, *spatial), in domain units² per time."""
        raise NotImplementedError


def viscous_force(layout: Layout, viscosity, strain: dict) -> dict:
    """`∂_j (2 ν_t S_ij)` on the stored faces, by array name, from ν_t in cells and the rate of strain."""
    around = beyond(layout, viscosity)
    return force(layout, {pair: 2 * at_edges(layout, around, pair) * s for pair, s in strain.items()})


def filter_width(layout: Layout) -> float:
    """Δ: the geometric mean of the cell's edges."""
    product = 1.0
    for h in layout.spacing.values():
        product *= h
    return product ** (1 / len(layout.dims))


class Smagorinsky(Closure):
    """
    Smagorinsky's eddy viscosity `ν_t = (C Δ)² |S|`, with |S| = (2 S_ij S_ij)^(1/2) and Δ the width of a cell.

    Source: J. Smagorinsky, "General circulation experiments with the primitive equations", Mon. Weather Rev. 91 (1963).

    Examples:
        >>> ps.PeriodicBox(y=16, x=16).with_terms(ps.Smagorinsky(0.17))
        PeriodicBox(y=16, x=16, dt=0.01, advection='central')
    """

    def __init__(self, constant: float = 0.17):
        """`constant`: C, at least 0; 0.1 to 0.2 is usual in 3D."""
        if not (is_real(constant) and constant >= 0):
            raise InputError(
                f"The constant of a {type(self).__name__} must be finite and at least 0, not {quoted(constant)}."
            )
        self.constant = float(constant)

    def viscosity(self, layout: Layout, arrays: dict, strain: dict):
        return (self.constant * filter_width(layout)) ** 2 * strain_size(layout, strain)


class DynamicSmagorinsky(Closure):
    """
    Smagorinsky's model with a C² that each state defines, by what a wider filter (that of 2 cells: weights 1/4, 1/2,
    1/4 along each axis) shows of the resolved stresses:

        C² = <L_ij M_ij> / <M_ij M_ij>,   L_ij = ^(u_i u_j) - ^u_i ^u_j,   M_ij = 2 Δ² (^(|S| S_ij) - α² |^S| ^S_ij),

    both without their traces, means over the whole box, at least 0, times `factor`; α = `ratio` is the width of the
    wider filter over Δ.

    Source: M. Germano, U. Piomelli, P. Moin, W. H. Cabot, Phys. Fluids A 3 (1991), and D. K. Lilly, Phys. Fluids A 4
    (1992).

    Examples:
        >>> ps.PeriodicBox(y=16, x=16).with_terms(ps.DynamicSmagorinsky())
        PeriodicBox(y=16, x=16, dt=0.01, advection='central')
    """

    def __init__(self, factor: float = 1.0, ratio: float = 6**0.5):
        """`factor`: of C²; `ratio`: α, of this filter the square root of 6 by its second moment."""
        if not (is_real(factor) and factor >= 0 and is_real(ratio) and ratio > 1):
            raise InputError(f"A {type(self).__name__} needs factor >= 0 and ratio > 1, not {quoted((factor, ratio))}.")
        self.factor, self.ratio = float(factor), float(ratio)

    def viscosity(self, layout: Layout, arrays: dict, strain: dict):
        size, width = strain_size(layout, strain), filter_width(layout)
        squared = self.factor * self._constant(layout, arrays, in_cells(layout, strain), size, width)
        return choose_backend(size).maximum(squared, 0.0) * width**2 * size

    def _constant(self, layout: Layout, arrays: dict, strain: dict, size, width: float):
        """C², shape (batch, 1, ...)."""
        backend = choose_backend(size)
        dims, axes = layout.dims, tuple(range(1, len(layout.dims) + 1))
        velocity = {d: _in_cells(layout, arrays[n], d) for n, d in zip(layout.arrays, dims, strict=True)}
        wide = {d: _filtered(layout, u) for d, u in velocity.items()}
        wide_strain = {pair: _filtered(layout, s) for pair, s in strain.items()}
        wide_size = backend.sqrt(
            backend.maximum(sum((2 if i == j else 4) * s * s for (i, j), s in wide_strain.items()), 1e-30)
        )
        resolved, model = {}, {}
        for i, j in strain:
            resolved[i, j] = _filtered(layout, velocity[i] * velocity[j]) - wide[i] * wide[j]
            model[i, j] = _filtered(layout, size * strain[i, j]) - self.ratio**2 * wide_size * wide_strain[i, j]
            model[i, j] = 2 * width**2 * model[i, j]
        trace = sum(resolved[d, d] for d in dims) / len(dims)
        over: Any = 0.0
        under: Any = 0.0
        for i, j in strain:
            weight, traceless = (1, resolved[i, j] - trace) if i == j else (2, resolved[i, j])
            over = over + weight * traceless * model[i, j]
            under = under + weight * model[i, j] * model[i, j]
        over, under = (backend.sum(x, axes, keepdims=True) for x in (over, under))
        return over / backend.maximum(under, 1e-30)


def _in_cells(layout: Layout, array, d: str):
    faces = layout.pad(array, d)
    before = (slice(None),) * layout.axis(d)
    return 0.5 * (faces[(*before, slice(1, None))] + faces[(*before, slice(None, -1))])


def _filtered(layout: Layout, cells):
    around = beyond(layout, cells)
    for d in layout.dims:
        before = (slice(None),) * layout.axis(d)
        low, middle, high = (around[(*before, slice(*s))] for s in ((None, -2), (1, -1), (2, None)))
        around = 0.25 * low + 0.5 * middle + 0.25 * high
    return around
