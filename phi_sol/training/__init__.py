"""How correctors are trained."""

from .distribution import STRATEGIES, make_strategy
from .losses import Loss
from .methods import METHODS, Method, make_method
from .plan import Plan, Stage, curriculum, parse_duration, parse_stages
from .trainer import Trainer
from .validation import Validation

__all__ = [
    "METHODS",
    "STRATEGIES",
    "Loss",
    "Method",
    "Plan",
    "Stage",
    "Trainer",
    "Validation",
    "curriculum",
    "make_method",
    "make_strategy",
    "parse_duration",
    "parse_stages",
]
