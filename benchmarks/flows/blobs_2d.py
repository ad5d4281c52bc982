"""Wakes of ovals of several proportions, each turned another way."""

from math import pi

from wakes import OVAL, REYNOLDS, spread, wake

FORMS = {
    "oval_radius": spread(8, 6, 0.618),
    "oval_a2": spread(0.1, 0.25, 0.755, 2),
    "oval_angle": spread(0, pi, 0.382, 2),
}

experiment = wake("blobs_2d", bodies=OVAL, train=dict(reynolds=REYNOLDS, **FORMS))
