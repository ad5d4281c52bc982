"""What the wakes of these flows have in common: grids and steps of `wake_2d`, fewer and shorter simulations."""

from phi_sol import Disc, Experiment, Outline, Schedule, WakeFlow

REYNOLDS = tuple(round(100 * 10 ** (i / 15), 1) for i in range(16))
TESTED = (130.0, 520.0)
SCHEDULE = Schedule(network="faster", unroll=4, steps=6000, batch=8, learning_rate=2e-3, clip=1.0, relative=True)

DISC = Disc("disc", dict(y=50.0, x=50.0), 10.0, free=("x", "radius"))
OVAL = Outline("oval", dict(y=50.0, x=50.0), 11.0, a=(0.0, 0.0), free=("radius", "a2", "angle"))


def spread(low: float, width: float, stride: float, digits: int = 1) -> tuple[float, ...]:
    """Sixteen values from `low` on, evenly over the width, with neighbours far apart."""
    return tuple(round(low + width * (stride * i % 1), digits) for i in range(16))


def wake(name: str, train: dict | None = None, cells: dict | None = None, **options) -> Experiment:
    """
    Sixteen simulations of 40 frames to train on, and two to test; parameters of bodies are the first ones there. The
    first frame is of a developed wake, whatever the inflow's speed.
    """
    train = train or dict(reynolds=REYNOLDS)
    others = {n: v[:2] for n, v in train.items() if n != "reynolds"}
    return Experiment(
        name=name,
        flow=WakeFlow,
        source=cells or dict(y=64, x=32),
        ratio=4,
        time_ratio=20,
        options=dict(dt=10.0) | options,
        reference_options=dict(advection="mac_cormack"),
        train=train,
        test=dict(reynolds=TESTED, **others),
        warmup=round(600 / options.get("dt", 10.0) / options.get("speed", 1.0)),
        frames=40,
        keep_reference_every=40,
        schedule=SCHEDULE,
    )
