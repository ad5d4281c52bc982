"""Decaying turbulence in a periodic box."""

from boxes import box

experiment = box("turbulence_2d", dt=0.1, viscosity=1e-3, warmup=10, peak=4.0, spread=1.0)
