"""Wakes of cylinders of several sizes at several places: what stands in the stream differs between simulations."""

from wakes import REYNOLDS, wake

from phi_sol import Disc

DISC = Disc("disc", dict(y=50.0, x=50.0), 10.0, free=("x", "radius"))
PLACES = {"disc_x": (50.0, 38.0, 62.0, 44.0, 56.0, 50.0), "disc_radius": (6.0, 10.0, 8.0, 12.0, 7.0, 14.0)}

experiment = wake("bodies_2d", bodies=DISC, train=dict(reynolds=REYNOLDS, **PLACES))
