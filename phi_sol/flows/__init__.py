"""What is solved: one PDE system a file."""

from ..stepping.state import State
from .base import Flow
from .bodies import Body
from .closures import DynamicSmagorinsky, Smagorinsky
from .forced_advection import ForcedAdvection
from .periodic import PeriodicBox
from .plume import BuoyantPlume
from .shapes import Disc, Outline, Rectangle
from .smoke_box import SmokeBox
from .terms import FunctionTerm, Term
from .wake import WakeFlow

__all__ = [
    "Body",
    "BuoyantPlume",
    "Disc",
    "DynamicSmagorinsky",
    "Flow",
    "ForcedAdvection",
    "FunctionTerm",
    "Outline",
    "PeriodicBox",
    "Rectangle",
    "Smagorinsky",
    "SmokeBox",
    "State",
    "Term",
    "WakeFlow",
]
