"""What the flows of three dimensions have in common: grids and steps of `wake_3d`, fewer and shorter simulations."""

from phi_sol import Experiment, PeriodicBox, Schedule, WakeFlow

REYNOLDS, TESTED = (50.0, 85.5, 146.2, 250.0), (69.0, 181.2)
SCHEDULE = Schedule(network="fast", unroll=4, steps=4000, batch=4, learning_rate=2e-3, clip=1.0, relative=True)


def short(name: str, **parts) -> Experiment:
    """What each of these flows has: four times the cells in the reference, and 40 frames in a simulation."""
    return Experiment(
        name=name,
        ratio=4,
        time_ratio=8,
        reference_options=dict(advection="mac_cormack"),
        frames=40,
        keep_reference_every=40,
        schedule=SCHEDULE,
        **parts,
    )


def wake(name: str, **options) -> Experiment:
    """Four simulations to train on, and two to test. The first frame is of a developed wake."""
    return short(
        name,
        flow=WakeFlow,
        source=dict(y=32, x=16, z=16),
        options=dict(dt=8.0) | options,
        train=dict(reynolds=REYNOLDS),
        test=dict(reynolds=TESTED),
        warmup=round(38 / options.get("speed", 1.0)),
    )


def box(name: str, dt: float, viscosity: float, warmup: int, **options) -> Experiment:
    """A periodic box with lookups, as the wakes; four simulations to train on, and two to test."""
    return short(
        name,
        flow=PeriodicBox,
        source=dict(y=24, x=24, z=24),
        options=dict(dt=dt, advection="semi_lagrangian", **options),
        train=dict(seed=(0, 1, 2, 3), viscosity=(viscosity,)),
        test=dict(seed=(100, 101), viscosity=(viscosity,)),
        warmup=warmup,
    )
