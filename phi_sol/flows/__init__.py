"""What is solved: one PDE system a file."""

from .base import Flow
from .state import State
from .wake import WakeFlow

__all__ = ["Flow", "State", "WakeFlow"]
