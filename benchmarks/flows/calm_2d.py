"""Wake of a cylinder at 0.7 times the speed of `wake_2d`."""

from wakes import REYNOLDS, wake

experiment = wake("calm_2d", speed=0.7, train=dict(reynolds=REYNOLDS[::2]))
