"""A channel between walls with cylinders of several sizes in it, some of them near a wall."""

from wakes import DISC, REYNOLDS, spread, wake

PLACES = {
    "disc_x": spread(20, 60, 0.618),
    "disc_radius": spread(6, 7, 0.755),
}

experiment = wake(
    "channel_2d",
    bodies=DISC,
    walls="no-slip",
    inlet=lambda p: 1.25 * (1 - ((p.vector["x"] - 50) / 50) ** 4),  # mean 1
    train=dict(reynolds=REYNOLDS, **PLACES),
)
