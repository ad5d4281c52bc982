"""Wake of an inclined cylinder at 1.6 times the speed."""

from three import wake

experiment = wake("fast_3d", obstacle="inclined", speed=1.6)
