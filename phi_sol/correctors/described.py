"""What the description of a corrector says about it."""

from ..solvers.hybrid import INTEGRATOR


class Described:
    """
    Attributes:
        description: JSON-ready facts.
    """

    description: dict

    @property
    def placement(self) -> str:
        """Where the correction enters, see `HybridSolver`."""
        return self.description.get("placement", "after")

    @property
    def project(self) -> bool:
        """Whether the corrected velocity is made divergence-free."""
        return self.description.get("project", False)

    @property
    def integrator(self) -> str:
        """The Runge-Kutta method of the placement `rate`."""
        return self.description.get("integrator", INTEGRATOR)

    @property
    def form(self) -> str:
        """What the network gives, see `phi_sol.correctors.forms`."""
        return self.description.get("form", "increment")

    @property
    def scale_free(self) -> bool:
        """Whether its channels have no dimension, see `phi_sol.correctors.scale_free`."""
        return self.description.get("scale_free", False)
