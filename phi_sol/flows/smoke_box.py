"""Random smoke and air in a closed square box, with the Poisson problem that every step solves."""

import numpy as np
from phi import math
from phi.field import divergence
from phi.math import Tensor
from phi.math.extrapolation import ZERO, ZERO_GRADIENT

from ..grids.sampling import Intervals, gaussian_mean, seeded_field
from ..stepping.state import Fields, State
from .parameters import SEED
from .plume import BuoyantPlume

BLOBS, MODES = 12, 6


class SmokeBox(BuoyantPlume):
    """
    The flow of `BuoyantPlume` in a closed box, y and x in [0, 64], that also keeps the Poisson problem of its last
    step,

        ∇²p = ∇·u*,   u = u* - ∇p,

    with u* the velocity after advection and buoyancy: ∇·u* (`divergence`, centred, per time) and p (`pressure`,
    centred, with zero mean, in domain units² per time), as the direct solver finds it. Both are zero at the start.

    At the start a stream function of 6 x 6 sine waves with normal coefficients that fall with the wave number k (in
    radians per unit) as exp(-5 k) stirs the air, scaled to a root mean square speed of `SPEED` per component; 12
    Gaussian blobs of smoke (widths 3 to 8, amounts 0.5 to 1) lie anywhere. Both are functions of space that the seed
    defines; the velocity is exactly divergence-free on every grid. Good values: 64x64 cells, buoyancy 0.1, dt = 1.

    Source: after Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.4, where smoke and velocity start as
    band-limited noise.

    Examples:
        >>> box = ps.SmokeBox(y=16, x=16)
        >>> box.step(box.initial_state(buoyancy=0.1, seed=0))
        State(velocity staggered 16x16, marker 16x16, divergence 16x16, pressure 16x16, seed=0,...
    """

    SPEED = 1.0
    fields = ("velocity", "marker", "divergence", "pressure")
    size = {"y": 64.0, "x": 64.0}

    def __init__(
        self,
        dt: float | None = None,
        advection: str | None = None,
        *,
        size: dict[str, float] | None = None,
        obstacles=None,
        bodies=None,
        **resolution: int,
    ):
        """As `Flow`; its top is closed, and nothing flows in."""
        super().__init__(dt, advection, size=size, obstacles=obstacles, bodies=bodies, **resolution)  # type: ignore

    @property
    def boundaries(self):
        return {"velocity": ZERO, "marker": ZERO_GRADIENT, "divergence": ZERO_GRADIENT, "pressure": ZERO_GRADIENT}

    def initial_state(self, seed, buoyancy=0.1, **bodies) -> State:
        """Moving air with blobs of smoke. Raises InputError for parameters that are not possible."""
        state = super().initial_state(seed, buoyancy, **bodies)
        velocity = seeded_field(self.layouts["velocity"], state.parameters[SEED], self._stirring)
        if self.obstacles:
            velocity, _ = self.projection(velocity)
        zero = state.marker.with_values(math.zeros_like(state.marker.values))
        fields = {"velocity": velocity, "marker": state.marker, "divergence": zero, "pressure": zero}
        return State(fields, state.parameters)

    def _smoke(self, rng: np.random.Generator, component: str, where: Intervals) -> np.ndarray:
        amounts, widths = rng.uniform(0.5, 1, BLOBS), rng.uniform(3, 8, BLOBS) * min(self._stretch.values())
        blobs = {d: list(zip(rng.uniform(0, self.size[d], BLOBS), widths, strict=True)) for d in "yx"}
        y, x = (np.stack([gaussian_mean(*where[d], *blob) for blob in blobs[d]]) for d in "yx")
        return np.einsum("b,by,bx->yx", amounts, y, x)

    def _stirring(self, rng: np.random.Generator, component: str, where: Intervals) -> np.ndarray:
        """u_y = ∂ψ/∂x, u_x = -∂ψ/∂y with ψ = Σ a sin(k_y y) sin(k_x x); means over faces are differences of ψ."""
        numbers = {d: np.pi * np.arange(1, MODES + 1) / self.size[d] for d in "yx"}
        ky, kx = numbers["y"][:, None], numbers["x"][None, :]
        a = rng.normal(size=(MODES, MODES)) * np.exp(-5 * np.hypot(ky, kx))
        # the mean square of a velocity component over the box, of both together half each: Σ a² k² / 8
        a *= self.SPEED / np.sqrt(np.sum(a**2 * (ky**2 + kx**2)) / 8)
        along = "x" if component == "y" else "y"  # faces extend along the other axis
        sines = {d: tuple(np.sin(n[:, None] * ends) for ends in where[d]) for d, n in numbers.items()}
        lower, upper = where[along]
        means = {d: s[0] for d, s in sines.items()} | {along: (sines[along][1] - sines[along][0]) / (upper - lower)}
        return (1 if component == "y" else -1) * np.einsum("mn,my,nx->yx", a, means["y"], means["x"])

    def check_stability(self, dt: float, seed: float, buoyancy: float):
        """As for `BuoyantPlume`, with the speed of the stirred air (three times its root mean square) on top."""
        self.check_cfl(dt, 3 * self.SPEED + (2 * buoyancy * self.size["y"]) ** 0.5)

    def physics(self, state: State, dt: Tensor, correction: Fields | None = None) -> State:
        velocity, marker = self.before_projection(state, dt, correction)
        sources = divergence(velocity)
        velocity, pressure = self.projection(velocity)
        sources, pressure = (state.divergence.with_values(f.values) for f in (sources, pressure))
        return state.with_fields(velocity=velocity, marker=marker, divergence=sources, pressure=pressure)
