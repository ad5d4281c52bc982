"""Wake of a cylinder at 1.4 times the speed of `wake_2d`."""

from wakes import REYNOLDS, wake

experiment = wake("brisk_2d", speed=1.4, train=dict(reynolds=REYNOLDS[::2]))
