"""Wake of a square."""

from phi.geom import Box
from wakes import wake

experiment = wake("square_2d", obstacles=Box(y=(41, 59), x=(41, 59)))
