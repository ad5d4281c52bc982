"""How correctors are trained."""

from .methods import METHODS, Method, make_method
from .plan import Plan, Stage, curriculum, parse_duration
from .trainer import Trainer

__all__ = ["METHODS", "Method", "Plan", "Stage", "Trainer", "curriculum", "make_method", "parse_duration"]
