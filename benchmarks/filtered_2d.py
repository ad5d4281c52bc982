"""Scene of `closures.py`: forced turbulence, of which the source resolves large eddies, without numerical viscosity."""

from phi_sol import Experiment, PeriodicBox, Schedule

experiment = Experiment(
    name="filtered_2d",
    flow=PeriodicBox,
    source=dict(y=64, x=64),
    ratio=4,  # reference 256x256
    time_ratio=4,
    options=dict(dt=0.016, advection="central", forcing="kolmogorov", drag=0.1),
    train=dict(seed=tuple(range(6)), viscosity=(1e-3,)),
    test=dict(seed=(100, 101, 102), viscosity=(1e-3,)),
    warmup=1250,  # 20 units of time
    frames=625,  # 10 units of time
    keep_reference_every=625,
    correct=("velocity",),
    schedule=Schedule(network="fast", unroll=16, steps=2000, batch=8, learning_rate=1e-3),
)
