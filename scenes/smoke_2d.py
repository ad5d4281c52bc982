"""Buoyant smoke in 2D, with a source that takes 16 times longer steps than its reference."""

from phi_sol import BuoyantPlume, Experiment, Schedule

experiment = Experiment(
    name="smoke_2d",
    flow=BuoyantPlume,
    source=dict(y=64, x=32),
    ratio=4,  # reference 256x128
    time_ratio=16,
    options=dict(dt=8.0, advection="mac_cormack"),
    train=dict(seed=tuple(range(128)), buoyancy=(0.03,)),
    test=dict(seed=tuple(range(1000, 1005)), buoyancy=(0.03,)),
    warmup=0,
    frames=38,  # 304 units of time
    keep_reference_every=19,
    correct=("velocity", "marker"),
    schedule=Schedule(network="fast", unroll=8, steps=8000, batch=8, learning_rate=2e-3, clip=100.0, relative=True),
)
