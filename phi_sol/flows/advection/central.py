"""The central finite-volume scheme."""

from phi.field import Field

from .fluxes import flux_rate


def central(field: Field, velocity: Field, conservative: bool = True) -> Field:
    """
    `-∇·(v f)` with `f = (f_l + f_r) / 2` at the faces. Second order in space on uniform grids.

    Where v is divergence-free and periodic, or no flow crosses the sides, Σ f² stays, too, and with f = v the kinetic
    energy: the scheme adds no viscosity, and what it can't resolve it does not damp.

    Args:
        field: Centred or staggered grid.
        velocity: Staggered grid.
        conservative: False for `-v·∇f`.

    Raises:
        InputError: see `flux_rate`.

    Source: F. H. Harlow, J. E. Welch, "Numerical calculation of time-dependent viscous incompressible flow of fluid
    with free surface", Phys. Fluids 8 (1965).
    """
    return flux_rate(field, velocity, lambda backend, speed, f: 0.5 * (f[0] + f[1]), 1, conservative)
