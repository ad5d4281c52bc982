"""Wakes of slender ovals, nearly along the stream."""

from wakes import REYNOLDS, wake

from phi_sol import Outline

OVAL = Outline("oval", dict(y=50.0, x=50.0), 11.0, a=(0.0, 0.0), free=("radius", "a2", "angle"))
FORMS = {
    "oval_radius": tuple(round(8 + 6 * (0.618 * i % 1), 1) for i in range(16)),
    "oval_a2": tuple(round(0.25 + 0.2 * (0.755 * i % 1), 2) for i in range(16)),
    "oval_angle": tuple(round(0.5 * (0.382 * i % 1) - 0.25, 2) for i in range(16)),
}

experiment = wake("slender_2d", bodies=OVAL, train=dict(reynolds=REYNOLDS, **FORMS))
