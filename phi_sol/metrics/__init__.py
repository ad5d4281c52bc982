"""
Measures of flow fields: pure functions on NumPy arrays.

All of them take arrays by name as `phi_sol.stepping` has them (`velocity.y`, `velocity.x`, `marker`), of shape
(simulations, *spatial), and the flow that they belong to, which gives grid, boundary conditions and obstacles.
`arrays_of(flow, state)` makes them from PhiFlow fields:

    from phi_sol.evaluation import metrics
    arrays = metrics.arrays_of(flow, state)
    metrics.kinetic_energy(flow, arrays)

Results have one entry per simulation. Several frames can be given at once as so many simulations.
"""

from .energy import energy_spectrum, kinetic_energy, resolved, spectral_error
from .errors import mean_absolute_error, relative_l2, root_mean_square_error
from .forces import acceleration, force, force_coefficient, pressure
from .grid import arrays_of, axis_of, centred, divergence, divergence_norm, faces, total
from .vortices import curl, curls, enstrophy, time_until_below, vorticity, vorticity_correlation
from .wakes import dominant_frequency, line, mean_and_fluctuation, probe, strouhal_error, strouhal_number

__all__ = [
    "acceleration",
    "arrays_of",
    "axis_of",
    "centred",
    "curl",
    "curls",
    "divergence",
    "divergence_norm",
    "dominant_frequency",
    "energy_spectrum",
    "enstrophy",
    "faces",
    "force",
    "force_coefficient",
    "kinetic_energy",
    "line",
    "mean_absolute_error",
    "mean_and_fluctuation",
    "pressure",
    "probe",
    "relative_l2",
    "resolved",
    "root_mean_square_error",
    "spectral_error",
    "strouhal_error",
    "strouhal_number",
    "time_until_below",
    "total",
    "vorticity",
    "vorticity_correlation",
]
