"""Networks that correct a source solver."""

from ..networks import NETWORKS, NetworkFacts, build_network, describe
from .adapter import Adapter
from .corrector import Corrector

__all__ = ["NETWORKS", "Adapter", "Corrector", "NetworkFacts", "build_network", "describe"]
