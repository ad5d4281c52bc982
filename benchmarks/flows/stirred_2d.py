"""Vortices of several sizes in a closed box with walls at rest, fast ones and slow ones, which die away."""

import numpy as np
from boxes import box
from phi import math
from phi.math.extrapolation import ZERO
from phi.physics import diffuse

from phi_sol import Flow, State
from phi_sol.grids.sampling import seeded_field

VORTICES = 12


class StirredBox(Flow):
    """∂u/∂t + u·∇u = -∇p + ν ∇²u, ∇·u = 0, u = 0 at the walls."""

    fields, staggered, parameters = ("velocity",), ("velocity",), ("seed", "viscosity")
    size = {"y": 100.0, "x": 100.0}

    @property
    def boundaries(self):
        return {"velocity": ZERO}

    def initial_state(self, seed, viscosity):
        parameters = self.parameter_tensors({"seed": seed, "viscosity": viscosity})
        field = seeded_field(self.layouts["velocity"], parameters["seed"], self._vortices)
        shape = math.merge_shapes(*parameters.values())
        velocity = math.expand(field, shape)
        return State({"velocity": velocity}, {n: math.expand(p, shape) for n, p in parameters.items()})

    def _vortices(self, rng: np.random.Generator, component: str, where) -> np.ndarray:
        """Differences of a stream function, Gaussians that a factor takes to zero at the walls: no divergence."""
        places, widths = rng.uniform(15, 85, (VORTICES, 2)), rng.uniform(5, 15, VORTICES)
        amounts = rng.choice([-1, 1], VORTICES) * rng.uniform(0.5, 1.5, VORTICES) * rng.uniform(0.2, 1.2)

        def stream(y, x):
            y, x = y[:, None], x[None, :]
            total = 0.0
            for (b, a), width, amount in zip(places, widths, amounts, strict=True):
                total = total + amount * width * np.exp(-((y - b) ** 2 + (x - a) ** 2) / (2 * width**2))
            return total * np.sin(np.pi * y / 100) * np.sin(np.pi * x / 100)

        (y0, y1), (x0, x1) = where["y"], where["x"]
        if component == "x":
            return (stream(y1, x0) - stream(y0, x0)) / (y1 - y0)[:, None]
        return -(stream(y0, x1) - stream(y0, x0)) / (x1 - x0)[None, :]

    def physics(self, state, dt):
        velocity = diffuse.explicit(state.velocity, state.viscosity, dt)
        velocity = self.advect(velocity, velocity, dt)
        return state.with_fields(velocity=self.projection(velocity)[0])


experiment = box("stirred_2d", dt=5.0, viscosity=0.05, flow=StirredBox)
