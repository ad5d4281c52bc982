"""Wake of a cylinder at twice the speed of `wake_2d`."""

from wakes import REYNOLDS, wake

experiment = wake("fast_2d", speed=2.0, train=dict(reynolds=REYNOLDS[::2]))
