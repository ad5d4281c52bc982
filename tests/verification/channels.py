"""A channel with open ends, of the general parts of phi_sol."""

from phi.math.extrapolation import ZERO, ZERO_GRADIENT, combine_sides

from phi_sol import WakeFlow


class OpenChannel(WakeFlow):
    """A `WakeFlow` between walls at rest whose stream enters and leaves freely: ∂u/∂y = 0 and p = 0 at both ends."""

    @property
    def boundaries(self):
        ends = dict.fromkeys(("y-", "y+"), ZERO_GRADIENT)
        return {"velocity": combine_sides(ends | dict.fromkeys(("x-", "x+"), ZERO)), "marker": ZERO_GRADIENT}
