"""Turbulence that a sine-shaped force drives in a periodic box (Kolmogorov flow, Re = 1000)."""

from phi_sol import Experiment, PeriodicBox, Schedule

experiment = Experiment(
    name="kolmogorov_2d",
    flow=PeriodicBox,
    source=dict(y=64, x=64),
    ratio=8,  # reference 512x512
    time_ratio=8,
    options=dict(dt=0.016, advection="van_leer", forcing="kolmogorov", drag=0.1),
    reference_options=dict(advection="central"),
    train=dict(seed=tuple(range(8)), viscosity=(1e-3,)),
    test=dict(seed=tuple(range(100, 104)), viscosity=(1e-3,)),
    warmup=2500,  # 40 units of time: until the turbulence no longer remembers its start
    frames=625,  # 10 units of time
    keep_reference_every=625,
    correct=("velocity",),
    schedule=Schedule(network="fast", unroll=16, steps=4000, batch=8, learning_rate=2e-3, relative=True),
)
