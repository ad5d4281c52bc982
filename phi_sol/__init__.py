"""
phi_sol: coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop.

The public names are those of the stub `__init__.pyi` beside this file. They are imported when first used; TensorFlow is
imported when something needs it.
"""

import os

import lazy_loader

from .version import __version__ as __version__

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: no chatter; errors stay

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
