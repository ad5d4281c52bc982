"""
What the solvers need beyond PhiML's own operations, per backend: loops, branches and real Fourier transforms.

PhiML's operations are enough for every backend, and `generic.py` makes do with them. NumPy and TensorFlow have faster
ways, looked up by the name of the backend; TensorFlow's are imported when its tensors first arrive.
"""

from functools import cache

from .generic import Kernels
from .numpy import NumpyKernels


@cache
def _by_name(name: str) -> Kernels:
    if name == "tensorflow":
        from .tensorflow import TensorFlowKernels

        return TensorFlowKernels()
    return NumpyKernels() if name == "numpy" else Kernels()


def kernels_for(backend) -> Kernels:
    """The kernels of a PhiML backend."""
    return _by_name(backend.name)


__all__ = ["Kernels", "kernels_for"]
