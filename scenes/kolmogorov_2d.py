"""Turbulence that a sine-shaped force drives in a periodic box (Kolmogorov flow, Re = 1000)."""

from phi_sol import Experiment, PeriodicBox, Schedule

experiment = Experiment(
    name="kolmogorov_2d",
    flow=PeriodicBox,
    source=dict(y=64, x=64),
    ratio=8,  # reference 512x512
    time_ratio=8,
    options=dict(dt=0.032, advection="central", integrator="rk4", forcing="kolmogorov", drag=0.1),
    train=dict(seed=tuple(range(12)), viscosity=(1e-3,)),
    test=dict(seed=tuple(range(100, 104)), viscosity=(1e-3,)),
    warmup=625,  # 20 units of time
    frames=312,  # 10 units of time
    keep_reference_every=312,
    correct=("velocity",),
    schedule=Schedule(
        network="fast",
        unroll=16,
        steps=2000,
        batch=8,
        learning_rate=2e-3,
        form="stress",
        gradient_loss=30.0,
        push_forward=32,
    ),
)
