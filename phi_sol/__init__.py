"""
phi_sol: coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop.

The public names are those of the stub `__init__.pyi` beside this file. They are imported when first used; TensorFlow is
imported when something needs it.

The examples in docstrings begin with this, beside a scene file, data that `phi-sol generate` has written, and a run:

    >>> import numpy as np
    >>> import tensorflow as tf
    >>> from phi import math
    >>> import phi_sol as ps
    >>> scene = ps.load_experiment("tiny.py")
    >>> data = ps.Dataset.load(scene.pair, "data/tiny")
    >>> flow = ps.WakeFlow(y=16, x=8)
    >>> start = flow.initial_state(reynolds=300.0)
    >>> frames = flow.rollout(start, 4, progress=False)
"""

import lazy_loader

from .quiet import quiet_import
from .version import __version__ as __version__

quiet_import()  # no notes of TensorFlow's, whoever imports it; errors stay

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
