"""Decaying turbulence in 3D: waves in a periodic box that break up into smaller and smaller eddies."""

from phi_sol import Experiment, PeriodicBox, Schedule

experiment = Experiment(
    name="decaying_3d",
    flow=PeriodicBox,
    source=dict(y=32, x=32, z=32),
    ratio=4,  # reference 128x128x128
    time_ratio=4,
    options=dict(dt=0.04, advection="van_leer", peak=2.0, spread=0.5),
    reference_options=dict(advection="central"),
    train=dict(seed=tuple(range(4)), viscosity=(2e-3,)),
    test=dict(seed=tuple(range(100, 102)), viscosity=(2e-3,)),
    warmup=50,  # 2 units of time: until the smallest eddies are there
    frames=100,  # 4 units of time
    keep_reference_every=100,
    correct=("velocity",),
    schedule=Schedule(network="fast", unroll=4, steps=2000, batch=3, learning_rate=1e-3, relative=True),
)
