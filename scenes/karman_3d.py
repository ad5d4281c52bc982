"""Wake of an inclined cylinder in 3D: oblique vortices (the paper's 3D wake, whose cylinder stands upright)."""

from phi_sol import Experiment, Schedule, WakeFlow

experiment = Experiment(
    name="karman_3d",
    flow=WakeFlow,
    source=dict(y=32, x=16, z=16),
    ratio=4,  # reference 128x64x64
    train=dict(reynolds=tuple(97.65625 * 2**i for i in range(4))),
    test=dict(reynolds=tuple(146.484375 * 2**i for i in range(3))),
    warmup=300,
    frames=200,
    keep_reference_every=50,
    correct=("velocity",),
    schedule=Schedule(network="small", unroll=4, steps=1000, batch=3, learning_rate=1e-3),
    options=dict(obstacle="inclined"),  # or "cylinder", "sphere"
)
