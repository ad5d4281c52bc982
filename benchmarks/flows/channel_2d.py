"""A channel between walls with cylinders of several sizes in it, some of them near a wall."""

from wakes import REYNOLDS, wake

from phi_sol import Disc

DISC = Disc("disc", dict(y=50.0, x=50.0), 10.0, free=("x", "radius"))
PLACES = {
    "disc_x": tuple(round(20 + 60 * (0.618 * i % 1), 1) for i in range(16)),
    "disc_radius": tuple(round(6 + 7 * (0.755 * i % 1), 1) for i in range(16)),
}

experiment = wake(
    "channel_2d",
    bodies=DISC,
    walls="no-slip",
    inlet=lambda p: 1.25 * (1 - ((p.vector["x"] - 50) / 50) ** 4),  # mean 1
    train=dict(reynolds=REYNOLDS, **PLACES),
)
