"""How the Poisson problem is solved."""

from .direct import DirectPoisson
from .iterative import ConjugateGradients
from .projection import Projection, make_incompressible

__all__ = ["ConjugateGradients", "DirectPoisson", "Projection", "make_incompressible"]
