"""What the description of a corrector says about it."""

from ..flows import Flow
from ..flows.comparison import differences, same_config
from ..solvers.hybrid import INTEGRATOR
from .scale_free import LOCAL

FLOWS = "flows"  # the entry of descriptions with what was trained on each of several flows, by name


class Described:
    """
    Attributes:
        description: JSON-ready facts.
    """

    description: dict

    def at_home(self, flow: Flow) -> dict:
        """
        What is described of the training in a flow; with several, of the one that is this flow, or most like it.
        """
        config, known = flow.config(), list(self.description.get(FLOWS, {}).values()) or [self.description]
        found = [d for d in known if same_config(d["flow"], config)]
        return (found or sorted(known, key=lambda d: sum(1 for _ in differences(d["flow"], config))))[0]

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
        return bool(self.description.get("scale_free", False))

    @property
    def is_local(self) -> bool:
        """Whether it is scale-free, with corrections that scale with how much the velocity varies nearby."""
        return self.description.get("scale_free") == LOCAL
