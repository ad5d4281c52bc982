"""Terms that are fitted to recorded simulations, by the trainer of all tasks."""

import keras
import numpy as np
import pytest
from phi import math

from phi_sol import (
    Dataset,
    Experiment,
    FitTerms,
    FunctionTerm,
    Generator,
    NeuralTerm,
    PeriodicBox,
    Plan,
    Stage,
    Trainer,
)
from phi_sol.errors import InputError, MissingError
from phi_sol.storage.dataset import find_simulations

LAW = 0.4


class QuadraticDrag(PeriodicBox):
    """A box with a drag law -c |u| u, component by component."""

    def rates(self, state):
        rate, u = super().rates(state)["velocity"], state.velocity.values
        return {"velocity": rate.with_values(rate.values - LAW * math.abs(u) * u)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    options = dict(dt=0.1, peak=2.0, speed=1.5)
    scene = Experiment(
        name="drag", flow=QuadraticDrag, source=dict(y=16, x=16), ratio=1, options=options, warmup=0, frames=16,
        train=dict(seed=tuple(range(4)), viscosity=(0.02,)), test=dict(seed=(9,), viscosity=(0.02,)),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("drag")
    Generator(scene, "train", folder / "train").run()
    return Dataset(scene.pair, find_simulations([folder / "train"], "train"))


@pytest.fixture
def known():
    return PeriodicBox(y=16, x=16, dt=0.1, peak=2.0, speed=1.5)


def plan(steps, rate, unroll=2):
    return Plan((Stage(unroll, 1.0),), steps=steps, batch=4, learning_rate=rate)


def test_a_missing_constant_is_found(data, known, tmp_path):
    constant = keras.Variable(0.0)
    law = FunctionTerm(lambda state, c: {"velocity": -c * state.velocity * math.abs(state.velocity)}, [constant])
    flow = known.with_terms(law)
    weights = Trainer(FitTerms(data, flow), plan(120, 0.05), tmp_path).fit()
    assert float(constant.numpy()) == pytest.approx(LAW, rel=0.03)
    assert weights[0] == pytest.approx(float(constant.numpy()), rel=1e-6)
    np.testing.assert_array_equal(FitTerms.load(tmp_path)[0], weights[0])


@pytest.mark.slow
def test_a_network_takes_the_place_of_a_missing_law(data, known, tmp_path):
    def pointwise(layers, x, outputs):
        x = keras.layers.Conv2D(16, 1, activation="tanh")(x)
        return layers.last(keras.layers.Conv2D(16, 1, activation="tanh")(x), outputs, 1)

    flow = known.with_terms(NeuralTerm(pointwise, magnitude=1.0, rate=0.5))
    task = FitTerms(data, flow)
    before = task.error(range(4), 10)  # its network starts at zero
    Trainer(task, plan(300, 1e-2), tmp_path).fit()
    assert task.error(range(4), 10) < 0.25 * before
    speeds = np.array([-1.5, -1.0, 0.0, 1.0, 1.5], np.float32)
    seen = np.zeros((1, 16, 16, 3), np.float32)
    seen[0, 0, :5, 0], seen[..., 2] = speeds, np.log(0.02)
    found = 0.5 * flow.terms[0].model(seen).numpy()[0, 0, :5, 0]
    np.testing.assert_allclose(found, -LAW * np.abs(speeds) * speeds, atol=0.2)


def test_neural_terms_on_other_backends_and_precisions(known):
    flow = known.with_terms(NeuralTerm("fastest"))
    with math.NUMPY:
        state = flow.step(flow.initial_state(seed=1))
    plain = known.step(known.initial_state(seed=1))
    np.testing.assert_allclose(
        state.velocity.values["x"].numpy("y,x"), plain.velocity.values["x"].numpy("y,x"), atol=1e-5
    )  # it starts at zero


def test_what_can_not_be_fitted_is_refused(data, known, tmp_path):
    with pytest.raises(InputError, match="terms have weights"):
        FitTerms(data, known)
    other = PeriodicBox(y=8, x=8, dt=0.1).with_terms(NeuralTerm("fastest"))
    with pytest.raises(InputError, match="belong to"):
        FitTerms(data, other)
    with pytest.raises(InputError, match="has no field 'marker'"):
        known.with_terms(NeuralTerm("fastest", field="marker"))
    with pytest.raises(InputError, match="magnitude"):
        NeuralTerm("fastest", magnitude=-1.0)
    with pytest.raises(InputError, match="as soon as a flow has the term"):
        _ = NeuralTerm("fastest").model
    with pytest.raises(MissingError, match="no fit of terms"):
        FitTerms.load(tmp_path)
