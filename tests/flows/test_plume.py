"""The plume: arguments, seeds, and the same smoke on every grid."""

import numpy as np
import pytest
from phi import math

from phi_sol import BuoyantPlume, InputError, SolverPair


def test_source_and_reference_start_from_the_same_smoke():
    """
    The cell means of one function: restricting them gives those of the source grid, and their sum does not depend on
    the grid.
    """
    for source in (dict(y=16, x=8), dict(y=8, x=8, z=8)):
        pair = SolverPair(BuoyantPlume, source, ratio=2)
        with math.NUMPY, math.precision(64):
            coarse, fine = (f.initial_state(seed=[0, 5]) for f in (pair.source, pair.reference))
            order = ["batch", *source]
            np.testing.assert_allclose(
                pair.restrict(fine).marker.values.numpy(order), coarse.marker.values.numpy(order), atol=1e-14
            )
            assert coarse.marker.values.numpy(order).max() > 0.3
            assert (coarse.velocity.values[{"~vector": "y"}].numpy(order) == 0).all()


def test_smoke_by_scipy():
    """A cell mean is the integral of the four blobs over the cell."""
    from scipy.integrate import dblquad

    with math.NUMPY, math.precision(64):
        marker = BuoyantPlume(y=16, x=8).initial_state(seed=3).marker.values.numpy("y,x")
    rng = np.random.default_rng(3)
    amounts, widths = rng.uniform(0.5, 1, 4), rng.uniform(5, 12, 4)
    y, x = rng.uniform(25, 90, 4), rng.uniform(25, 75, 4)

    def smoke(x_, y_):
        return np.sum(amounts * np.exp(-((y_ - y) ** 2 + (x_ - x) ** 2) / (2 * widths**2)))

    for i, j in ((4, 4), (5, 3), (7, 2)):
        integral, _ = dblquad(smoke, 12.5 * i, 12.5 * (i + 1), 12.5 * j, 12.5 * (j + 1))
        assert marker[i, j] == pytest.approx(integral / 12.5**2, rel=1e-8)


def test_seeds():
    flow = BuoyantPlume(y=16, x=8)
    with math.NUMPY:
        batch = flow.initial_state(seed=[4, 0, 9], buoyancy=0.05)
        for i, seed in enumerate((4, 0, 9)):
            alone = flow.initial_state(seed=seed, buoyancy=0.05)
            np.testing.assert_array_equal(batch.marker.values.numpy("batch,y,x")[i], alone.marker.values.numpy("y,x"))
        values = batch.marker.values.numpy("batch,y,x")
        assert np.abs(values[0] - values[1]).max() > 0.1
        assert batch.buoyancy.numpy("batch").tolist() == pytest.approx([0.05] * 3)
        mixed = flow.initial_state(seed=7, buoyancy=[0.01, 0.02])
        assert mixed.batch_shape.sizes == (2,) and mixed.seed.numpy("batch").tolist() == [7, 7]


@pytest.mark.parametrize("seed", [-1, 0.5, float("nan"), 2**24, [0, -3]])
def test_impossible_seeds(seed):
    with pytest.raises(InputError, match="The parameter seed must be an integer of at least 0"):
        BuoyantPlume(y=16, x=8).initial_state(seed=seed)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(x=8), r"axes y, x \(and z in 3D\), not for x"),
        (dict(y=16, x=8, top="ajar"), "closed or open, not 'ajar'"),
        (dict(y=16, x=8, inflow=-1.0), "at least 0, not -1.0"),
        (dict(y=16, x=8, inflow=float("inf")), "finite"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(InputError, match=message):
        BuoyantPlume(**options)


def test_impossible_parameters():
    flow = BuoyantPlume(y=16, x=8)
    for buoyancy in (0, -0.1, float("nan")):
        with pytest.raises(InputError, match="buoyancy must be positive and finite"):
            flow.initial_state(seed=0, buoyancy=buoyancy)
    with pytest.raises(
        InputError, match=r"speed 20 the flow crosses the domain \(x=100\) within one step; dt <= 5 is possible"
    ):
        BuoyantPlume(y=15, x=8, dt=10).check_stability(10.0, seed=0, buoyancy=1.0)
    flow.check_stability(1.0, seed=0, buoyancy=0.03)


def test_config_tells_plumes_apart():
    flow = BuoyantPlume(y=16, x=8)
    others = (BuoyantPlume(y=16, x=8, top="open"), BuoyantPlume(y=16, x=8, inflow=0.1), BuoyantPlume(y=16, x=8, z=8))
    assert all(flow.config() != other.config() for other in others)
