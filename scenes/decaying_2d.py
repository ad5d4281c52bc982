"""Decaying vortices in a periodic box in 2D: small enough to compare families of methods in minutes."""

from phi_sol import Experiment, PeriodicBox, Schedule

VISCOSITIES = (0.005, 0.006, 0.0072, 0.0086, 0.0103, 0.0124, 0.0149, 0.02)

experiment = Experiment(
    name="decaying_2d",
    flow=PeriodicBox,
    source=dict(y=32, x=32),
    ratio=4,  # reference 128x128
    time_ratio=8,
    options=dict(dt=0.1, advection="central", peak=2.0, spread=0.5),
    train=dict(seed=tuple(range(8)), viscosity=VISCOSITIES),
    test=dict(seed=(100, 101, 102), viscosity=(0.0066, 0.0095, 0.0135)),
    warmup=0,  # from the start, which a physics-informed network has to know
    frames=20,  # 2 units of time
    keep_reference_every=20,
    correct=("velocity",),
    schedule=Schedule(network="fast", unroll=8, steps=3000, batch=8, learning_rate=2e-3),
)
