"""Terms of the loss against closed forms."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol.correctors.statistics import Statistics
from phi_sol.errors import InputError
from phi_sol.tasks.correction.losses import Loss, amplitudes
from phi_sol.tasks.correction.methods import Method

X, Y = np.meshgrid(np.arange(8.0), np.arange(16.0))
STATISTICS = Statistics({}, {"velocity.y": 0.5, "velocity.x": 2.0, "marker": 1.0}, {}, {}, {})
SCALES = STATISTICS.std


def value(loss, **arrays):
    """The loss of predictions that are off by `arrays`, for a batch of the error and twice the error."""
    target = {n: np.random.default_rng(0).random((2, *a.shape)) for n, a in arrays.items()}
    predicted = {n: tf.constant(target[n] + np.stack([a, 2 * a])) for n, a in arrays.items()}
    return loss(predicted, {n: tf.constant(t) for n, t in target.items()}, loss.scales(target, STATISTICS)).numpy()


def test_squares_are_relative_to_the_standard_deviation_and_weighted_by_field():
    arrays = {"velocity.y": np.full((16, 8), 0.1), "velocity.x": np.full((16, 7), 0.1), "marker": np.full((16, 8), 0.1)}
    np.testing.assert_allclose(value(Loss(), **arrays), np.array([1, 4]) * (0.04 + 0.0025 + 0.01))
    weighted = Loss(fields=(("marker", 3.0), ("velocity", 0.0)))
    np.testing.assert_allclose(value(weighted, **arrays), np.array([1, 4]) * 0.03)


def test_gradient_term_of_a_ramp():
    """An error a x + b y has squared neighbour differences a² along x and b² along y."""
    loss = Loss(gradient=0.7)
    ramp = 0.3 * X + 0.2 * Y
    assert value(loss, marker=ramp)[0] == pytest.approx(np.mean(ramp**2) + 0.7 * (0.09 + 0.04))


def test_spectral_term_ignores_phases_only():
    wave, shifted = (np.sin(2 * np.pi * X / 8 + p)[None] for p in (0.0, 1.0))

    def spectral(s, r):
        arrays = [{"marker": tf.constant(a)} for a in (s, r)]
        return (Loss(spectral=1.0)(*arrays, SCALES) - Loss()(*arrays, SCALES)).numpy()[0]

    assert spectral(shifted, wave) == pytest.approx(0.0, abs=1e-10)
    assert spectral(1.5 * wave, wave) == pytest.approx(0.25 * np.mean(wave**2))
    # of two different waves nothing overlaps: all of both amplitudes counts
    assert spectral(np.sin(2 * np.pi * Y / 16)[None], wave) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("shape", [(12,), (6, 5), (4, 6, 5)])
def test_amplitudes_keep_the_mean_square(shape):
    array = np.random.default_rng(0).standard_normal((2, *shape))
    axes = tuple(range(1, len(shape) + 1))
    np.testing.assert_allclose(np.mean(amplitudes(tf.constant(array)).numpy() ** 2, axes), np.mean(array**2, axes))
    np.testing.assert_allclose(
        amplitudes(tf.constant(array)), np.abs(np.fft.fftn(array, axes=axes, norm="ortho")), atol=1e-6
    )


def test_gradient_of_the_spectral_term_is_finite_at_zero():
    variable = tf.Variable(tf.zeros((1, 4, 4), tf.float64))
    with tf.GradientTape() as tape:
        loss = Loss(spectral=1.0)({"marker": variable}, {"marker": tf.ones((1, 4, 4), tf.float64)}, SCALES)
    assert np.isfinite(tape.gradient(loss, variable)).all()


def test_step_weights():
    np.testing.assert_allclose(Loss(steps="linear").step_weights(3), [0.5, 1.0, 1.5])
    np.testing.assert_allclose(Loss(steps="last").step_weights(3), [0, 0, 3])
    np.testing.assert_allclose(Loss().step_weights(2), [1, 1])
    np.testing.assert_allclose(Loss(steps=(1.0, 0.5, 2.0)).step_weights(2), [1, 0.5])
    with pytest.raises(InputError, match="4 unrolled steps need 4 step weights, not 3"):
        Loss(steps=(1.0, 0.5, 2.0)).step_weights(4)


def test_parsed_from_text():
    assert Loss.parse("velocity=1, marker=0.2", 0.1, 0.2, "1,0.5") == Loss(
        (("velocity", 1.0), ("marker", 0.2)), gradient=0.1, spectral=0.2, steps=(1.0, 0.5)
    )
    assert Loss.parse() == Loss()
    for arguments, message in (
        (("velocity",), "look like velocity=1,marker=0.2"),
        (("velocity=a",), "look like velocity=1,marker=0.2"),
        ((None, -1.0), "gradient in a loss must be finite and at least 0"),
        ((None, 0.0, 0.0, "late"), "Unknown step weights 'late'. Known: uniform, linear, last"),
        ((None, 0.0, 0.0, "1,b"), "look like 1,1,2"),
        ((None, 0.0, 0.0, "0,0"), "At least one step"),
    ):
        with pytest.raises(InputError, match=message):
            Loss.parse(*arguments)


def test_weights_of_fields_that_are_not_corrected():
    with pytest.raises(InputError, match="has a weight for 'marker', but the corrector corrects velocity"):
        Loss(fields=(("marker", 1.0),)).check_fields(["velocity"])
    with pytest.raises(InputError, match="At least one corrected field"):
        Loss(fields=(("velocity", 0.0),)).check_fields(["velocity"])


def test_a_relative_loss_counts_every_window_by_the_error_of_its_source():
    """Two windows whose source errors, and predictions, differ by a factor count alike; a floor keeps exact ones."""
    statistics = Statistics({}, {"marker": 5.0}, {"marker": 0.1}, {}, {})
    source = tf.constant(np.stack([np.full((4, 4), 0.2), np.full((4, 4), 2.0), np.zeros((4, 4))]))
    loss, target = Loss(relative=True), {"marker": tf.zeros((3, 4, 4), tf.float64)}
    found = loss({"marker": 0.5 * source + 0.01}, target, loss.scales({"marker": source}, statistics)).numpy()
    floor = 1e-4 * 0.1**2
    expected = [0.11**2 / (0.2**2 + floor), 1.01**2 / (2.0**2 + floor), 0.01**2 / floor]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    plain = Loss()
    found = plain({"marker": source}, target, plain.scales({"marker": source}, statistics)).numpy()
    np.testing.assert_allclose(found, [0.2**2 / 25, 2.0**2 / 25, 0], rtol=1e-12)
    assert Loss(relative=True).to_dict()["relative"] is True and "relative" not in Loss().to_dict()


def test_own_terms_alone_or_beside_the_squares():
    """With `values=0` they are all there is; a function, several, or a whole loss may be given."""
    predicted, target = {"velocity.y": tf.constant([[[3.0]]])}, {"velocity.y": tf.constant([[[1.0]]])}
    term = lambda p, t: tf.reduce_mean(abs(p["velocity.y"] - t["velocity.y"]), [1, 2])  # noqa: E731
    for loss, expected in (
        (Loss(values=0, extra=term), 2.0),
        (Loss.of(term), 4.0 + 2.0),
        (Loss.of([term, term]), 4.0 + 4.0),
        (Loss.of(Loss(values=0.5)), 2.0),
        (Loss.of(None), 4.0),
    ):
        assert float(loss(predicted, target, {"velocity.y": 1.0})[0]) == pytest.approx(expected)
    assert Loss.of(None, True).relative and Loss.of(Loss(relative=True)).relative
    assert Loss().to_dict() == Loss.of(None).to_dict() and "values" not in Loss().to_dict()
    assert Loss(values=0, extra=term).to_dict()["values"] == 0
    for wrong, message in (
        (lambda: Loss(values=0), "A loss needs a term"),
        (lambda: Loss(values=-1), "values in a loss"),
        (lambda: Loss(values="1"), "values in a loss must be finite and at least 0, not '1'"),
        (lambda: Loss(steps=(1.0, "1")), "weight of step 2 in a loss"),
        (lambda: Loss(extra=5), r"are functions of \(predicted, target\), not 5"),
        (
            lambda: Loss(extra=lambda p: p),
            r"An extra term of a loss is a function of \(predicted, target\), not <lambda>",
        ),
        (lambda: Method("sol", loss="l1"), r"are functions of \(predicted, target\), not 'l1'"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()
    assert Method("sol", loss=term).loss == Loss(extra=term)
    for gives, found in ((lambda p, t: p["velocity.y"], r"the shape \(1, 1, 1\)"), (lambda p, t: None, "NoneType")):
        with pytest.raises(InputError, match=rf"one number per window, shape \(batch,\), not {found}"):
            Loss(extra=gives)(predicted, target, {"velocity.y": 1.0})
    assert float(Loss(extra=lambda p, t: 0.5)(predicted, target, {"velocity.y": 1.0})[0]) == 4.5
    with pytest.raises(InputError, match="weight of 'velocity' in the loss is given more than once"):
        Loss.parse("velocity=1,marker=1,velocity=2")
