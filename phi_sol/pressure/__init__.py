"""How the Poisson problem is solved."""

from .direct import DirectPoisson
from .projection import Projection

__all__ = ["DirectPoisson", "Projection"]
