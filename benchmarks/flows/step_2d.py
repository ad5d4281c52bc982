"""A channel with a step: a parabolic inflow between walls, which separates behind a block at one of them."""

from phi.geom import Box
from wakes import wake

experiment = wake(
    "step_2d",
    obstacles=Box(y=(30, 60), x=(0, 40)),
    walls="no-slip",
    inlet=lambda p: 0.0006 * p.vector["x"] * (100 - p.vector["x"]),  # mean 1
)
