"""Networks that correct a source solver."""

from .adapter import Adapter
from .corrector import Corrector
from .networks import NETWORKS, NetworkFacts, build_network, describe

__all__ = ["NETWORKS", "Adapter", "Corrector", "NetworkFacts", "build_network", "describe"]
