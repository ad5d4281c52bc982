"""Two shear layers in a periodic box, which roll up (Kelvin-Helmholtz), and small waves that a seed defines."""

import numpy as np
from boxes import box

from phi_sol import PeriodicBox

WIDTH = 0.2  # of a layer, in domain units
POKE = 0.05


class ShearLayers(PeriodicBox):
    def _waves(self, rng, component, where):
        """Small waves, and u_x = tanh((y - L/4) / 0.2) - tanh((y - 3L/4) / 0.2) - 1, the means over the faces."""
        poke = POKE * super()._waves(rng, component, where)
        if component != "x":
            return poke
        lower, upper = where["y"]
        length = self.size["y"]
        layers = [
            (integral(upper - at) - integral(lower - at)) / (upper - lower) for at in (length / 4, 3 * length / 4)
        ]
        return poke + (layers[0] - layers[1] - 1.0)[:, None]


def integral(y):
    """Of tanh(y / WIDTH)."""
    return WIDTH * np.logaddexp(y / WIDTH, -y / WIDTH)


experiment = box("shear_2d", dt=0.2, viscosity=5e-4, flow=ShearLayers, peak=3.0)
