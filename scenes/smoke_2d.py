"""Buoyant smoke in 2D, with a source that takes 8 times longer steps than its reference."""

from phi_sol import BuoyantPlume, Experiment, Schedule

experiment = Experiment(
    name="smoke_2d",
    flow=BuoyantPlume,
    source=dict(y=64, x=32),
    ratio=4,  # reference 256x128
    time_ratio=8,
    options=dict(dt=4.0, advection="mac_cormack"),
    train=dict(seed=tuple(range(32)), buoyancy=(0.03,)),
    test=dict(seed=tuple(range(100, 105)), buoyancy=(0.03,)),
    warmup=0,
    frames=75,  # 300 units of time
    keep_reference_every=25,
    correct=("velocity", "marker"),
    schedule=Schedule(network="fast", unroll=8, steps=3000, batch=8, learning_rate=2e-3, clip=100.0, relative=True),
)
