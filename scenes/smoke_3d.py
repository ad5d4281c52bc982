"""Buoyant smoke in 3D, with a source that takes 4 times longer steps than its reference."""

from phi_sol import BuoyantPlume, Experiment, Schedule

experiment = Experiment(
    name="smoke_3d",
    flow=BuoyantPlume,
    source=dict(y=32, x=16, z=16),
    ratio=4,  # reference 128x64x64
    time_ratio=4,
    options=dict(dt=4.0, advection="mac_cormack"),
    train=dict(seed=tuple(range(10)), buoyancy=(0.03,)),
    test=dict(seed=tuple(range(100, 103)), buoyancy=(0.03,)),
    warmup=0,
    frames=75,  # 300 units of time
    keep_reference_every=25,
    correct=("velocity", "marker"),
    schedule=Schedule(network="fast", unroll=4, steps=2000, batch=4, learning_rate=1e-3, clip=100.0, relative=True),
)
