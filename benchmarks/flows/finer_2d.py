"""Wakes of cylinders of several sizes on cells of four fifths the size, with steps of four fifths the time."""

from wakes import REYNOLDS, wake

from phi_sol import Disc

DISC = Disc("disc", dict(y=50.0, x=50.0), 10.0, free=("x", "radius"))
PLACES = {
    "disc_x": tuple(round(38 + 24 * (0.618 * i % 1), 1) for i in range(16)),
    "disc_radius": tuple(round(7 + 6 * (0.755 * i % 1), 1) for i in range(16)),
}

experiment = wake("finer_2d", cells=dict(y=80, x=40), dt=8.0, bodies=DISC, train=dict(reynolds=REYNOLDS, **PLACES))
