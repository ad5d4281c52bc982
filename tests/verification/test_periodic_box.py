"""
The periodic box against closed forms, a spectral solver's fields and the published dissipation, and its gradients
against finite differences. The settings are those of a public benchmark (Mosaic).
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.math import wrap

from phi_sol import InputError, PeriodicBox
from phi_sol.stepping.arrays import pack, unpack

REPOSITORY = Path(__file__).parents[2]
FIELDS = REPOSITORY.parent / "shared" / "mosaic" / "periodic_3d.npz"


def parts(field):
    return {d: field.values[{"~vector": d}].numpy(list(field.resolution.names)) for d in field.resolution.names}


def stacked(field):
    return np.concatenate([a.ravel() for a in parts(field).values()])


def relative(found, exact):
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def energy(flow, velocity):
    """Mean of u² / 2."""
    return sum((a**2).mean() for a in parts(velocity).values()) / 2


def enstrophy(flow, velocity):
    """Mean of ω² / 2 at the nodes where both of its differences lie, in 2D and 3D."""
    dims, u, total = list(flow.size), parts(velocity), 0.0
    for i, a in enumerate(dims):
        for b in dims[:i]:
            difference = lambda f, d: (f - np.roll(f, 1, dims.index(d))) / flow.spacing[d]  # noqa: E731
            total += ((difference(u[a], b) - difference(u[b], a)) ** 2).mean() / 2
    return total


# --- Taylor-Green vortices in 2D ---


def vortices(n, viscosity, dt, steps, advection, **options):
    """The flow, its start, and its state after some steps, in NumPy and float64."""
    flow = PeriodicBox(y=n, x=n, dt=dt, advection=advection, initial="taylor_green", **options)
    flow.check_stability(dt, seed=0, viscosity=viscosity)
    start = state = flow.initial_state(viscosity=viscosity)
    for _ in range(steps):
        state = flow.integrate(state, wrap(dt))
    return flow, start, state


def error(n, viscosity, dt, steps, advection, **options):
    _, start, state = vortices(n, viscosity, dt, steps, advection, **options)
    return relative(stacked(state.velocity), stacked(start.velocity) * np.exp(-2 * viscosity * dt * steps))


def slopes(errors):
    result = np.log2(np.divide(errors[:-1], errors[1:]))
    print(errors, result)
    return result


@pytest.mark.parametrize("sizes", [(16, 32), pytest.param((16, 32, 64, 128), marks=pytest.mark.slow)])
@pytest.mark.parametrize(("advection", "order"), [("central", 2), ("van_leer", 2)])
def test_order_in_space_of_fluxes(advection, order, sizes):
    with math.NUMPY, math.precision(64):
        errors = [error(n, 0.05, 0.01, 20, advection) for n in sizes]
    assert (slopes(errors) > order - 0.05).all()
    assert errors[0] < (3e-4 if advection == "central" else 3e-3)


@pytest.mark.parametrize("sizes", [(16, 32), pytest.param((16, 32, 64), marks=pytest.mark.slow)])
@pytest.mark.parametrize("advection", ["semi_lagrangian", "mac_cormack"])
def test_order_of_lookups_at_a_fixed_courant_number(advection, sizes):
    """First: MacCormack corrects the interpolation, and keeps the lookups' first order in time."""
    with math.NUMPY, math.precision(64):
        errors = [error(n, 0.05, np.pi / 2 / n, n // 2, advection) for n in sizes]
    assert (slopes(errors) > 0.75).all()
    assert errors[0] < (0.12 if advection == "semi_lagrangian" else 0.02)


CASES = [("central", 1e-3, 0.05, 2e-6), ("van_leer", 1e-3, 0.05, 5e-4)]
MANY = [("central", nu, dt, 2e-3 * nu) for nu in (1e-4, 1e-3, 1e-2, 5e-2) for dt in (0.01, 0.05)]
MANY += [("van_leer", nu, dt, 5e-4) for nu in (1e-4, 1e-3, 1e-2) for dt in (0.01, 0.05)]
MANY += [("mac_cormack", nu, 0.05, 0.013) for nu in (1e-4, 1e-3, 1e-2)]
MANY += [("semi_lagrangian", nu, 0.05, 0.04) for nu in (1e-4, 1e-3, 1e-2)]


@pytest.mark.parametrize(
    ("advection", "viscosity", "dt", "most"), [*CASES, *[pytest.param(*c, marks=pytest.mark.slow) for c in MANY]]
)
def test_error_energy_and_enstrophy_at_64x64(advection, viscosity, dt, most):
    steps = round(1 / dt)
    with math.NUMPY, math.precision(64):
        flow, start, state = vortices(64, viscosity, dt, steps, advection)
        decay = np.exp(-2 * viscosity * dt * steps)
        assert relative(stacked(state.velocity), stacked(start.velocity) * decay) < most
        for measure in (energy, enstrophy):
            ratio = measure(flow, state.velocity) / measure(flow, start.velocity)
            assert ratio == pytest.approx(decay**2, abs=3 * most)
            if advection == "central":
                assert ratio >= decay**2  # waves on a grid decay more slowly


def test_van_leer_with_diffusion_beyond_what_is_stable_together_is_refused():
    """Each of the two alone would be stable: ν dt Σ 1/dx² = 0.52, and a Courant number of 0.51."""
    with pytest.raises(InputError, match=r"diffusion needs viscosity <= 0.03598, or dt <= 0.0406"):
        vortices(64, 0.05, 0.05, 0, "van_leer")


@pytest.mark.parametrize(
    ("advection", "integrator", "order"),
    [
        ("central", "heun", 2),
        pytest.param("central", "rk3", 3, marks=pytest.mark.slow),
        pytest.param("central", "rk4", 4, marks=pytest.mark.slow),
        pytest.param("van_leer", "heun", 2, marks=pytest.mark.slow),
        pytest.param("mac_cormack", "rk3", 1, marks=pytest.mark.slow),
        pytest.param("semi_lagrangian", "rk3", 1, marks=pytest.mark.slow),
    ],
)
def test_order_in_time(advection, integrator, order):
    """Against the same discretisation with a fine step, on a random flow with pressure, forcing and drag."""
    with math.NUMPY, math.precision(64):
        options = dict(peak=2.0, spread=0.5, forcing="kolmogorov", wave_number=2, drag=0.1)
        flow = PeriodicBox(y=12, x=12, advection=advection, integrator=integrator, **options)
        start = flow.initial_state(seed=1, viscosity=0.02)

        def after(steps):
            state = start
            for _ in range(steps):
                state = flow.integrate(state, wrap(0.4 / steps))
            return stacked(state.velocity)

        if order > 1:
            exact = after(64)
            errors = [relative(after(n), exact) for n in (4, 8)]
        else:  # a step of lookups damps by its number, not by its length: what is first order is the rest
            exact = 2 * after(64) - after(32)
            errors = [relative(after(n), exact) for n in (8, 16)]
    least = order - (0.35 if order > 1 else 1.0)
    assert slopes(errors)[-1] > least


def test_central_fluxes_keep_the_energy_of_a_flow_without_viscosity():
    """But for the time step: the loss falls with its order."""
    with math.NUMPY, math.precision(64):
        losses = []
        for dt in (0.04, 0.02):
            flow = PeriodicBox(y=16, x=16, peak=3.0)
            start = state = flow.initial_state(seed=0, viscosity=1e-12)
            for _ in range(round(0.4 / dt)):
                state = flow.integrate(state, wrap(dt))
            losses.append(abs(energy(flow, state.velocity) / energy(flow, start.velocity) - 1))
    assert losses[0] < 1e-3
    assert slopes(losses)[0] > 2.6


# --- Taylor-Green vortices in 3D ---


def at_faces(points, component, dims="xyz"):
    """From values at x_i = 2π i / N the means over the faces of a component, by Fourier series; axes x, y, z."""
    spectrum = np.fft.fftn(points)
    for axis, d in enumerate(dims):
        n = points.shape[axis]
        k = np.fft.fftfreq(n, 1 / n)
        if d != component:  # a face reaches from i to i + 1
            factor = np.exp(1j * np.pi * k / n) * np.sinc(k / n)
            spectrum = spectrum * factor.reshape([-1 if a == axis else 1 for a in range(3)])
    return np.fft.ifftn(spectrum).real


@pytest.mark.parametrize("index", [1, pytest.param(0, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_3d_vortices_against_a_spectral_solver(index):
    if not FIELDS.exists():
        pytest.skip(f"the reference fields are not there: {FIELDS}")
    viscosity = (0.001, 0.01, 0.05)[index]
    reference = np.load(FIELDS)[f"reference_{index}"]
    errors = {}
    with math.NUMPY, math.precision(64):
        for advection in ("central", "van_leer"):
            flow = PeriodicBox(y=16, x=16, z=16, dt=0.05, advection=advection, initial="taylor_green")
            start = state = flow.initial_state(viscosity=viscosity)
            for _ in range(10):
                state = flow.integrate(state, wrap(0.05))
            found = {d: np.moveaxis(a, 0, 1) for d, a in parts(state.velocity).items()}  # x, y, z
            exact = {d: at_faces(reference[..., i], d) for i, d in enumerate("xyz")}
            ends = [np.concatenate([v[d].ravel() for d in "xyz"]) for v in (found, exact)]
            errors[advection] = relative(*ends)
            moved = {d: np.moveaxis(a, 0, 1) for d, a in parts(start.velocity).items()}
            assert relative(ends[1], np.concatenate([moved[d].ravel() for d in "xyz"])) > 0.1  # something happened
    print(viscosity, errors)
    assert errors["central"] < 0.012
    assert errors["van_leer"] < 0.03


@pytest.mark.slow
def test_dissipation_of_3d_vortices_at_re_100_has_its_published_peak():
    """
    M. E. Brachet et al., J. Fluid Mech. 130 (1983): the dissipation rises, and peaks between t = 4 and 5; here -dE/dt
    of two grids, and 2 ν times the enstrophy, which central fluxes dissipate exactly.
    """
    peaks = {}
    for n in (32, 64):
        flow = PeriodicBox(y=n, x=n, z=n, dt=0.05, initial="taylor_green")
        with math.NUMPY:
            start = flow.initial_state(viscosity=0.01)
        states = [start, *flow.rollout(start, 160, 4)]
        times = 0.2 * np.arange(len(states))
        energies = np.array([energy(flow, s.velocity) for s in states])
        dissipation = -np.gradient(energies, times)
        from_enstrophy = np.array([2 * 0.01 * enstrophy(flow, s.velocity) for s in states])
        np.testing.assert_allclose(dissipation[2:-2], from_enstrophy[2:-2], rtol=0.02)
        assert energies[0] == pytest.approx(0.125, rel=0.01)
        peaks[n] = times[from_enstrophy.argmax()], from_enstrophy.max()
    print(peaks)
    assert all(4 <= t <= 5 for t, _ in peaks.values())
    assert peaks[32][1] == pytest.approx(peaks[64][1], rel=0.05)


# --- gradients ---


class Problem:
    """A value of the state after some steps from a random flow of 16 x 16 cells, in one precision."""

    def __init__(self, dtype, advection="central"):
        self.dtype = dtype
        options = dict(peak=2.0, spread=0.5, advection=advection)
        with math.NUMPY, math.precision(64):
            unscaled = PeriodicBox(y=16, x=16, dt=0.05, **options)
            start = unscaled.initial_state(seed=0, viscosity=1e-3)
            fastest = max(np.abs(a).max() for a in parts(start.velocity).values())
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
    cosine, difference = expected @ found / np.linalg.norm(expected) / np.linalg.norm(found), relative(found, expected)
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
