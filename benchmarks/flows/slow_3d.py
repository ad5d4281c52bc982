"""Wake of an inclined cylinder at half the speed."""

from three import wake

experiment = wake("slow_3d", obstacle="inclined", speed=0.5)
