"""Wakes of cylinders of several sizes at several places: what stands in the stream differs between simulations."""

from wakes import DISC, REYNOLDS, spread, wake

PLACES = {
    "disc_x": spread(35, 30, 0.618),
    "disc_radius": spread(6, 8, 0.755),
}

experiment = wake("bodies_2d", bodies=DISC, train=dict(reynolds=REYNOLDS, **PLACES))
