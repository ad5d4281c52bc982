"""Wake of an inclined cylinder in 3D, with a source that takes 10 times longer steps than its reference."""

from phi_sol import Experiment, Schedule, WakeFlow

RANGE = [round(100 * 10 ** (i / 14), 1) for i in range(12)]  # Re by radius, 100 to 611 in equal ratios

experiment = Experiment(
    name="wake_3d",
    flow=WakeFlow,
    source=dict(y=32, x=16, z=16),
    ratio=4,  # reference 128x64x64
    time_ratio=10,
    options=dict(dt=10.0, obstacle="inclined"),
    reference_options=dict(advection="mac_cormack"),
    train=dict(reynolds=tuple(RANGE[::2])),
    test=dict(reynolds=tuple(RANGE[i] for i in (1, 5, 9))),
    warmup=30,  # 300 units of time
    frames=50,
    keep_reference_every=10,
    correct=("velocity",),
    schedule=Schedule(network="fast", unroll=4, steps=2000, batch=4, learning_rate=1e-3, clip=1.0),
)
