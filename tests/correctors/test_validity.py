"""What a corrector knows of its training: the distribution of its inputs, and what is outside of it."""

import numpy as np
import pytest

from phi_sol import Corrector, InputError, WakeFlow
from phi_sol.correctors.statistics import Statistics
from phi_sol.correctors.validity import FLOOR, Validity
from phi_sol.stepping.arrays import pack

NONE = Statistics({}, {}, {}, {}, {})


def cells(count=20_000, seed=0):
    """Two channels that go together, and one that never varies."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, count))
    return np.stack([2 + a, 2 * a + 0.1 * b, np.full(count, 0.7)], -1)


def test_distances_are_those_of_a_normal_distribution():
    known, other = Validity.of(["a", "b", "c"], cells()), cells(seed=1)
    covariance = np.cov(cells().T, bias=True) + FLOOR**2 * np.eye(3)
    off = other - cells().mean(0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off) / 3)
    np.testing.assert_allclose(known.distances(other), expected, rtol=1e-8)
    assert 0.0003 < known.outside(other).mean() < 0.003  # a thousandth is outside by definition


@pytest.mark.parametrize("strange", [(8.0, 12.0, 0.7), (3.0, -2.0, 0.7), (2.0, 0.0, 1.2)])
def test_what_never_came_up_is_outside(strange):
    """Beyond both ranges; within both, but never together; and in a channel that was constant."""
    known, there = Validity.of(["a", "b", "c"], cells()), cells(64).reshape(8, 8, 3)
    there[2, 5] = strange
    outside = known.outside(there)
    assert outside[2, 5] and outside.sum() <= 2
    assert ("c" in known.beyond(there[2:3, 5:6])) == (strange[2] != 0.7)


def test_it_is_kept_in_words_and_files(tmp_path):
    known = Validity.of(["a", "b", "c"], cells())
    again = Validity.parse(known.to_dict())
    np.testing.assert_array_equal(again.distances(cells(9)), known.distances(cells(9)))
    text = known.words(np.full((4, 4, 3), 50.0))
    assert text.startswith("100 % of the cells are outside") and "a in 100 %" in text
    with pytest.raises(InputError, match="train it again"):
        Validity.parse(known.to_dict() | {"mean": [1.0]})
    with pytest.raises(InputError, match="train it again"):
        Validity.parse({"names": ["a"]})


@pytest.mark.parametrize("scale_free", [True, False])
def test_a_corrector_finds_the_cells(scale_free, tmp_path):
    flow = WakeFlow(y=32, x=16, dt=2.0)
    arrays = {"velocity.y": 1.0, "velocity.x": 0.0}
    known = Statistics(arrays, dict.fromkeys(arrays, 0.5), dict.fromkeys(arrays, 0.1), {"reynolds": 5}, {"reynolds": 1})
    corrector = Corrector.create(flow, "fast", known, scale_free=scale_free)
    frames = flow.rollout(flow.initial_state(reynolds=[100.0, 300.0]), 12, progress=False)
    recorded = {n: np.moveaxis(a, 0, 1) for n, a in frames.arrays.items()}
    parameters = {"reynolds": np.array([100.0, 300.0], np.float32)}
    with pytest.raises(InputError, match="does not know what it was trained on"):
        corrector.outside(flow, recorded, parameters)
    corrector.watch(flow, recorded, parameters)
    corrector.save(tmp_path)
    corrector = Corrector.load(tmp_path).on(flow)
    assert corrector.outside(flow, recorded, parameters).mean() < 0.002
    state, parameters, _ = pack(flow, frames.last)
    state = {n: np.array(a) for n, a in state.items()}
    state["velocity.x"][1, 20:24, 6:10] += 2.0
    outside = corrector.outside(flow, state, {n: np.asarray(p) for n, p in parameters.items()})
    assert outside.shape == (2, 32, 16) and outside[1, 20:24, 7:10].all()
    assert outside.mean() < 0.05 and not outside[0].any()


def test_what_is_remarked_on():
    """Many strange cells, or a channel that is beyond its range everywhere, however little that is."""
    known = Validity.of(["a", "b", "c"], cells())
    assert not known.strange(cells(seed=2))
    few, many, everywhere = (cells(1000, seed=3) for _ in range(3))
    few[:10, 1], many[:50, 1] = 20.0, 20.0
    everywhere[:, 2] = 0.7 + 1.5 * FLOOR
    assert not known.strange(few) and known.strange(many)
    assert known.outside(everywhere).mean() < 0.02 and known.strange(everywhere)


def test_shifts_are_distances_of_distributions():
    known = Validity.of(["a", "b", "c"], cells())
    assert max(known.shifts(cells(seed=5)).values()) < 0.05 and "c" not in known.shifts(cells())
    other = cells(seed=6)
    other[:, 0] += 0.7  # every cell of its own is nothing new
    assert abs(known.shifts(other)["a"] - 0.7) < 0.03
    narrow = 0.5 * (cells(seed=7) - cells().mean(0)) + cells().mean(0)
    # two normal distributions of one mean: E|x| (1 - 0.5) = 0.5 sqrt(2 / π)
    assert abs(known.shifts(narrow)["a"] - 0.5 * (2 / np.pi) ** 0.5) < 0.03
    assert known.outside(narrow).mean() < 0.001 and known.strange(narrow) and not known.strange(narrow[:7])
    nearly = 0.9 * (cells(seed=7) - cells().mean(0)) + cells().mean(0)
    assert not known.strange(nearly)
    assert "all together are distributed otherwise, a by" in known.words(other)


def test_parameters_are_no_distribution():
    """A few simulations have other values of a parameter than many: that is what ranges are for."""
    rng = np.random.default_rng(0)
    level = np.broadcast_to(np.linspace(-1, 1, 8)[:, None, None], (8, 16, 16))
    training = np.stack([rng.normal(size=(8, 16, 16)), level], -1)
    known = Validity.of(["velocity", "log reynolds"], training)
    alone = np.stack([rng.normal(size=(1, 16, 16)), np.full((1, 16, 16), -0.9)], -1)
    assert list(known.shifts(alone)) == ["velocity"] and not known.strange(alone)
    assert known.strange(alone + np.array([0.0, 3.0]))
