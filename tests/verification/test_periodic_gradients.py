"""
Gradients through the periodic box against finite differences, and the memory of long ones. The settings are those of a
public benchmark (Mosaic).
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import PeriodicBox
from phi_sol.stepping.arrays import pack, unpack


class Problem:
    """A value of the state after some steps from a random flow of 16 x 16 cells, in one precision."""

    def __init__(self, dtype, advection="central"):
        self.dtype = dtype
        options = dict(peak=2.0, spread=0.5, advection=advection)
        with math.NUMPY, math.precision(64):
            unscaled = PeriodicBox(y=16, x=16, dt=0.05, **options)
            start = unscaled.initial_state(seed=0, viscosity=1e-3)
            fastest = float(math.max(math.abs(start.velocity.values), lambda shape: shape))
            self.flow = PeriodicBox(y=16, x=16, dt=0.05, speed=0.3 / fastest, **options)
            arrays, parameters, self.shape = pack(self.flow, self.flow.initial_state(seed=0, viscosity=1e-3))
        self.arrays = {n: tf.cast(a, dtype) for n, a in arrays.items()}
        self.parameters = {n: tf.cast(p, dtype) for n, p in parameters.items()}

    def final(self, arrays, steps):
        with math.precision(int(self.dtype[-2:])):
            state = unpack(self.flow, arrays, self.parameters, self.shape)
            return {n: a[-1] for n, a in self.flow.rollout(state, steps, steps, progress=False).arrays.items()}

    def value(self, arrays, steps, weights):
        return sum(float(np.sum(np.asarray(a, np.float64) * weights[n])) for n, a in self.final(arrays, steps).items())

    def gradient(self, steps, weights):
        with tf.GradientTape() as tape:
            tape.watch(self.arrays)
            ends = self.final(self.arrays, steps)
            total = sum(tf.reduce_sum(a * tf.cast(weights[n], self.dtype)) for n, a in ends.items())
        return {n: g.numpy().astype(np.float64) for n, g in tape.gradient(total, self.arrays).items()}


@pytest.fixture(scope="module")
def double():
    return Problem("float64")


def check_gradient(double, problem, steps, kind, most):
    """In 15 directions: the cosine of all slopes together, and their relative difference."""
    rng = np.random.default_rng(steps)
    weights = {n: rng.standard_normal(a.shape) if kind == "projection" else 1.0 for n, a in double.arrays.items()}
    gradient, slopes_, size = problem.gradient(steps, weights), [], 1e-5
    for _ in range(15):
        direction = {n: rng.standard_normal(a.shape) for n, a in double.arrays.items()}
        length = np.sqrt(sum(np.sum(v**2) for v in direction.values()))
        direction = {n: v / length for n, v in direction.items()}
        ends = [
            double.value({n: a + s * size * direction[n] for n, a in double.arrays.items()}, steps, weights)
            for s in (1, -1)
        ]
        slopes_.append(((ends[0] - ends[1]) / (2 * size), sum(np.sum(gradient[n] * direction[n]) for n in gradient)))
    expected, found = np.array(slopes_).T
    cosine = expected @ found / np.linalg.norm(expected) / np.linalg.norm(found)
    difference = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    print(steps, kind, problem.dtype, "1 - cosine", 1 - cosine, "error", difference)
    assert cosine > 0.999
    assert difference < most


@pytest.mark.parametrize(("steps", "kind"), [(20, "sum"), (200, "projection"), (320, "sum"), (320, "projection")])
def test_gradients_against_finite_differences(double, steps, kind):
    check_gradient(double, double, steps, kind, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sum", "projection"])
@pytest.mark.parametrize("steps", [20, 200, 320])
def test_gradients_in_single_precision(double, steps, kind):
    check_gradient(double, Problem("float32"), steps, kind, 1e-3)


@pytest.mark.slow
def test_gradients_with_a_limiter():
    problem = Problem("float64", "van_leer")
    check_gradient(problem, problem, 20, "projection", 1e-4)


LONG = """
import json, re, sys, time
import numpy as np, tensorflow as tf
from phi.math import NUMPY
from phi_sol import PeriodicBox
from phi_sol.stepping.arrays import pack, unpack

def peak():  # of this program; what getrusage says begins with the memory of the process that started it
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 2**20

n, steps, dt = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
flow = PeriodicBox(y=n, x=n, dt=dt, peak=2.0, spread=0.5, speed=0.1)
with NUMPY:
    state = flow.initial_state(0, 0.001)
arrays, parameters, shape = pack(flow, state)

def gradient(steps):
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        end = flow.rollout(unpack(flow, arrays, parameters, shape), steps, steps).arrays
        total = sum(tf.reduce_sum(a ** 2) for a in end.values())
    return tape.gradient(total, arrays)

gradient(2)  # compiles
before, begin = peak(), time.perf_counter()
found = gradient(steps)
size = [float(tf.norm(g)) for g in found.values()]
print(json.dumps(dict(seconds=time.perf_counter() - begin, gb=peak() - before, whole_gb=peak(), norms=size)))
"""


def long_gradient(n, steps, dt):
    """Seconds, GiB beyond what is loaded and compiled, and the size of the gradient, from a process of its own."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory of a process is read from /proc")
    out = subprocess.run(
        [sys.executable, "-c", LONG, str(n), str(steps), str(dt)], capture_output=True, text=True, check=True
    )
    return json.loads(out.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_gradient_through_10000_steps_is_finite_in_two_gigabytes():
    measured = long_gradient(64, 10_000, 0.005)
    print(measured)
    assert np.isfinite(measured["norms"]).all()
    assert min(measured["norms"]) > 0
    assert measured["whole_gb"] < 2


@pytest.mark.slow
def test_a_tape_keeps_the_states_and_nothing_else():
    """100 steps of 128 x 128 cells are 13 MB; the insides of their stages were a gigabyte."""
    measured = long_gradient(128, 100, 0.005)
    print(measured)
    assert measured["gb"] < 0.2
