"""Buoyant smoke in 3D, with a source that takes 8 times longer steps than its reference."""

from phi_sol import BuoyantPlume, Experiment, Schedule

experiment = Experiment(
    name="smoke_3d",
    flow=BuoyantPlume,
    source=dict(y=32, x=16, z=16),
    ratio=4,  # reference 128x64x64
    time_ratio=8,
    options=dict(dt=8.0, advection="mac_cormack"),
    train=dict(seed=tuple(range(128)), buoyancy=(0.03,)),
    test=dict(seed=tuple(range(1000, 1003)), buoyancy=(0.03,)),
    warmup=0,
    frames=38,  # 304 units of time
    keep_reference_every=19,
    correct=("velocity", "marker"),
    schedule=Schedule(network="fast", unroll=4, steps=3600, batch=4, learning_rate=2e-3, clip=100.0, relative=True),
)
