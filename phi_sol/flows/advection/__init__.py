"""
Schemes of advection, one a file. Lookups follow the flow backwards and take a step of any length; fluxes give a rate,
which a Runge-Kutta method integrates (`flows/runge_kutta.py`), for steps that a Courant number limits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .central import central
from .lookup import REACH as REACH
from .mac_cormack import mac_cormack
from .semi_lagrangian import semi_lagrangian
from .van_leer import van_leer


@dataclass(frozen=True)
class Scheme:
    """
    Attributes:
        order: Order of accuracy in space, for smooth fields.
        moved: The field after a step: of (field, velocity, dt, reach). None for a scheme of fluxes.
        rate: Its rate of change: of (field, velocity, conservative). None for a scheme of lookups.
        courant: Greatest `Σ_d |v_d| dt / dx_d` of a step of fluxes; None: the method's (`Method.imaginary`).
        damping: How fast it damps the shortest waves, times `Σ_d |v_d| / dx_d`; diffusion adds to it.
    """

    order: int
    moved: Callable | None = None
    rate: Callable | None = None
    courant: float | None = None
    damping: float = 0.0


SCHEMES = {
    "semi_lagrangian": Scheme(1, moved=semi_lagrangian),
    "mac_cormack": Scheme(2, moved=mac_cormack),
    "central": Scheme(2, rate=central),  # its eigenvalues are imaginary
    "van_leer": Scheme(2, rate=van_leer, courant=1.0, damping=2.0),
}
