"""Wake of a cylinder in 2D, with a source that takes 20 times longer steps than its reference."""

from phi_sol import Experiment, Schedule, WakeFlow

RANGE = [round(100 * 10 ** (i / 14), 1) for i in range(15)]  # Re by radius, 100 to 1000 in equal ratios

experiment = Experiment(
    name="wake_2d",
    flow=WakeFlow,
    source=dict(y=64, x=32),
    ratio=4,  # reference 256x128
    time_ratio=20,
    options=dict(dt=10.0),
    reference_options=dict(advection="mac_cormack"),
    train=dict(reynolds=tuple(RANGE[::2])),
    test=dict(reynolds=tuple(RANGE[i] for i in (1, 5, 7, 11, 13))),
    warmup=100,  # 1000 units of time
    frames=100,
    keep_reference_every=50,
    correct=("velocity",),
    schedule=Schedule(network="faster", unroll=4, steps=6000, batch=8, learning_rate=2e-3, clip=1.0),
)
