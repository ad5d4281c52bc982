"""How the Poisson problem is solved."""

from .direct import DirectPoisson
from .projection import Projection, make_incompressible

__all__ = ["DirectPoisson", "Projection", "make_incompressible"]
