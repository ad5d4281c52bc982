"""Turbulence that a sine-shaped force drives in a periodic box."""

from three import box

experiment = box(
    "forced_3d", dt=0.2, viscosity=5e-3, warmup=60, forcing="kolmogorov", wave_number=2, drag=0.1, peak=2.0
)
