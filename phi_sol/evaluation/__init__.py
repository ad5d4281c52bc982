"""
How good a corrector is: long runs against the restricted reference. Names are imported when first used, so that
    metrics need no TensorFlow.
"""

__all__ = ["Evaluation", "evaluate"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module 'phi_sol.evaluation' has no attribute {name!r}")
    from . import evaluator

    return getattr(evaluator, name)
