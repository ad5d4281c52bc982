"""Buoyant plume in 2D: smoke of random volumes rises in a closed box and stirs the air."""

from phi_sol import BuoyantPlume, Experiment, Schedule

experiment = Experiment(
    name="plume_2d",
    flow=BuoyantPlume,
    source=dict(y=64, x=32),
    ratio=4,  # reference 256x128
    train=dict(seed=tuple(range(10)), buoyancy=(0.03,)),
    test=dict(seed=tuple(range(100, 105)), buoyancy=(0.03,)),
    warmup=0,
    frames=300,
    keep_reference_every=50,
    correct=("velocity", "marker"),
    schedule=Schedule(network="small", unroll=8, steps=2000, batch=6, learning_rate=1e-3),
)
