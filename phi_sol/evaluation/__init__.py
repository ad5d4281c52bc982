"""How good a corrector is: long runs against the restricted reference."""

from .evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
