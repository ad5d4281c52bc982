"""Smoke that rises in a closed box, as `smoke_2d`, with the source's lookups of the other flows."""

from wakes import SCHEDULE

from phi_sol import BuoyantPlume, Experiment

experiment = Experiment(
    name="plumes_2d",
    flow=BuoyantPlume,
    source=dict(y=64, x=32),
    ratio=4,
    time_ratio=16,
    options=dict(dt=8.0),
    reference_options=dict(advection="mac_cormack"),
    train=dict(seed=tuple(range(16)), buoyancy=(0.03,)),
    test=dict(seed=(1000, 1001), buoyancy=(0.03,)),
    warmup=0,
    frames=40,
    keep_reference_every=40,
    correct=("velocity",),
    schedule=SCHEDULE,
)
