"""Wakes of slender ovals, nearly along the stream."""

from wakes import OVAL, REYNOLDS, spread, wake

FORMS = {
    "oval_radius": spread(8, 6, 0.618),
    "oval_a2": spread(0.25, 0.2, 0.755, 2),
    "oval_angle": spread(-0.25, 0.5, 0.382, 2),
}

experiment = wake("slender_2d", bodies=OVAL, train=dict(reynolds=REYNOLDS, **FORMS))
