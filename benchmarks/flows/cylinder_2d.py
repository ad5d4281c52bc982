"""Wake of a cylinder, as `wake_2d`, fewer and shorter simulations."""

from wakes import wake

experiment = wake("cylinder_2d")
