"""Forced advection-diffusion: a velocity that carries itself, driven by travelling waves."""

from wakes import SCHEDULE

from phi_sol import Experiment, ForcedAdvection

experiment = Experiment(
    name="waves_2d",
    flow=ForcedAdvection,
    source=dict(y=32, x=32),
    ratio=4,
    time_ratio=16,
    options=dict(dt=1.6),
    reference_options=dict(advection="mac_cormack"),
    train=dict(seed=tuple(range(16)), viscosity=(0.1,), amplitude=(0.15,)),
    test=dict(seed=(100, 101), viscosity=(0.1,), amplitude=(0.15,)),
    warmup=5,
    frames=40,
    keep_reference_every=40,
    correct=("velocity",),
    schedule=SCHEDULE,
)
