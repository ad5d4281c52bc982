"""Schemes of fluxes against NumPy written out value by value, what they conserve, and steps made of them."""

import itertools

import numpy as np
import pytest
from phi import math
from phi.field import CenteredGrid, StaggeredGrid
from phi.geom import Box
from phi.math import batch, extrapolation, spatial, wrap
from phi.tf import TENSORFLOW

from phi_sol import BuoyantPlume, ForcedAdvection, InputError, PeriodicBox, WakeFlow
from phi_sol.flows.advection import SCHEMES, central, van_leer
from phi_sol.flows.runge_kutta import METHODS
from phi_sol.stepping.arrays import field_arrays, native_arrays, unpack

COPY, WRAP = "copy", "wrap"
PERIODIC = {d + side: WRAP for d in "yxz" for side in "-+"}
CLOSED = {d + side: 0.0 for d in "yxz" for side in "-+"}
FREE = {d + side: COPY for d in "yxz" for side in "-+"}
WALLS = {d + side: 1.0 for d in "xz" for side in "-+"}  # along the stream, which is y
# a flow, its parameters, and by array what continues it: a number, copies of the outermost values, or the other side
FLOWS = {
    "box": (PeriodicBox(y=6, x=5), dict(seed=[0, 1], viscosity=[1e-3, 0.01]), dict.fromkeys("yx", PERIODIC)),
    "box 3D": (PeriodicBox(y=5, x=4, z=6), dict(seed=[0], viscosity=[1e-3]), dict.fromkeys("yxz", PERIODIC)),
    "forced": (
        ForcedAdvection(y=6, x=5),
        dict(seed=[0], viscosity=[0.1], amplitude=[0.1]),
        dict.fromkeys("yx", PERIODIC),
    ),
    "wake": (
        WakeFlow(y=16, x=8),
        dict(reynolds=[200.0, 500.0]),
        {
            "y": FREE | WALLS | {"y-": 1.0},
            "x": FREE | {"x-": 0.0, "x+": 0.0, "y-": 0.0},
            "": FREE,
        },
    ),
    "wake 3D": (
        WakeFlow(y=16, x=8, z=8),
        dict(reynolds=[200.0]),
        {
            "y": FREE | WALLS | {"y-": 1.0, "z-": WRAP, "z+": WRAP},
            "x": FREE | {"x-": 0.0, "x+": 0.0, "y-": 0.0, "z-": WRAP, "z+": WRAP},
            "z": FREE | {"x-": 0.0, "x+": 0.0, "y-": 0.0, "z-": WRAP, "z+": WRAP},
            "": FREE | {"z-": WRAP, "z+": WRAP},
        },
    ),
    "closed plume": (
        BuoyantPlume(y=8, x=6),
        dict(seed=[0], buoyancy=[0.1]),
        {"y": CLOSED, "x": CLOSED, "": FREE},
    ),
    "open plume": (
        BuoyantPlume(y=8, x=6, top="open"),
        dict(seed=[0], buoyancy=[0.1]),
        {"y": CLOSED | {"y+": COPY}, "x": CLOSED | {"y+": COPY}, "": FREE | {"y+": 0.0}},
    ),
}
MARGIN = 2


@pytest.fixture(autouse=True)
def double():
    with math.NUMPY, math.precision(64):
        yield


def rough(flow, parameters, seed=0):
    """Independent random numbers in all faces and cells, and the arrays of this state by component."""
    rng, count = np.random.default_rng(seed), len(next(iter(parameters.values())))
    state = flow.initial_state(**parameters)
    shape = batch(batch=count)
    arrays = {n: rng.standard_normal(a.shape) for n, a in native_arrays(flow, state, shape).items()}
    return unpack(flow, arrays, {n: np.asarray(v, float) for n, v in parameters.items()}, shape), arrays


def surrounded(a, component, beyond, dims):
    """On all n + 1 faces across its axis, with MARGIN layers around: one as `beyond` says, then copies."""
    for i, d in enumerate(dims, 1):
        first, last = (a.take([k], i) for k in (0, -1))
        low, high = beyond[d + "-"], beyond[d + "+"]
        face = int(d == component)
        if low == WRAP:
            n = a.shape[i]
            a = a.take(np.arange(-MARGIN, n + face + MARGIN) % n, i)
            continue
        lower = [first] * MARGIN if low == COPY else [np.full_like(first, low)] * (MARGIN + face)
        upper = [last] * MARGIN if high == COPY else [np.full_like(last, high)] * (MARGIN + face)
        a = np.concatenate([*lower, a, *upper], i)
    return a


def limited(a, b):
    return np.where(a * b > 0, 2 * a * b / np.where(a * b > 0, a + b, 1), 0)


def face_value(scheme, speed, f):
    if scheme == "central":
        return (f[1] + f[2]) / 2
    forward = f[1] + limited(f[1] - f[0], f[2] - f[1]) / 2
    backward = f[2] - limited(f[2] - f[1], f[3] - f[2]) / 2
    return np.where(speed > 0, forward, backward)


def expected_rate(scheme, arrays, component, velocity, flow, conservative=True):
    """`-∇·(v f)` on all n + 1 faces across the component's axis, with index arrays."""
    dims, total = list(flow.resolution), 0.0
    numbers = {d: np.arange(n + (d == component)) for d, n in flow.resolution.items()}

    def at(a, **moved):
        picked = [numbers[d] + moved.get(d, 0) + MARGIN for d in dims]
        return a[np.ix_(np.arange(len(a)), *picked)]

    for d, h in flow.spacing.items():
        fluxes, speeds = [], []
        for upper in (0, 1):
            begin = upper - 1 if d == component else upper  # of faces the volume begins half a cell before
            if component == "":
                speed = at(velocity[d], **{d: upper})
            elif d == component:
                speed = (at(velocity[d], **{d: begin}) + at(velocity[d], **{d: begin + 1})) / 2
            else:
                speed = (at(velocity[d], **{d: upper, component: -1}) + at(velocity[d], **{d: upper})) / 2
            cell = begin if d == component else upper - 1  # the value below the face of the volume
            around = [at(arrays, **{d: cell + k}) for k in (-1, 0, 1, 2)]
            fluxes.append(speed * face_value(scheme, speed, around))
            speeds.append(speed)
        total = total - (fluxes[1] - fluxes[0]) / h
        if not conservative:
            total = total + at(arrays) * (speeds[1] - speeds[0]) / h
    return total


@pytest.mark.parametrize(("name", "scheme"), [*itertools.product(FLOWS, ("central", "van_leer"))])
def test_rates_of_every_flow_are_those_written_out(name, scheme):
    flow, parameters, beyond = FLOWS[name]
    state, arrays = rough(flow, parameters)
    dims, rate = list(flow.resolution), SCHEMES[scheme].rate
    names = {"velocity": field_arrays(flow, "velocity")} | ({"marker": ["marker"]} if "marker" in flow.fields else {})
    velocity = {d: surrounded(arrays[n], d, beyond[d], dims) for d, n in zip(dims, names["velocity"], strict=True)}
    for field, its in names.items():
        for conservative in (True, False):
            found = rate(state.fields[field], state.velocity, conservative)
            given = flow.layouts[field].to_arrays(found, batch(batch=len(arrays[its[0]])))
            for n, c in zip(its, flow.layouts[field].components, strict=True):
                around = surrounded(arrays[n], c, beyond[c], dims)
                whole = expected_rate(scheme, around, c, velocity, flow, conservative)
                stored = flow.layouts[field].strip(whole, c)
                np.testing.assert_allclose(given[n], stored, atol=1e-12, err_msg=f"{n}, {conservative}")


@pytest.mark.parametrize("scheme", [central, van_leer])
@pytest.mark.parametrize("name", ["box", "box 3D", "closed plume"])
def test_sums_stay_where_nothing_crosses_the_sides(scheme, name):
    flow, parameters, _ = FLOWS[name]
    state, _ = rough(flow, parameters)
    for field in flow.fields:
        if field == "velocity" and name == "closed plume":
            continue  # walls stop what flows against them
        change = scheme(state.fields[field], state.velocity).values
        for part in change.vector.unstack() if "vector" in change.shape else [change]:
            sums = math.sum(part, flow.shape)
            assert float(math.max(math.abs(sums), sums.shape)) < 1e-11


@pytest.mark.parametrize("name", ["box", "box 3D", "closed plume"])
def test_central_fluxes_keep_squares_and_energy(name):
    """Σ f ∂f/∂t = 0 for a divergence-free velocity; van Leer's fluxes let it fall."""
    flow, parameters, _ = FLOWS[name]
    state, _ = rough(flow, parameters)
    velocity, _ = flow.projection(state.velocity)
    state = state.with_fields(velocity=velocity)
    for field in flow.fields:
        values = state.fields[field].values
        total = {
            s: math.sum(values * s(state.fields[field], velocity).values, values.shape) for s in (central, van_leer)
        }
        assert abs(float(total[central])) < 1e-11
        assert float(total[van_leer]) < -1e-3


def test_van_leer_makes_no_new_extrema():
    """A block in one dimension, and in two dimensions carried along an axis; central fluxes overshoot."""
    box = Box(y=1.0, x=1.0)
    velocity = StaggeredGrid(math.vec(y=1.0, x=0.0), extrapolation.PERIODIC, box, y=32, x=8)
    block = CenteredGrid(Box(y=(0.2, 0.6), x=(0.2, 0.8)), extrapolation.PERIODIC, box, y=32, x=8)
    for method, scheme in itertools.product(("heun", "rk3"), ("central", "van_leer")):
        flow = PeriodicBox(y=32, x=8, size=dict(y=1.0, x=1.0), advection=scheme, integrator=method)
        field = block
        for _ in range(40):
            field = flow.advect(field, velocity, wrap(0.45 / 32))
        low, high = float(math.min(field.values)), float(math.max(field.values))
        if scheme == "van_leer":
            assert low > -1e-12 and high < 1 + 1e-12
        else:
            assert low < -0.05 and high > 1.05


@pytest.mark.parametrize(("scheme", "order"), [(s, SCHEMES[s].order) for s in ("central", "van_leer")])
def test_orders_in_space_of_the_rate(scheme, order):
    errors = []
    for n in (16, 32, 64):
        flow = PeriodicBox(y=n, x=n)
        velocity = flow.field("velocity", lambda p: math.vec(y=math.cos(p.vector["x"]), x=math.sin(p.vector["y"])))
        wave = lambda p: math.sin(p.vector["x"]) * math.cos(p.vector["y"])  # noqa: E731
        field = CenteredGrid(wave, extrapolation.PERIODIC, flow.bounds, flow.shape)
        y, x = (field.points.vector[d] for d in "yx")
        exact = -(math.cos(x) * -math.sin(x) * math.sin(y) + math.sin(y) * math.cos(x) * math.cos(y))
        errors.append(float(math.mean(math.abs(SCHEMES[scheme].rate(field, velocity).values - exact))))
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    print(scheme, errors, slopes)
    assert (slopes > order - (0.1 if scheme == "central" else 0.35)).all()  # a limiter is first order at extrema


COMPILED = [("box", "central"), ("wake", "van_leer")]
COMPILED += [pytest.param(*c, marks=pytest.mark.slow) for c in itertools.product(FLOWS, ("central", "van_leer"))]


@pytest.mark.parametrize(("name", "scheme"), COMPILED)
def test_compiled_steps_of_every_flow_are_those_of_phiflow(scheme, name):
    """... in float32 against NumPy in float64; the plume and the wake with their marker, and with obstacles."""
    whole, parameters, _ = FLOWS[name]
    options = {n: v for n, v in whole.options.items() if n == "top"}
    flow = type(whole)(**whole.resolution, dt=0.02, advection=scheme, **options)
    state = flow.initial_state(**parameters)
    with TENSORFLOW:
        compiled = flow.step(flow.step(state))
    for _ in range(2):
        state = flow.integrate(state, wrap(0.02))
    for field in flow.fields:
        difference = math.abs(math.convert(compiled.fields[field].values, math.NUMPY) - state.fields[field].values)
        assert float(math.max(difference, difference.shape)) < 1e-5


@pytest.mark.parametrize("name", ["box", "wake", "closed plume"])
@pytest.mark.parametrize("method", METHODS)
def test_corrections_enter_before_the_last_projection(name, method):
    whole, parameters, _ = FLOWS[name]
    flow = type(whole)(**whole.resolution, dt=0.02, advection="central")
    flow.integrator = method
    state = flow.initial_state(**parameters)
    rng = np.random.default_rng(3)
    added = math.map(
        lambda v: v * 0 + wrap(rng.standard_normal(v.shape.spatial.sizes), v.shape.spatial),
        flow.templates["velocity"].values,
        dims="~vector",
    )
    correction = {"velocity": flow.templates["velocity"].with_values(added)}
    plain, corrected = flow.integrate(state, wrap(0.02)), flow.integrate(state, wrap(0.02), correction)
    change = corrected.velocity.values - plain.velocity.values
    zero = correction["velocity"] * 0
    expected = flow.projection(correction["velocity"])[0].values - flow.projection(zero)[0].values
    math.assert_close(change, expected, abs_tolerance=1e-10)


def test_other_boundaries_and_centred_velocities_are_refused():
    grid = dict(y=4, x=4)
    marker = CenteredGrid(0.0, extrapolation.SYMMETRIC, **grid)
    velocity = StaggeredGrid(0.0, extrapolation.PERIODIC, **grid)
    with pytest.raises(InputError, match="Fluxes know .* not 'symmetric'"):
        central(marker, velocity)
    with pytest.raises(InputError, match="staggered"):
        van_leer(marker, CenteredGrid(math.vec(y=0.0, x=0.0), 0, **grid))


def test_time_steps_beyond_the_courant_limit_are_refused_with_the_largest_one():
    """By the speeds that are expected, and by the state that is stepped; at the largest one it is taken."""
    for method, number in (("heun", 1.0), ("rk3", 3**0.5), ("rk4", 8**0.5)):
        flow = PeriodicBox(y=16, x=16, dt=0.1, initial="taylor_green", integrator=method)
        largest = number * 2 * np.pi / 16
        flow.check_stability(0.99 * largest, seed=0, viscosity=1e-3)
        with pytest.raises(InputError, match=f"central is stable .* dt <= {largest:.3g}"):
            flow.check_stability(1.01 * largest, seed=0, viscosity=1e-3)
    flow = PeriodicBox(y=16, x=16, dt=0.1, advection="van_leer", initial="taylor_green")
    state = flow.initial_state()
    fast = state.with_fields(velocity=state.velocity * 8)
    fastest = max(float(math.max(math.abs(v), v.shape)) for v in state.velocity.values.vector)
    for step in (flow.step, lambda s: flow.rollout(s, 3)):
        step(state)
        with pytest.raises(InputError, match=r"dt=0.1 is too large .* for this velocity") as e:
            step(fast)
        largest = float(str(e.value).split("<= ")[1].rstrip("."))
        assert largest * 8 * fastest / flow.spacing["x"] == pytest.approx(1, abs=0.05)
        flow.step(fast, 0.97 * largest)
        with pytest.raises(InputError):
            flow.step(fast, 1.03 * largest)
    lookups = PeriodicBox(y=16, x=16, dt=0.1, advection="mac_cormack")
    lookups.step(lookups.initial_state(velocity=fast.velocity))


def test_diffusion_beyond_the_limit_of_the_method_is_refused():
    h = 2 * np.pi / 16
    for method, number in (("heun", 2.0), ("rk3", 2.512), ("rk4", 2.785)):
        flow = PeriodicBox(y=16, x=16, dt=0.01, integrator=method)
        most = number / 4 / (0.01 * 2 / h**2)
        flow.check_stability(0.01, seed=0, viscosity=0.999 * most)
        with pytest.raises(InputError, match="diffusion needs viscosity"):
            flow.check_stability(0.01, seed=0, viscosity=1.001 * most)


def test_advection_of_one_field_by_fluxes_is_a_step_of_the_method():
    """`advect` of a velocity that stays, with a scheme of fluxes: a fine wave comes back after one period."""
    flow = PeriodicBox(y=8, x=32, size=dict(y=1.0, x=1.0), integrator="rk4")
    velocity = StaggeredGrid(math.vec(y=0.0, x=1.0), extrapolation.PERIODIC, flow.bounds, flow.shape)
    wave = CenteredGrid(lambda p: math.sin(2 * np.pi * p.vector["x"]), extrapolation.PERIODIC, flow.bounds, flow.shape)
    field = wave
    for _ in range(64):
        field = flow.advect(field, velocity, wrap(1 / 64))
    phase = 2 * np.pi * (1 - np.sinc(2 / 32))  # of central differences
    assert float(math.max(math.abs(field.values - wave.values), spatial("y,x"))) == pytest.approx(
        2 * np.sin(phase / 2), rel=0.05
    )
