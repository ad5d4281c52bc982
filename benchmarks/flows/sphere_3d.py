"""Wake of a sphere."""

from three import wake

experiment = wake("sphere_3d", obstacle="sphere")
