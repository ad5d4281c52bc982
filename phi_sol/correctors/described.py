"""What the description of a corrector says about it."""

from typing import Any

from ..displays import Displayed
from ..flows import Flow
from ..flows.comparison import differences, same_config
from ..solvers.hybrid import INTEGRATOR
from .scale_free import LOCAL

CALIBRATION, GAIN = "calibration", "gain"  # what `phi_sol.calibrated` has found, and of that what it multiplies with
FLOWS = "flows"  # the entry of descriptions with what was trained on each of several flows, by name


class Described(Displayed):
    """
    Attributes:
        description: JSON-ready facts.
    """

    description: dict

    def _told(self) -> dict:
        """What a notebook shows of it."""
        said, known = self.description, self.description.get("parameters", {})
        network: Any = getattr(self, "network", None)
        built = network is not None and network.built
        count = f"{network.count_params():,} parameters" if built else "no parameters yet"
        flows = {n: d["flow"] for n, d in said.get(FLOWS, {}).items()} or {"": said["flow"]}
        label = said.get("label") or said.get("method", "")
        trained = f"{label}{f', in {scene}' if (scene := said.get('scene')) else ''}" if label else "not yet"
        seen = "; ".join(f"{n} {min(v):g} to {max(v):g}" for n, v in known.items() if len(v))
        chosen = said.get("chosen", {})
        return {
            "network": f"{said.get('network') or getattr(network, 'name', '')}, {count}",
            "corrects": ", ".join(said.get("correct", ())),
            "placement": self.placement + (", projected" if self.project else ""),
            "form": "" if self.form == "increment" else self.form,
            "scale-free": "yes" if self.scale_free else "",
            "gain": f"{self.gain:.3g}" if self.gain != 1 else "",
            "flow": "; ".join(": ".join(filter(None, [n, _flow(config)])) for n, config in flows.items()),
            "trained": trained,
            "training parameters": seen,
            "chosen": f"{chosen['kind']}, iteration {chosen['step']}" if {"kind", "step"} <= set(chosen) else "",
            "precision": said.get("precision", ""),
        }

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
    def gain(self) -> float:
        """What all its corrections are multiplied by, see `phi_sol.calibrated`."""
        return self.description.get(CALIBRATION, {}).get(GAIN, 1.0)

    @property
    def is_local(self) -> bool:
        """Whether it is scale-free, with corrections that scale with how much the velocity varies nearby."""
        return self.description.get("scale_free") == LOCAL


def _flow(config: dict) -> str:
    """A flow's configuration in short."""
    cells = ", ".join(f"{d}={n}" for d, n in config.get("resolution", {}).items())
    return f"{config.get('type', '')}({cells}, dt={config.get('dt', 0):g}, {config.get('advection', '')})"
