"""What is solved: one PDE system a file."""

from ..stepping.state import State
from .base import Flow
from .closures import DynamicSmagorinsky, Smagorinsky
from .forced_advection import ForcedAdvection
from .periodic import PeriodicBox
from .plume import BuoyantPlume
from .smoke_box import SmokeBox
from .terms import FunctionTerm, Term
from .wake import WakeFlow

__all__ = [
    "BuoyantPlume",
    "DynamicSmagorinsky",
    "Flow",
    "ForcedAdvection",
    "FunctionTerm",
    "PeriodicBox",
    "Smagorinsky",
    "SmokeBox",
    "State",
    "Term",
    "WakeFlow",
]
