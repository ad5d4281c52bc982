"""Wake of a cylinder at half the speed of `wake_2d`."""

from wakes import REYNOLDS, wake

experiment = wake("slow_2d", speed=0.5, train=dict(reynolds=REYNOLDS[::2]))
