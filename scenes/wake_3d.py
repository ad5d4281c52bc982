"""Wake of an inclined cylinder in 3D, with a source that takes 8 times longer steps than its reference."""

from phi_sol import Experiment, Schedule, WakeFlow

RANGE = [round(50 * 5 ** (i / 10), 1) for i in range(11)]  # Re by radius, 50 to 250 in equal ratios

experiment = Experiment(
    name="wake_3d",
    flow=WakeFlow,
    source=dict(y=32, x=16, z=16),
    ratio=4,  # reference 128x64x64
    time_ratio=8,
    options=dict(dt=8.0, obstacle="inclined"),
    reference_options=dict(advection="mac_cormack"),
    train=dict(reynolds=tuple(RANGE[::2])),
    test=dict(reynolds=tuple(RANGE[i] for i in (1, 5, 9))),
    warmup=38,  # 304 units of time
    frames=100,  # 800
    keep_reference_every=20,
    correct=("velocity",),
    schedule=Schedule(network="fast", unroll=8, steps=4000, batch=4, learning_rate=2e-3),
)
