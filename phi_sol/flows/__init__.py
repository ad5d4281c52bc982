"""What is solved: one PDE system a file."""

from ..stepping.state import State
from .base import Flow
from .forced_advection import ForcedAdvection
from .periodic import PeriodicBox
from .plume import BuoyantPlume
from .smoke_box import SmokeBox
from .wake import WakeFlow

__all__ = ["BuoyantPlume", "Flow", "ForcedAdvection", "PeriodicBox", "SmokeBox", "State", "WakeFlow"]
