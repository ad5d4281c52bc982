"""Buoyant plume in 3D: smoke of random volumes rises in a closed box and stirs the air."""

from phi_sol import BuoyantPlume, Experiment, Schedule

experiment = Experiment(
    name="plume_3d",
    flow=BuoyantPlume,
    source=dict(y=32, x=16, z=16),
    ratio=4,  # reference 128x64x64
    train=dict(seed=tuple(range(6)), buoyancy=(0.03,)),
    test=dict(seed=tuple(range(100, 103)), buoyancy=(0.03,)),
    warmup=0,
    frames=200,
    keep_reference_every=50,
    correct=("velocity", "marker"),
    schedule=Schedule(network="small", unroll=4, steps=1000, batch=3, learning_rate=1e-3),
)
