"""What the flows in boxes have in common: lookups with steps of about two cells, as in the wakes."""

from wakes import SCHEDULE

from phi_sol import Experiment, Flow, PeriodicBox

SEEDS, TESTED = tuple(range(16)), (100, 101)


def box(name: str, dt: float, viscosity: float, warmup: int = 0, flow: type[Flow] = PeriodicBox, **options):
    """Sixteen simulations of 40 frames to train on, and two to test."""
    return Experiment(
        name=name,
        flow=flow,
        source=dict(y=64, x=64),
        ratio=4,
        time_ratio=16,
        options=dict(dt=dt, advection="semi_lagrangian", **options),
        reference_options=dict(advection="mac_cormack"),
        train=dict(seed=SEEDS, viscosity=(viscosity,)),
        test=dict(seed=TESTED, viscosity=(viscosity,)),
        warmup=warmup,
        frames=40,
        keep_reference_every=40,
        schedule=SCHEDULE,
    )
