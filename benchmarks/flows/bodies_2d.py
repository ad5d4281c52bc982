"""Wakes of cylinders of several sizes at several places: what stands in the stream differs between simulations."""

from wakes import REYNOLDS, wake

from phi_sol import Disc

DISC = Disc("disc", dict(y=50.0, x=50.0), 10.0, free=("x", "radius"))
PLACES = {
    "disc_x": tuple(round(35 + 30 * (0.618 * i % 1), 1) for i in range(16)),
    "disc_radius": tuple(round(6 + 8 * (0.755 * i % 1), 1) for i in range(16)),
}

experiment = wake("bodies_2d", bodies=DISC, train=dict(reynolds=REYNOLDS, **PLACES))
