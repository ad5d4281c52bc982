"""How correctors are trained."""

from ..tasks.correction.losses import Loss
from ..tasks.correction.methods import METHODS, Method, make_method
from .plan import Plan, Stage, curriculum, parse_duration, parse_stages
from .trainer import Trainer
from .validation import Validation

__all__ = [
    "METHODS",
    "Loss",
    "Method",
    "Plan",
    "Stage",
    "Trainer",
    "Validation",
    "curriculum",
    "make_method",
    "parse_duration",
    "parse_stages",
]
