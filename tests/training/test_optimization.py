"""One iteration: clipping, moving average, precision, and gradients that are not finite."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Correction, DivergedError, Method, Plan, Stage, Trainer
from phi_sol.training.divergence import cause
from phi_sol.training.optimization import total
from phi_sol.training.windows import Windows


def trainer(data, folder, steps=3, method="non", **plan):
    plan = Plan((Stage(1, 1.0),), batch=2, learning_rate=plan.pop("learning_rate", 1e-3), steps=steps, **plan)
    return Trainer(Correction(data, method, "small"), plan, folder)


def values(run):
    return [np.asarray(w) for w in run.task.model.get_weights()]


class Record(keras.callbacks.Callback):
    """The weights after each iteration."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append([np.asarray(w) for w in self.model.get_weights()])


def test_first_step_and_moving_average_by_hand(tiny_train, tmp_path):
    """
    Adam's first step, -r g / (|g| + ε / √(1 - β2)), of the gradient scaled to a norm of 1e-6; then the average over
    three.
    """
    run = trainer(tiny_train, tmp_path / "run", decay="constant", clip=1e-6, ema=0.8)
    before, variables = values(run), run.task.model.trainable_variables
    (window, parameters, numbers), *_ = Windows(tiny_train, 2, 0, run.task.hybrid.names).batches(2, 0, 1)
    with tf.GradientTape() as tape:
        loss = total(Method("non").losses(run.task.hybrid, window, parameters, tf.constant(1.0), numbers=numbers))
    gradient = [g.numpy() for g in tape.gradient(loss, variables)]
    norm = np.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in gradient))
    assert norm > 1e-5
    saved = run.fit([record := Record()])
    for w, w0, g in zip(record.weights[0], before, gradient, strict=True):
        g = g * 1e-6 / norm
        np.testing.assert_allclose(w - w0, -1e-3 * g / (np.abs(g) + 1e-7 / np.sqrt(1e-3)), atol=3e-8)
    average = record.weights[0]
    for weights in record.weights[1:]:
        average = [0.8 * a + 0.2 * w for a, w in zip(average, weights, strict=True)]
    for a, b, c, own in zip(average, saved.network.get_weights(), record.weights[-1], values(run), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
        np.testing.assert_array_equal(own, c)  # training goes on with the weights themselves
    assert any(np.abs(a - c).max() > 1e-6 for a, c in zip(average, record.weights[-1], strict=True))
    assert saved.description["chosen"]["averaged"]


def test_precision_of_the_network_alone(tiny_train, tmp_path):
    run = trainer(tiny_train, tmp_path / "run", steps=2, precision="mixed_float16", clip=1.0)
    assert run.task.model.layers[1].compute_dtype == "float16"
    assert all(v.dtype == "float32" for v in run.task.model.trainable_variables)
    before = values(run)
    saved = run.fit()
    assert any(np.abs(a - b).max() > 0 for a, b in zip(values(run), before, strict=True))
    arrays = {n: tf.constant(a) for n, a in tiny_train.frame(0).items()}
    corrected = run.task.hybrid(arrays, {"reynolds": tf.constant([150.0, 600.0])}, tf.constant(1.0))
    assert all(a.dtype == tf.float32 and np.isfinite(a).all() for a in corrected.values())
    for name, value in saved(arrays, {"reynolds": tf.constant([150.0, 600.0])}).items():
        own = run.task.corrector(arrays, {"reynolds": tf.constant([150.0, 600.0])})[name]
        assert np.abs(value).max() > 0
        np.testing.assert_allclose(value, own, atol=1e-2 * np.abs(value).max())
    run.optimization.optimizer.dynamic_scale.assign(2.0**120)  # the gradients overflow: skipped, and the scale halved
    before, stream = values(run), Windows(tiny_train, 2, 0, run.task.hybrid.names)
    for window, parameters, numbers in stream.batches(2, 0, 1):
        result = run.optimization.gradients(lambda *given: run.task.losses(1, *given))(
            window, parameters, numbers, tf.constant(0.0, tf.float64)
        )
        run.optimization.apply(result[3])
    assert not np.isfinite(result[1]) and run.optimization.scale == 2.0**119
    for a, b in zip(values(run), before, strict=True):
        np.testing.assert_array_equal(a, b)


class Kink(Method):
    """A finite loss whose gradient is not."""

    def losses(self, hybrid, window, parameters, dt, numbers):
        weight = tf.convert_to_tensor(hybrid.corrector.network.trainable_variables[0])
        return tf.sqrt(0.0 * tf.reduce_sum(weight)) * tf.ones([2, 1])


def test_a_gradient_that_is_not_finite_is_not_applied(tiny_train, tmp_path):
    run = trainer(tiny_train, tmp_path / "run", method=Kink("non"))
    before = values(run)
    with pytest.raises(
        DivergedError, match=r"The gradient of the loss is not finite at iteration 1 \(NON\); the loss is 0"
    ):
        run.fit()
    for a, b in zip(values(run), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_cause_of_a_loss_that_is_not_finite(tiny_train):
    method = Method("sol", 3, push_forward=2)
    stream = Windows(tiny_train, 6, 5, ["marker"])
    numbers = np.array([7, 4, 11])
    losses = np.ones((3, 3))
    losses[1, 1:], losses[2, 2] = np.nan, np.inf
    simulation, first = (int(v) for v in stream.locate(tf.constant(4)))
    text = cause(float("nan"), losses, numbers, Correction(tiny_train, method), 3, stream, 123)
    reynolds = (150, 600)[simulation]
    assert text == (
        f"The loss is nan at iteration 123 (SOL-3): simulation sim_{simulation:06d} (reynolds={reynolds}), frame "
        f"{first + 2 + 2} (step 2 of SOL-3)."
    )
