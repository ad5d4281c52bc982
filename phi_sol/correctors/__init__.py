"""Networks that correct a source solver."""

from .adapter import Adapter
from .corrector import Corrector
from .networks import NETWORKS, build_network

__all__ = ["NETWORKS", "Adapter", "Corrector", "build_network"]
