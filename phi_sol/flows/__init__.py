"""What is solved: one PDE system a file."""

from .base import Flow
from .forced_advection import ForcedAdvection
from .plume import BuoyantPlume
from .smoke_box import SmokeBox
from .state import State
from .wake import WakeFlow

__all__ = ["BuoyantPlume", "Flow", "ForcedAdvection", "SmokeBox", "State", "WakeFlow"]
