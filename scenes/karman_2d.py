"""Karman vortex street behind a cylinder in 2D (the paper's unsteady wake flow)."""

from phi_sol import Experiment, Schedule, WakeFlow

experiment = Experiment(
    name="karman_2d",
    flow=WakeFlow,
    source=dict(y=64, x=32),
    ratio=4,  # reference 256x128
    train=dict(reynolds=tuple(97.65625 * 2**i for i in range(6))),
    test=dict(reynolds=tuple(146.484375 * 2**i for i in range(5))),
    warmup=1000,
    frames=500,
    keep_reference_every=50,
    correct=("velocity",),
    schedule=Schedule(network="small", unroll=8, steps=2000, batch=6, learning_rate=1e-3),
    paper=Schedule(
        network="resnet", unroll=32, steps=93600, batch=3, learning_rate=1e-4, clip=None
    ),  # 100 epochs of 6 simulations
)
