"""Wake of an inclined cylinder, as `wake_3d`, fewer and shorter simulations."""

from three import wake

experiment = wake("inclined_3d", obstacle="inclined")
