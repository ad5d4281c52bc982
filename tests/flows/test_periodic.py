"""The periodic box: options, initial states, forces, and what is refused."""

import numpy as np
import pytest
from phi import math
from phi.field import divergence
from phi.math import wrap
from phi.physics import diffuse

from phi_sol import BuoyantPlume, InputError, PeriodicBox, SolverPair
from phi_sol.flows.diffusion import laplacian
from phi_sol.grids.restriction import restrict

BOXES = {
    "2D": dict(y=16, x=16),
    "oblong": dict(y=16, x=8, size=dict(y=4.0, x=3.0)),
    "3D": dict(y=8, x=8, z=8),
}


@pytest.fixture(autouse=True)
def double():
    with math.NUMPY, math.precision(64):
        yield


def box(kind="2D", factor=1, **options):
    cells = {n: v * factor if n != "size" else v for n, v in BOXES[kind].items()}
    return PeriodicBox(**(cells | options))


def parts(field):
    return [field.values[{"~vector": d}].numpy(list(field.resolution.names)) for d in field.resolution.names]


@pytest.mark.parametrize("kind", BOXES)
@pytest.mark.parametrize("initial", ["waves", "taylor_green"])
def test_initial_states_are_divergence_free_and_restrict_exactly(kind, initial):
    """Also where waves are shorter than the cells of the coarse grid."""
    coarse, fine = (box(kind, n, initial=initial, peak=6.0, speed=2.0) for n in (1, 2))
    states = [flow.initial_state(seed=3) for flow in (coarse, fine)]
    for flow, state in zip((coarse, fine), states, strict=True):
        assert float(math.max(math.abs(divergence(state.velocity).values), flow.shape)) < 1e-12
        assert all(abs(a.mean()) < 1e-14 for a in parts(state.velocity))
    for n, c in zip(fine.layouts["velocity"].arrays, fine.size, strict=True):
        given = dict(zip(fine.layouts["velocity"].arrays, parts(states[1].velocity), strict=True))[n][None]
        expected = restrict(given, fine.layouts["velocity"], c, 2)[0]
        np.testing.assert_allclose(parts(states[0].velocity)[list(fine.size).index(c)], expected, atol=1e-13)


def test_waves_have_the_speed_and_the_ring_that_are_asked_for():
    flow = PeriodicBox(y=64, x=64, peak=6.0, spread=0.5, speed=0.3)
    a = parts(flow.initial_state(seed=1).velocity)
    assert np.sqrt(sum((x**2).mean() for x in a)) == pytest.approx(0.3, rel=0.02)
    number = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64, 1 / 64)] * 2, indexing="ij"))
    energy = sum(np.abs(np.fft.fft2(x)) ** 2 for x in a)
    assert energy[np.abs(number - 6) < 2.01].sum() > (1 - 1e-6) * energy.sum()
    assert np.abs(np.average(number, weights=energy) - 6) < 0.3
    assert (parts(flow.initial_state(seed=2).velocity)[0] != a[0]).all()
    several = flow.initial_state(seed=[1, 2])
    np.testing.assert_array_equal(parts(several.velocity.batch[0])[0], a[0])


def test_taylor_green_has_its_closed_form():
    for kind in ("2D", "3D"):
        flow = box(kind, 4, initial="taylor_green", speed=0.5)
        velocity = flow.initial_state().velocity
        x = velocity.vector["x"].points
        u = 0.5 * math.sin(x.vector["x"]) * math.cos(x.vector["y"]) * (math.cos(x.vector["z"]) if kind == "3D" else 1)
        exact = u.numpy(list(flow.resolution))
        assert np.abs(parts(velocity)[1] - exact).max() < 0.02
        if kind == "3D":
            assert not parts(velocity)[2].any()


@pytest.mark.parametrize("kind", BOXES)
def test_given_velocities_are_projected(kind):
    flow, rng = box(kind), np.random.default_rng(0)
    shape = tuple(flow.resolution.values())
    arrays = [rng.standard_normal(shape) for _ in shape]
    state = flow.initial_state(viscosity=0.01, velocity=arrays)
    assert float(math.max(math.abs(divergence(state.velocity).values), flow.shape)) < 1e-11
    again = flow.initial_state(velocity=parts(state.velocity)).velocity
    for a, b in zip(parts(again), parts(state.velocity), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    same = flow.initial_state(velocity=state.velocity.values).velocity
    np.testing.assert_allclose(parts(same)[0], parts(again)[0], atol=1e-12)


def test_arrays_of_another_shape_are_refused():
    flow = box()
    with pytest.raises(InputError, match=r"consists of 2 arrays \(y, x\) of shape \(16, 16\)"):
        flow.initial_state(velocity=[np.zeros((17, 16)), np.zeros((16, 17))])
    with pytest.raises(InputError, match="2 arrays"):
        flow.initial_state(velocity=[np.zeros((16, 16))])
    for value in (np.nan, np.inf):
        with pytest.raises(InputError, match="values that are not finite"):
            flow.initial_state(velocity=[np.zeros((16, 16)), np.full((16, 16), value)])


@pytest.mark.parametrize("viscosity", [0, -1e-3, float("nan"), "much", [0.1, 0.0]])
def test_viscosity_is_positive(viscosity):
    with pytest.raises(InputError, match="viscosity"):
        box().initial_state(viscosity=viscosity)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (dict(initial="vortex"), "Unknown initial state 'vortex' .* waves, taylor_green"),
        (dict(integrator="euler"), "Unknown integrator 'euler' .* heun, rk3, rk4"),
        (dict(advection="weno"), "Unknown advection scheme 'weno'"),
        (dict(forcing="wind"), "The forcing of a PeriodicBox is 'kolmogorov', a function"),
        (dict(drag=-0.1), "drag"),
        (dict(drag=float("inf")), "drag"),
        (dict(amplitude=0), "amplitude"),
        (dict(speed=-1), "speed"),
        (dict(peak="high"), "peak"),
        (dict(spread=0.0), "spread"),
        (dict(wave_number=1.5), "wave_number"),
        (dict(wave_number=0), "wave_number"),
        (dict(forcing="kolmogorov", wave_number=9), "is 9, but 16 cells along y resolve at most 8 waves"),
        (dict(size=dict(y=0.0)), "size"),
        (dict(dt=0), "time step"),
    ],
)
def test_options_that_are_not_possible_are_refused(options, fault):
    with pytest.raises(InputError, match=fault):
        box(**options)


@pytest.mark.parametrize(
    ("forcing", "fault"),
    [
        (lambda p: math.vec(y=0.0, x=p.vector["y"]), "is not periodic: along y it differs by"),
        (lambda p: math.vec(y=math.sin(0.5 * p.vector["x"]), x=0.0), "is not periodic: along x"),
        (lambda p: math.sin(p.vector["y"]), r"must give a vector, math.vec\(y=..., x=...\)"),
        (lambda p: math.vec(y=0.0, z=0.0), "must give a vector"),
        (lambda p: 1 / 0 if p is None else None, "must give a vector"),
        (lambda p: math.vec(y=float("nan"), x=0.0), "not periodic"),
    ],
)
def test_forcing_that_is_not_periodic_or_no_vector_is_refused(forcing, fault):
    with pytest.raises(InputError, match=fault):
        box(forcing=forcing)


@pytest.mark.parametrize("kind", BOXES)
def test_kolmogorov_forcing_is_that_of_a_function_up_to_the_mean_over_faces(kind):
    named = box(kind, 2, forcing="kolmogorov", amplitude=0.5, wave_number=2)
    length = named.size["y"]

    def forcing(p):
        others = dict.fromkeys((d for d in named.size if d != "x"), 0.0 * p.vector["y"])
        return math.vec(
            **{d: (others | {"x": 0.5 * math.sin(4 * np.pi / length * p.vector["y"])})[d] for d in named.size}
        )

    given = box(kind, 2, forcing=forcing)
    mean = np.sinc(2 / named.resolution["y"])
    for d, a, b in zip(named.size, parts(named.forcing), parts(given.forcing), strict=True):
        np.testing.assert_allclose(a, b * mean if d == "x" else 0 * a, atol=1e-12)
    assert box(kind).forcing is None


@pytest.mark.parametrize("advection", ["central", "van_leer", "semi_lagrangian", "mac_cormack"])
def test_laminar_kolmogorov_flow_stays(advection):
    """Where forcing balances viscosity and drag, u_x = A sin(k y) / (ν k² + μ) is steady but for the grid's ν k²."""
    nu, k = 0.05, 2
    flow = PeriodicBox(
        y=16, x=8, dt=0.05, advection=advection, forcing="kolmogorov", wave_number=k, amplitude=0.1, drag=0.1
    )
    eigenvalue = (2 - 2 * np.cos(k * flow.spacing["y"])) / flow.spacing["y"] ** 2
    speed = flow.forcing.values / (nu * eigenvalue + flow.drag)
    state = flow.initial_state(viscosity=nu, velocity=speed)
    after = flow.integrate(state, wrap(0.05))
    math.assert_close(after.velocity.values, state.velocity.values, abs_tolerance=1e-12)


@pytest.mark.parametrize("integrator", ["heun", "rk3", "rk4"])
def test_drag_alone_decays_by_the_polynomial_of_the_method(integrator):
    flow = box(drag=0.7, integrator=integrator)
    velocity = flow.field("velocity", math.vec(y=1.0, x=-2.0))
    state = flow.initial_state(viscosity=1e-3, velocity=velocity)
    after, z = flow.integrate(state, wrap(0.5)), -0.35
    order = dict(heun=2, rk3=3, rk4=4)[integrator]
    factor = sum(z**n / np.prod(np.arange(1, n + 1)) for n in range(order + 1))
    math.assert_close(after.velocity.values, factor * velocity.values, abs_tolerance=1e-12)


@pytest.mark.parametrize("name", ["velocity", "marker"])
@pytest.mark.parametrize("flow", [box(), box("3D"), BuoyantPlume(y=8, x=6), BuoyantPlume(y=8, x=6, top="open")])
def test_laplacian_is_that_of_phiflow(flow, name):
    if name not in flow.fields:
        pytest.skip("a box has no marker")
    rng, field = np.random.default_rng(0), flow.templates[name]
    random = lambda v: v * 0 + wrap(rng.standard_normal(v.shape.spatial.sizes), v.shape.spatial)  # noqa: E731
    field = field.with_values(
        math.map(random, field.values, dims="~vector") if name == "velocity" else random(field.values)
    )
    expected = diffuse.explicit(field, 0.3, 0.5).values - field.values
    found = 0.15 * laplacian(field).values
    if getattr(flow, "top", "") == "open":  # PhiFlow leaves the outermost faces out
        expected, found = (v.vector.dual["x"] if name == "velocity" else v for v in (expected, found))
    math.assert_close(found, expected, abs_tolerance=1e-12)


def test_boxes_pair_and_say_what_they_are():
    flow = box("2D", forcing="kolmogorov", drag=0.1)
    pair = SolverPair(PeriodicBox, dict(y=16, x=16), ratio=2, time_ratio=2, dt=0.02)
    assert (pair.reference.resolution, pair.reference.dt) == (dict(y=32, x=32), 0.01)
    assert flow.config() != box("2D").config() and flow.config() == box("2D", forcing="kolmogorov", drag=0.1).config()
    assert "PeriodicBox(y=16, x=16" in repr(flow)
