"""The learned guess as a function, and on disk."""

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.math import batch, spatial

from phi_sol import BuoyantPlume, InputError, MissingError, PoissonGuess, SmokeBox, WakeFlow


@pytest.fixture(scope="module")
def guess():
    """Of random weights in the last layer, too."""
    made = PoissonGuess.create(SmokeBox(y=16, x=16), "unet", 3.0, seed=1)
    rng = np.random.default_rng(0)
    for variable in made.network.trainable_variables[-2:]:
        variable.assign(0.1 * rng.standard_normal(variable.shape))
    return made


@pytest.fixture(scope="module")
def b():
    return np.random.default_rng(1).standard_normal((2, 16, 16))


def test_scales_with_the_right_hand_side_and_has_no_mean(guess, b):
    p = guess.predict(b)
    assert np.abs(p.mean((1, 2))).max() < 1e-5 and np.abs(p).max() > 0.01
    for factor in (1e-6, 1e3):
        np.testing.assert_allclose(guess.predict(factor * b), factor * p, rtol=1e-4, atol=1e-5 * factor)
    assert (guess.predict(0 * b) == 0).all()


def test_untrained_is_zero(b):
    assert (PoissonGuess.create(SmokeBox(y=16, x=16), "unet", 3.0).predict(b) == 0).all()


def test_walls_are_mirrors(guess, b):
    """
    In a box that is continued by its mirror image a convolution does near the wall what it does inside: a constant
    stays one.
    """
    inner = guess.network(tf.ones((1, 16, 16, 1))).numpy()
    np.testing.assert_allclose(inner, inner[0, 8, 8, 0], rtol=1e-4)


def test_two_passes(guess, b):
    flow = SmokeBox(y=16, x=16)
    twice = PoissonGuess(guess.network, guess.scale, guess.description, passes=2)
    first = guess.predict(b).astype(np.float64)
    left = b - (flow.projection.solver.matrix() @ first.reshape(2, -1).T).T.reshape(b.shape)
    np.testing.assert_allclose(twice.predict(b), first + guess.predict(left), rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match="The number of passes of a guess must be an integer of at least 1, not 0"):
        PoissonGuess(guess.network, guess.scale, guess.description, passes=0)


def test_tensors(guess, b):
    given = math.wrap(b.astype(np.float32), batch("case"), spatial("y,x"))
    found = guess(given)
    assert found.shape == given.shape
    np.testing.assert_allclose(found.numpy("case,y,x"), guess.predict(b), atol=1e-5)
    one = guess(given.case[0])
    np.testing.assert_allclose(one.numpy("y,x"), guess.predict(b[:1])[0], atol=1e-5)


def test_save_and_load(guess, b, tmp_path):
    guess.save(tmp_path, chosen={"step": 7})
    loaded = PoissonGuess.load(tmp_path)
    np.testing.assert_allclose(loaded.predict(b), guess.predict(b), atol=1e-6)
    assert loaded.description["chosen"] == {"step": 7} and loaded.scale == 3.0
    (tmp_path / "guess.keras").write_bytes(b"no zip")
    with pytest.raises(InputError, match="guess.keras is damaged"):
        PoissonGuess.load(tmp_path)
    with pytest.raises(MissingError, match="There is no guess for a Poisson problem in"):
        PoissonGuess.load(tmp_path / "elsewhere")


def test_refused(guess, b):
    with pytest.raises(InputError, match="The guess was trained for another flow: resolution.y is 16 instead of 32"):
        guess.check_flow(SmokeBox(y=32, x=16))
    with pytest.raises(InputError, match="not of {'y': 8, 'x': 16}"):
        guess(math.zeros(spatial(y=8, x=16)))
    for flow, found in (
        (WakeFlow(y=16, x=8), "WakeFlow has obstacles"),
        (BuoyantPlume(y=16, x=8, top="open"), "has closed and open sides"),
    ):
        with pytest.raises(InputError, match=found):
            PoissonGuess.create(flow, "unet", 1.0)
