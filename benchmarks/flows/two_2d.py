"""Wake of two cylinders side by side."""

from phi.geom import Sphere
from wakes import wake

CYLINDERS = [Sphere(y=50.0, x=30.0, radius=8.0), Sphere(y=50.0, x=70.0, radius=8.0)]

experiment = wake("two_2d", obstacles=CYLINDERS)
