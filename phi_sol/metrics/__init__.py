"""
Measures of flow fields: pure functions on NumPy arrays.

All of them take arrays by name as `phi_sol.stepping` has them (`velocity.y`, `velocity.x`, `marker`), of shape
(simulations, *spatial), and the flow that they belong to, which gives grid, boundary conditions and obstacles.
`arrays_of(flow, state)` makes them from PhiFlow fields. Results have one entry per simulation. Several frames can be
given at once as so many simulations.

What an evaluation measures are the `Metric`s of `METRICS`, each a function with its name, unit, direction and column.

Examples:
    >>> arrays = ps.metrics.arrays_of(flow, start)
    >>> ps.metrics.kinetic_energy(flow, arrays).shape
    (1,)
"""

from .bodies import body_forces
from .budgets import ENERGY_BUDGET, ENSTROPHY_BUDGET, energy_budget, enstrophy_budget
from .energy import KINETIC_ENERGY, SPECTRUM, energy_spectrum, kinetic_energy, resolved, spectral_error
from .errors import MAE, RELATIVE_L2, RMSE, mean_absolute_error, relative_l2, root_mean_square_error
from .forces import acceleration, force, force_coefficient, force_per_obstacle, pressure
from .grid import DIVERGENCE, MARKER_MASS, arrays_of, axis_of, centred, divergence, divergence_norm, faces, total
from .metric import Metric
from .projected import solid_cells, step_pressure
from .series import series, write_series
from .vortices import CORRELATION, ENSTROPHY, curl, curls, enstrophy, time_until_below, vorticity, vorticity_correlation
from .wake_measures import WAKE
from .wakes import dominant_frequency, line, mean_and_fluctuation, probe, strouhal_error, strouhal_number

__all__ = ["METRICS", "Metric", "arrays_of", "axis_of", "centred", "divergence", "divergence_norm", "faces", "total"]
__all__ += ["energy_budget", "enstrophy_budget"]
__all__ += ["energy_spectrum", "kinetic_energy", "resolved", "spectral_error"]
__all__ += ["mean_absolute_error", "relative_l2", "root_mean_square_error"]
__all__ += ["acceleration", "body_forces", "force", "force_coefficient", "force_per_obstacle", "pressure"]
__all__ += ["solid_cells", "step_pressure"]
__all__ += ["series", "write_series"]
__all__ += ["curl", "curls", "enstrophy", "time_until_below", "vorticity", "vorticity_correlation"]
__all__ += ["dominant_frequency", "line", "mean_and_fluctuation", "probe", "strouhal_error", "strouhal_number"]

_KNOWN = [MAE, RMSE, RELATIVE_L2, CORRELATION, SPECTRUM, KINETIC_ENERGY, ENSTROPHY, DIVERGENCE, MARKER_MASS, WAKE]
_KNOWN += [ENERGY_BUDGET, ENSTROPHY_BUDGET]
METRICS = {m.name: m for m in _KNOWN}
