"""
What phi_sol sets in TensorFlow for the whole process, and nothing else does; every module that compiles something
imports this one.

- Grappler's remapper is off. TensorFlow 2.21's fuses convolution, bias, addition and leaky ReLU on CPUs into one
  operation that forgets the slope (it takes 0.2): residual networks then compute something else in a `tf.function` than
  in eager mode. Without the fusion a step takes 3 % longer.
- `TF_CPP_MIN_LOG_LEVEL=2`, unless it is set, see `phi_sol/__init__.py`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf
from phi.tf import TENSORFLOW  # noqa: F401  PhiML's backend can't start inside a trace, so it starts here

tf.config.optimizer.set_experimental_options({"remapping": False})


def compile_whole() -> bool | None:
    """
    Whether XLA compiles a whole step with its network: on a GPU yes; on a CPU, where XLA's convolutions are many times
    slower than TensorFlow's own, only (None) the solver inside.
    """
    return True if tf.config.list_physical_devices("GPU") else None


def traced(function: Callable, jit_compile: bool | None = True) -> Any:
    """
    `function` of native tensors as a `tf.function`, compiled by XLA or not. TensorFlow counts traces by the code of a
    function and would take the first ones of several solvers, which share it, for retracing: a `partial` has no code.
    """
    return tf.function(partial(function), autograph=False, jit_compile=jit_compile)
