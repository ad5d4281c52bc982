"""Physics-informed networks: derivatives, equations and faces against closed forms, and what a solution can do."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import (
    Dataset,
    Experiment,
    Generator,
    InputError,
    MissingError,
    PeriodicBox,
    Plan,
    Stage,
    Trainer,
    Validation,
    WakeFlow,
)
from phi_sol.grids.sampling import wave_mean
from phi_sol.storage.dataset import find_simulations
from phi_sol.tasks import solver_of, split_of, task_in, task_of
from phi_sol.tasks.pinn import equations
from phi_sol.tasks.pinn.coordinates import features, initial_weights, outputs_of
from phi_sol.tasks.pinn.equations import Equations
from phi_sol.tasks.pinn.solution import Solution
from phi_sol.tasks.pinn.task import Pinn


def test_derivatives_against_differences():
    rng, axes = np.random.default_rng(0), 2
    weights = [tf.constant(w, tf.float64) for w in initial_weights(2, axes, 3, seed=0)]
    time, angles = rng.random(5), 6 * rng.random((5, axes))

    def value(t, x):
        return outputs_of(weights, features(tf.constant(t), tf.constant(x)))[:, 0].numpy()

    jets = outputs_of(weights, features(tf.constant(time), tf.constant(angles), derivatives=True)).numpy()
    assert jets.shape == (2, 2 + 2 * axes, 5, 3)
    np.testing.assert_allclose(jets[:, 0], value(time, angles), rtol=1e-12)
    e = 1e-4
    np.testing.assert_allclose(jets[:, 1], (value(time + e, angles) - value(time - e, angles)) / (2 * e), atol=1e-6)
    for d in range(axes):
        shift = e * np.eye(axes)[d]
        up, down = value(time, angles + shift), value(time, angles - shift)
        np.testing.assert_allclose(jets[:, 2 + d], (up - down) / (2 * e), atol=1e-6)
        np.testing.assert_allclose(jets[:, 2 + axes + d], (up - 2 * jets[:, 0] + down) / e**2, atol=1e-5)


SIZE, SPEED, HORIZON, DRAG = 4.0, 1.5, 2.0, 0.3


def taylor_green(viscosity, drag=DRAG):
    """Jets of u_x = sin x cos y, u_y = -cos x sin y, p = (cos 2x + cos 2y) / 4 and their decay, in units of speed."""

    def jets_of(weights, points):
        t, (y, x) = points
        k = 2 * np.pi / SIZE
        rate = -(2 * viscosity * k**2 + drag) * HORIZON
        f, sx, cx, sy, cy = np.exp(rate * t), np.sin(x), np.cos(x), np.sin(y), np.cos(y)
        u, v, p = f * sx * cy, -f * cx * sy, f**2 * (np.cos(2 * x) + np.cos(2 * y)) / 4
        rows = [
            (v, u, p),
            (rate * v, rate * u, 2 * rate * p),
            (-f * cx * cy, -f * sx * sy, -(f**2) * np.sin(2 * y) / 2),
            (f * sx * sy, f * cx * cy, -(f**2) * np.sin(2 * x) / 2),
            (-v, -u, -(f**2) * np.cos(2 * y)),
            (-v, -u, -(f**2) * np.cos(2 * x)),
        ]
        return tf.constant(np.stack([np.stack(r, -1) for r in rows])[None])

    return jets_of


def test_the_equations_are_those_that_taylor_and_green_solve(monkeypatch):
    flow = PeriodicBox(y=8, x=8, size=dict(y=SIZE, x=SIZE), drag=DRAG)
    problem, rng = Equations(flow, SPEED, HORIZON), np.random.default_rng(1)
    monkeypatch.setattr(equations, "features", lambda t, a, derivatives: (t.numpy(), a.numpy().T))
    time, angles = tf.constant(rng.random(20)), tf.constant(6 * rng.random((20, 2)))

    def left(viscosity, **wrong):
        monkeypatch.setattr(equations, "outputs_of", taylor_green(0.05, **wrong))
        return problem.residuals([], tf.constant([viscosity], tf.float64), time, angles).numpy().max()

    assert left(0.05) < 1e-25
    assert left(0.06) > 1e-5 and left(0.05, drag=0.2) > 1e-4


def test_faces_have_the_means_of_their_points(monkeypatch):
    errors = []
    for n in (8, 16):
        flow = PeriodicBox(y=n, x=n)
        problem = Equations(flow, 2.0, 1.0)
        monkeypatch.setattr(equations, "features", lambda t, a: a)
        monkeypatch.setattr(
            equations, "outputs_of", lambda w, a: tf.stack([tf.sin(a[:, 0]) * tf.sin(2 * a[:, 1])] * 3, -1)[None, None]
        )
        found, where = problem.arrays([], tf.constant(0.0)), flow.layouts["velocity"].intervals("y")
        exact = np.outer(wave_mean(*where["y"], 1).imag, wave_mean(*where["x"], 2).imag)
        errors.append(np.sqrt(np.mean((found["velocity.y"][0] - 2 * exact) ** 2)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)


@pytest.fixture(scope="module")
def scene():
    how = dict(options=dict(dt=0.1, peak=1.0, spread=0.3), reference_options=dict(advection="central"))
    starts = dict(train=dict(seed=(0, 1), viscosity=(0.1,)), test=dict(seed=(5, 6), viscosity=(0.1, 0.2)))
    return Experiment("box", PeriodicBox, dict(y=8, x=8), ratio=2, warmup=0, frames=4, **starts, **how)


@pytest.fixture(scope="module")
def data(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("box") / "test"
    Generator(scene, "test", folder).run()
    return Dataset(scene.pair, find_simulations(folder, "test"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "pinn"
    plan = Plan((Stage(1, 1.0),), batch=4, learning_rate=3e-3, steps=200)
    Trainer(Pinn(data), plan, folder, validation=Validation(0)).fit(progress=False)
    return folder


def test_a_short_training_comes_near_the_start_and_follows_the_equations(scene, data, run):
    solution, flow = Solution.load(run), scene.pair.source
    solver = solver_of(run, flow)
    arrays = {n: tf.constant(a) for n, a in data.frame(0).items()}
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    names, speed = list(arrays), solution.speed
    assert np.isclose(speed, np.sqrt(np.mean([np.mean(data.arrays[n][:, 0] ** 2) for n in names])))
    assert solution.horizon == pytest.approx(0.4) and len(solution) == 2
    frames = list(solver.frames(arrays, parameters, 4))
    assert set(frames[0]) == set(names)
    # as much as 200 iterations give: nearer than zero velocity is, by a factor
    last = {n: frames[-1][n].numpy() for n in names}
    wrong = sum(np.abs(last[n] - data.arrays[n][:, 4]).mean() for n in names)
    size = sum(np.abs(data.arrays[n][:, 4]).mean() for n in names)
    assert wrong < 0.5 * size
    # any order and part of the simulations, and step by step
    second = {n: a[1:] for n, a in arrays.items()}
    one = solver(second, {n: p[1:] for n, p in parameters.items()})
    two = solver(one, {n: p[1:] for n, p in parameters.items()})
    for n in names:
        np.testing.assert_allclose(one[n][0], frames[0][n][1], atol=1e-5)
        np.testing.assert_allclose(two[n][0], frames[1][n][1], atol=1e-5)


def test_it_solves_what_it_was_trained_for_only(scene, data, run, tmp_path):
    flow = scene.pair.source
    solver = solver_of(run, flow)
    other = flow.initial_state(seed=9, viscosity=0.1)
    with pytest.raises(InputError, match=r"follows the 2 simulations that it was trained for.* none of them starts"):
        solver.rollout(other, 2)
    with pytest.raises(InputError, match="The solution was trained for another flow"):
        solver_of(run, PeriodicBox(y=8, x=8, dt=0.2))
    with pytest.raises(InputError, match="knows the equations of a PeriodicBox, not those of WakeFlow"):
        Equations(WakeFlow(y=16, x=8), 1.0, 1.0)
    with pytest.raises(InputError, match="without a force and further terms, which this one has"):
        Equations(PeriodicBox(y=8, x=8, forcing="kolmogorov"), 1.0, 1.0)
    plan = Plan((Stage(1, 1.0),), batch=2, learning_rate=1e-3, steps=1)
    with pytest.raises(InputError, match="none can be held out"):
        Trainer(Pinn(data), plan, tmp_path / "validated", validation=Validation(1))


def test_folders_and_methods(scene, run):
    assert task_in(run) is Pinn and task_of(scene, "pinn") is Pinn and task_of(scene, "sol").name == "correction"
    assert (split_of("pinn"), split_of("node")) == ("test", "train")


def test_damaged_files_are_one_line(run, tmp_path):
    with pytest.raises(MissingError, match="There is no neural solution in"):
        Solution.load(tmp_path)
    content = (run / "pinn.npz").read_bytes()
    for wrong in (content[:500], b"nothing"):
        (tmp_path / "pinn.npz").write_bytes(wrong)
        with pytest.raises(InputError, match=r"pinn\.npz is damaged"):
            Solution.load(tmp_path)
    good = Solution.load(run)
    for weights, starts in (
        (good.weights[:-1], good.starts),
        (good.weights, {n: a[:1] for n, a in good.starts.items()}),
        ([*good.weights[:-1], good.weights[-1] * np.float32("nan")], good.starts),
    ):
        Solution(weights, starts, good.speed, good.horizon, description=good.description).save(tmp_path)
        with pytest.raises(InputError, match="shapes that do not fit"):
            Solution.load(tmp_path)
    Solution(good.weights, good.starts, -1.0, good.horizon, description=good.description).save(tmp_path)
    with pytest.raises(InputError, match="speed"):
        Solution.load(tmp_path)
