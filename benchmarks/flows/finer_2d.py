"""Wakes of cylinders of several sizes on cells of four fifths the size, with steps of four fifths the time."""

from wakes import DISC, REYNOLDS, spread, wake

PLACES = {
    "disc_x": spread(38, 24, 0.618),
    "disc_radius": spread(7, 6, 0.755),
}

experiment = wake("finer_2d", cells=dict(y=80, x=40), dt=8.0, bodies=DISC, train=dict(reynolds=REYNOLDS, **PLACES))
