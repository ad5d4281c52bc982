"""Means over mirrors, with both axes exchanged on squares, and what a network makes of a state."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, HybridSolver, InputError, PeriodicBox, WakeFlow
from phi_sol.correctors.mirrors import TURNED, turned_back, turned_by, turns
from phi_sol.correctors.scale_free import ScaleFree
from phi_sol.correctors.statistics import Statistics
from phi_sol.stepping.arrays import pack

NONE = Statistics({}, {}, {}, {}, {})
BOX = PeriodicBox(y=16, x=16, dt=0.05)


def wild(flow, **how):
    corrector = Corrector.create(flow, "fast", NONE, scale_free=True, **how)
    rng = np.random.default_rng(3)
    weights = [rng.normal(scale=0.3, size=w.shape).astype(np.float32) for w in corrector.network.get_weights()]
    corrector.network.set_weights(weights)
    return corrector


def state(v, u):
    return pack(BOX, BOX.initial_state(viscosity=0.01, velocity=(v, u)))[:2]


def velocity():
    """Of a state, divergence-free."""
    arrays, _ = state(*np.random.default_rng(0).normal(size=(2, 16, 16)))
    return tuple(arrays[n].numpy()[0] for n in ("velocity.y", "velocity.x"))


def test_in_how_many_ways_a_flow_can_be_seen():
    assert turns(BOX) == 8 and turns(PeriodicBox(y=16, x=8)) == 4 and turns(PeriodicBox(y=8, x=8, z=8)) == 8
    assert turns(PeriodicBox(y=16, x=16, size=dict(y=2.0, x=1.0))) == 4 and turns(WakeFlow(y=16, x=8)) == 4


def test_channels_with_both_axes_exchanged():
    """They are those of the flow whose axes are exchanged by hand."""
    v, u = velocity()
    seen, expected = (ScaleFree(BOX).to_channels(*state(*s)) for s in ((v, u), (u.T, v.T)))
    np.testing.assert_allclose(turned_by(seen, ["y", "x"], tf.constant([4])), expected, atol=1e-5)


@pytest.mark.parametrize("form", [None, "increment", "stress", "viscosity"])
def test_what_is_turned_is_turned_back(form):
    count = {None: 18, "increment": 4, "stress": 3, "viscosity": 1}[form]
    values = tf.random.stateless_normal((8, 6, 6, count), (1, 1))
    bits = tf.range(8)
    np.testing.assert_array_equal(
        turned_back(turned_by(values, ["y", "x"], bits, form), ["y", "x"], bits, form), values
    )
    assert np.any(turned_by(values, ["y", "x"], bits, form)[5] != values[5])


@pytest.mark.parametrize("form", ["increment", "stress", "viscosity"])
def test_a_mean_over_all_ways_has_the_symmetry(form):
    """The correction of an exchanged state is the exchanged correction, and so in mirrors; of the network it is not."""
    how = {"placement": "inside", "form": form} if form != "increment" else {}
    plain = wild(BOX, **how)
    v, u = velocity()
    mirrored = (-np.roll(v[::-1], 1, 0), u[::-1])
    for given, back in (
        ((u.T, v.T), lambda a, b: (b.T, a.T)),
        (mirrored, lambda a, b: (-np.roll(a[::-1], 1, 0), b[::-1])),
    ):
        found = []
        for corrector in (plain, plain.symmetric()):
            here, there = (corrector(*state(*s)) for s in ((v, u), given))
            here, there = ([c[n].numpy()[0] for n in ("velocity.y", "velocity.x")] for c in (here, there))
            scale = max(np.abs(h).max() for h in here)
            found.append(max(np.abs(t - h).max() for t, h in zip(back(*there), here, strict=True)) / scale)
        assert found[1] < 1e-4 < 0.01 < found[0]


def test_the_mean_is_one():
    corrector = wild(BOX)
    arrays, parameters = state(*velocity())
    each = [corrector(arrays, parameters | {TURNED: tf.constant([k])}) for k in range(8)]
    found = corrector.symmetric()(arrays, parameters)
    for n in found:
        np.testing.assert_allclose(found[n], np.mean([e[n] for e in each], 0), rtol=1e-4, atol=1e-5)


def test_it_is_kept_and_runs(tmp_path):
    corrector = wild(BOX).symmetric()
    corrector.save(tmp_path)
    again = Corrector.load(tmp_path)
    assert again.is_symmetric and again.fingerprint == corrector.fingerprint != wild(BOX).fingerprint
    start = BOX.initial_state(seed=1, viscosity=0.01)
    one, two = (HybridSolver(BOX, c).rollout(start, 2, progress=False).arrays for c in (corrector, again))
    for n in one:
        np.testing.assert_array_equal(one[n], two[n])
    with pytest.raises(InputError, match="Only a scale-free corrector"):
        Corrector.create(
            BOX, "fast", Statistics.of({n: (0, 1) for n in one}, {n: np.ones(1) for n in one}, {})
        ).symmetric()


@pytest.mark.parametrize("shared", [False, True])
def test_features_are_what_the_last_layer_sees(shared):
    """Also of a network that was built for a wake, whose layers a box shares."""
    corrector = wild(WakeFlow(y=16, x=8)).for_flow(BOX) if shared else wild(BOX)
    start = BOX.initial_state(seed=[1, 2], viscosity=0.01)
    seen = corrector.features(start)
    assert seen.shape == (2, 8, 8, 32)
    last = [x for x in corrector.network.layers if x.weights][-1]
    wide = np.pad(seen, [(0, 0), (1, 1), (1, 1), (0, 0)], "wrap")
    kernel, bias = last.get_weights()
    output = sum(wide[:, i : i + 8, j : j + 8] @ kernel[i, j] for i in range(3) for j in range(3)) + bias
    arrays, parameters, _ = pack(BOX, start)
    whole = corrector.network(corrector.channels.to_channels(arrays, parameters)).numpy()
    folded = whole.reshape(2, 8, 2, 8, 2, 4).transpose(0, 1, 3, 2, 4, 5).reshape(2, 8, 8, 16)
    np.testing.assert_allclose(output, folded, rtol=1e-3, atol=1e-4 * np.abs(folded).max())


def test_features_of_what_has_none():
    with pytest.raises(InputError, match="Features are those of a State, not of a int"):
        wild(BOX).features(3)
    import keras

    x = keras.Input((None, None, 18))
    single = keras.Model(x, keras.layers.Conv2D(4, 1)(x))
    with pytest.raises(InputError, match="has no features: it is a single layer"):
        Corrector.create(BOX, single, NONE, scale_free=True).features(BOX.initial_state())
