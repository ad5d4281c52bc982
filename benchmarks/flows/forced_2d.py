"""Turbulence that a sine-shaped force drives in a periodic box (Kolmogorov flow)."""

from boxes import box

experiment = box("forced_2d", dt=0.1, viscosity=2e-3, warmup=150, forcing="kolmogorov", drag=0.1)
