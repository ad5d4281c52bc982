"""Wake of a block that stands free in the stream."""

from phi.geom import Box
from three import wake

experiment = wake("block_3d", obstacles=Box(y=(42, 58), x=(40, 60), z=(30, 70)))
