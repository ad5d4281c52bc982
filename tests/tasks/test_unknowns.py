"""Profiles, weights and fields as unknowns; searches by several methods, from several points, in windows, resumed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from noise import noisy, quiet
from phi.math import precision, spatial, wrap

from phi_sol import (
    Controlled,
    Design,
    Disc,
    Estimation,
    FunctionTerm,
    InitialField,
    InputError,
    Motion,
    Observations,
    Outline,
    Parameter,
    PeriodicBox,
    Profile,
    State,
    TimeTable,
    WakeFlow,
    Weights,
)


@pytest.fixture(scope="module")
def wake():
    return WakeFlow(y=16, x=8, dt=4.0)


@pytest.fixture(scope="module")
def box():
    return PeriodicBox(y=12, x=12, dt=0.05)


@pytest.fixture(scope="module")
def vortices():
    return PeriodicBox(y=8, x=8, dt=0.05, initial="taylor_green")


def test_an_inlet_is_found(wake):
    true = 1 + 0.3 * np.sin(np.linspace(0, 3, 8))
    guess = wake.initial_state(reynolds=300.0, inlet=1.0)
    start = State(guess.fields, guess.parameters | {"inlet": wrap(true, spatial("x"))})
    known = Observations(noisy(wake.rollout(start, 10, progress=False), 1e-3), "velocity", every=2, noise=1e-3)
    found = Estimation(wake, guess, Profile("inlet"), known).fit(progress=False)
    np.testing.assert_allclose(found.estimates["inlet"], true, atol=4e-3)
    off = (found.estimates["inlet"] - true) / found.errors["inlet"]
    assert found.rank == 8 and np.abs(off).max() < 4 and "inlet (8 values)" in repr(found)
    assert found.state.inlet.shape.get_size("x") == 8


def test_a_mean_stays(wake):
    state = wake.initial_state(reynolds=300.0, inlet=1.0)
    kept = Profile("inlet", mean=1.0)
    least = Design(wake, state, kept, lambda s: (s.velocity.vector["y"].values.y[8].x[4] - 0.5) ** 2, steps=4).fit(
        5, progress=False
    )
    assert least.quantity < least.before and least.values["inlet"].mean() == pytest.approx(1.0, abs=1e-9)
    assert least.values["inlet"].std() > 0.01


def compared(task, rng, step=1e-5):
    """Of each unknown the slopes of the cost in three directions by the gradient, and by differences."""
    x = task.simulation.begin + 0.01 * rng.normal(size=task.size)
    value, gradient = task.whole(x, quiet)
    assert value == pytest.approx(np.sum(task.residuals(x[None]) ** 2) / 2, rel=1e-10)
    ends, result = np.cumsum([len(u.begin(task.solver, task.simulation.arrays, task.simulation.parameters))
                              for u in task.unknowns]), {}  # fmt: skip
    for unknown, end, begin in zip(task.unknowns, ends, [0, *ends], strict=False):
        along = np.zeros((3, len(x)))
        along[:, begin:end] = rng.normal(size=(3, end - begin))
        moved = np.concatenate([x + step * along, x - step * along])
        costs = np.sum(task.residuals(moved) ** 2, 1) / 2
        result[unknown.name] = along @ gradient, (costs[:3] - costs[3:]) / (2 * step)
    return result


def check_slopes(slopes):
    for name, (found, expected) in slopes.items():
        cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
        assert cosine > 0.9999, (name, found, expected)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize("steps", [20, 200])
def test_gradients_of_all_kinds_of_unknowns(wake, steps):
    """Profile, field, parameter and weights of a term together, against finite differences in double precision."""
    rng = np.random.default_rng(1)
    with precision(64):
        drag = tf.Variable(0.02, dtype=tf.float64)
        flow = wake.with_terms(FunctionTerm(lambda s, c: {"velocity": -c * s.velocity}, [drag]))
        start = flow.rollout(flow.initial_state(reynolds=300.0, inlet=np.linspace(0.8, 1.2, 8)), 5, progress=False).last
        frames = flow.rollout(start, steps, progress=False)
        seen = Observations(noisy(frames, 0.1), "velocity", every=steps // 4, noise=0.1)
        unknowns = [Parameter("reynolds", 200.0), Profile(), InitialField("velocity"), Weights([drag], "drag")]
        slopes = compared(Estimation(flow, start, unknowns, seen), rng)
        if steps == 200:  # what was at the start has left long ago
            found, _ = slopes.pop("velocity")
            assert np.abs(found).max() < 1e-4 * np.abs(slopes["inlet"][0]).max()
        check_slopes(slopes)


@pytest.mark.parametrize("steps", [20, 200])
def test_gradients_of_an_initial_field(box, steps):
    """In a periodic box nothing leaves."""
    with precision(64):
        start = box.initial_state(seed=3, viscosity=0.02)
        seen = Observations(noisy(box.rollout(start, steps, progress=False), 0.1), every=steps // 4, noise=0.1)
        check_slopes(compared(Estimation(box, start, InitialField("velocity"), seen), np.random.default_rng(1)))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_gradients_of_bodies_paths_and_what_enters_in_time(steps):
    """Place, size, angle, outline and spin of a body, a second one's path, and an inlet in space and time."""
    with precision(64):
        wing = Outline("wing", dict(y=60, x=45), 14, a=(0.0, 0.2), free=("y", "x", "radius", "angle", "a2", "spin"))
        disc = Disc("disc", dict(y=130, x=55), 13, free=("x", "vx"))
        flow = WakeFlow(y=32, x=16, dt=3.0, bodies=[wing, disc])
        knots = np.linspace(0, 3 * steps, 4)
        path = tf.Variable(np.array([55.0, 58.0, 53.0, 56.0]))
        inlet = tf.Variable(1 + 0.1 * np.random.default_rng(2).normal(size=(4, 16)))
        controls = [Motion("disc", x=TimeTable(path, times=knots)), {"inlet": TimeTable(inlet, times=knots)}]
        solver = Controlled(flow, controls)
        start = solver.rollout(flow.initial_state(reynolds=120.0), 5, progress=False).last
        frames = solver.rollout(start, steps, progress=False)
        seen = Observations(noisy(frames, 0.1), "velocity", every=steps // 4, noise=0.1)
        unknowns = [*(Parameter(f"wing_{k}") for k in wing.free), Weights(path, "path"), Weights(inlet, "inlet")]
        check_slopes(compared(Estimation(solver, start, unknowns, seen), np.random.default_rng(1)))


def test_weights_of_a_term_are_found_and_kept(box):
    drag = tf.Variable(0.3)
    flow = box.with_terms(FunctionTerm(lambda s, c: {"velocity": -c * s.velocity}, [drag]))
    start = flow.initial_state(seed=1, viscosity=0.02)
    frames = flow.rollout(start, 10, progress=False)
    drag.assign(0.05)
    known = Observations(noisy(frames, 0.01), every=5, noise=0.01)
    found = Estimation(flow, start, Weights(drag, "drag"), known).fit(progress=False)
    assert float(drag) == pytest.approx(0.3, rel=0.05) and found.estimates["drag"][0] == pytest.approx(float(drag))
    assert abs(float(drag) - 0.3) < 4 * float(found.errors["drag"][0])


@pytest.mark.slow
def test_all_methods_find_the_same(box):
    start = box.initial_state(seed=3, viscosity=0.02)
    known = Observations(noisy(box.rollout(start, 10, progress=False), 0.02), every=5, noise=0.02)
    task = Estimation(box, start, [Parameter("viscosity", 0.04), InitialField("velocity", 0.5)], known)
    how = {"l-bfgs": 40, "gauss-newton-products": 8}
    found = {m: task.fit(n, m, progress=False) for m, n in how.items()}
    found["adam"] = task.fit(150, keras.optimizers.Adam(0.05), progress=False)
    best = found["l-bfgs"]
    for name, other in found.items():
        assert other.history[-1] < best.history[-1] * (1.02 if name == "adam" else 1.001)
        assert other.estimates["viscosity"] == pytest.approx(best.estimates["viscosity"], rel=0.1)


@pytest.mark.slow
def test_errors_of_fields_are_those_of_the_whole_covariance(vortices):
    """The low-rank ones are at least as large as (JᵀJ + 1/p²)^-1 from the whole Jacobian, and close to it."""
    start = vortices.initial_state(viscosity=0.1)
    known = Observations(noisy(vortices.rollout(start, 4, progress=False), 0.05), "velocity.y", every=4, noise=0.05)
    task = Estimation(vortices, start, InitialField("velocity", 0.1), known)
    found = task.fit(5, "l-bfgs", rank=60, progress=False)
    jacobian = task.jacobian(found.x)
    whole = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))
    errors = np.concatenate([e.ravel() for e in found.errors["velocity"].values()])
    assert (errors > 0.99 * whole).all() and errors.mean() < 1.05 * whole.mean() < 0.1
    assert found.rank == 60


@pytest.mark.slow
def test_errors_of_a_field_hold_the_truth_as_often_as_they_say(vortices):
    """Fields are drawn from the prior: 68 % of their values lie within one error."""
    start, inside = vortices.initial_state(viscosity=0.1), []
    layout = vortices.layouts["velocity"]
    for seed in range(2):
        rng = np.random.default_rng(seed)
        true = {n: np.asarray(a) + 0.1 * rng.normal(size=a.shape) for n, a in
                layout.to_arrays(start.velocity, start.batch_shape).items()}  # fmt: skip
        field = layout.to_field({n: a.astype(np.float32) for n, a in true.items()}, start.batch_shape)
        frames = vortices.rollout(start.with_fields(velocity=vortices.projection(field)[0]), 2, progress=False)
        known = Observations(noisy(frames, 0.05, seed), every=2, noise=0.05)
        task = Estimation(vortices, start, InitialField("velocity", 0.1), known)
        found = task.fit(30, "l-bfgs", rank=40, progress=False)
        inside += [np.abs(found.estimates["velocity"][n] - true[n]) < found.errors["velocity"][n] for n in true]
    assert 0.6 < np.mean(inside) < 0.76


def test_several_starts_leave_a_bad_one(vortices):
    """From a viscosity that is far too large the search stays where everything has died away."""
    start = vortices.initial_state(viscosity=0.1)
    known = Observations(vortices.rollout(start, 40, progress=False), noise=0.01)
    bad = Parameter("viscosity", 2.9, bounds=(0.01, 3.0))
    found = Estimation(vortices, start, bad, known).fit(10, "l-bfgs", starts=4, progress=False)
    assert found.estimates["viscosity"] == pytest.approx(0.1, rel=0.02)


def test_windows_grow(vortices, monkeypatch):
    start = vortices.initial_state(viscosity=0.1)
    task = Estimation(vortices, start, Parameter("viscosity", 0.3),
                      Observations(vortices.rollout(start, 8, progress=False), every=2, noise=0.01))  # fmt: skip
    used, find = [], task._find

    def noted(*given):
        used.append(task.seen.used)
        return find(*given)

    monkeypatch.setattr(task, "_find", noted)
    found = task.fit(windows=3, progress=False)
    assert used == [2, 3, 4] and found.estimates["viscosity"] == pytest.approx(0.1, rel=1e-3)
    assert task.simulation.values(task.simulation.begin)["viscosity"] == pytest.approx(0.3)


def test_a_search_goes_on(vortices, tmp_path):
    start = vortices.initial_state(viscosity=0.1)
    known = Observations(vortices.rollout(start, 8, progress=False), noise=0.01)
    task = Estimation(vortices, start, Parameter("viscosity", 0.5), known)
    first = task.fit(2, "l-bfgs", folder=tmp_path / "run", progress=False)
    with pytest.raises(InputError, match="There is a search in .* already: go on with it"):
        task.fit(2, "l-bfgs", folder=tmp_path / "run", progress=False)
    again = task.fit(30, "l-bfgs", folder=tmp_path / "run", resume=True, progress=False)
    assert again.history[: len(first.history)] == first.history and again.history[-1] < first.history[-1]
    assert again.estimates["viscosity"] == pytest.approx(0.1, rel=1e-3)
    with pytest.raises(InputError, match="no search in .*other to go on with"):
        task.fit(2, folder=tmp_path / "other", resume=True, progress=False)
    other = Estimation(vortices, start, InitialField("velocity", 0.1), known)
    with pytest.raises(InputError, match="is of another search"):
        other.fit(2, folder=tmp_path / "run", resume=True, progress=False)
    (tmp_path / "run" / "search.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"search.npz is damaged"):
        task.fit(2, folder=tmp_path / "run", resume=True, progress=False)


def test_a_design_follows_a_target(vortices):
    """The energy of u = exp(-2 κ ν t) u_0 is a tenth at the end, κ of the Laplacian on eight cells."""
    start = vortices.initial_state(viscosity=0.1)
    size = float(np.mean(np.asarray(vortices.rollout(start, 1, progress=False).arrays["velocity.y"]) ** 2))

    def off(state):
        mean = tf.reduce_mean(state.velocity.vector["y"].values.native("batch,y,x") ** 2, (1, 2))
        return (mean / size - 0.1) ** 2

    eigenvalue = (2 - 2 * np.cos(np.pi / 4)) / (np.pi / 4) ** 2
    found = Design(vortices, start, "viscosity", off, steps=40, after=39).fit(30, progress=False)
    assert found.quantity < 1e-6 < found.before and len(found.gradients) > 1
    assert found.values["viscosity"] == pytest.approx(np.log(10) / (4 * 2.0 * eigenvalue), rel=0.02)
    assert "->" in repr(found) and found.rollout(2).arrays["velocity.y"].shape[0] == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f, s: Design(f, s, "viscosity", lambda s: s.velocity.values, steps=2).fit(1), "is one number, not 128"),
        (
            lambda f, s: Design(f, s, "viscosity", lambda s: "low", steps=2).fit(1),
            "not of type string",
        ),
        (lambda f, s: Design(f, s, "viscosity", lambda s: 0.0, steps=2, every=3), "never taken in 2 steps"),
        (lambda f, s: Design(f, s, "viscosity", lambda s: 0.0, steps=0), "at least 1"),
        (lambda f, s: Design(f, s, Profile("inlet"), lambda s: 0.0, steps=1), "has no profile 'inlet'. Known: none"),
        (lambda f, s: Weights(5), "Weights are variables, or of what has some, not 5"),
        (lambda f, s: Weights([]), "Weights are variables"),
        (lambda f, s: Profile(bounds=(2, 1)), "two numbers in order"),
        (lambda f, s: Parameter("viscosity", scale=-1), "must be positive"),
        (lambda f, s: Design(f, s, Parameter("viscosity", -1.0), lambda s: 0.0, steps=1), "start of 'viscosity' must"),
    ],
)
def test_refused(vortices, make, message):
    with pytest.raises(InputError, match=message):
        make(vortices, vortices.initial_state(viscosity=0.1))


def test_an_inlet_must_be_in_the_state(wake):
    with pytest.raises(InputError, match=r"initial_state\(..., inlet=1.0\) gives it one"):
        Design(wake, wake.initial_state(reynolds=300.0), Profile("inlet"), lambda s: 0.0, steps=1)
    several = wake.initial_state(reynolds=300.0, inlet=np.stack([np.ones(8), 2 * np.ones(8)]))
    with pytest.raises(InputError, match="simulations differ in their inlet"):
        Design(wake, several, Profile("inlet"), lambda s: 0.0, steps=1)
