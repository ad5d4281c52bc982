"""Forced advection-diffusion in 2D: a periodic velocity that carries itself, driven by travelling waves."""

from phi_sol import Experiment, ForcedAdvection, Schedule

experiment = Experiment(
    name="forced_advection_2d",
    flow=ForcedAdvection,
    source=dict(y=32, x=32),
    ratio=4,  # reference 128x128
    train=dict(seed=tuple(range(10)), viscosity=(0.1,), amplitude=(0.15,)),
    test=dict(seed=tuple(range(100, 105)), viscosity=(0.1,), amplitude=(0.15,)),
    warmup=30,
    frames=200,
    keep_reference_every=50,
    correct=("velocity",),
    schedule=Schedule(network="small", unroll=8, steps=2000, batch=6, learning_rate=1e-3),
    paper=Schedule(
        network="resnet", unroll=32, steps=33600, batch=5, learning_rate=1e-4, clip=None
    ),  # 100 epochs of 10 simulations
)
