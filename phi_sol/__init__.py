"""
phi_sol: coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop.

The public names are those of the stub `__init__.pyi` beside this file. They are imported when first used; TensorFlow is
imported when something needs it.
"""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

from .quiet import quiet_import

quiet_import()  # no notes of TensorFlow's, whoever imports it; errors stay

try:
    __version__ = version("phi_sol")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
