"""Decaying turbulence in a periodic box."""

from three import box

experiment = box("turbulence_3d", dt=0.2, viscosity=5e-3, warmup=5, peak=2.5, spread=0.7)
