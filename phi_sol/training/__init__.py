"""How correctors are trained."""

from .losses import Loss
from .methods import METHODS, Method, make_method
from .plan import Plan, Stage, curriculum, parse_duration, parse_stages
from .trainer import Trainer

__all__ = ["METHODS", "Loss", "Method", "Plan", "Stage", "Trainer", "curriculum", "make_method", "parse_duration", "parse_stages"]
