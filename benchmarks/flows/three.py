"""What the flows of three dimensions have in common: grids and steps of `wake_3d`, fewer and shorter simulations."""

from phi_sol import Experiment, PeriodicBox, Schedule, WakeFlow

REYNOLDS, TESTED = (50.0, 85.5, 146.2, 250.0), (69.0, 181.2)
SCHEDULE = Schedule(network="fast", unroll=4, steps=4000, batch=4, learning_rate=2e-3, clip=1.0, relative=True)


def wake(name: str, **options) -> Experiment:
    """Four simulations of 40 frames to train on, and two to test. The first frame is of a developed wake."""
    return Experiment(
        name=name,
        flow=WakeFlow,
        source=dict(y=32, x=16, z=16),
        ratio=4,
        time_ratio=8,
        options=dict(dt=8.0) | options,
        reference_options=dict(advection="mac_cormack"),
        train=dict(reynolds=REYNOLDS),
        test=dict(reynolds=TESTED),
        warmup=round(38 / options.get("speed", 1.0)),
        frames=40,
        keep_reference_every=40,
        correct=("velocity",),
        schedule=SCHEDULE,
    )


def box(name: str, dt: float, viscosity: float, warmup: int, **options) -> Experiment:
    """A periodic box with lookups, as the wakes; four simulations of 40 frames to train on, and two to test."""
    return Experiment(
        name=name,
        flow=PeriodicBox,
        source=dict(y=24, x=24, z=24),
        ratio=4,
        time_ratio=8,
        options=dict(dt=dt, advection="semi_lagrangian", **options),
        reference_options=dict(advection="mac_cormack"),
        train=dict(seed=(0, 1, 2, 3), viscosity=(viscosity,)),
        test=dict(seed=(100, 101), viscosity=(viscosity,)),
        warmup=warmup,
        frames=40,
        keep_reference_every=40,
        schedule=SCHEDULE,
    )
