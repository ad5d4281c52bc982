"""The direct Poisson solver against scipy's sparse direct solver and against its own invariants."""

import contextlib
import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from phi import math
from phi.math import batch, spatial
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from phi_sol import DirectPoisson

SIDES = [("open", "open"), ("closed", "open"), ("closed", "closed"), ("periodic", "periodic")]


def face_list(shape, spacing, sides):
    """(cell, neighbour or -1 for outside, 1 / spacing²) of all faces that can carry flux."""
    faces = []
    for cell in np.ndindex(*shape):
        for axis, (h, (lower, upper)) in enumerate(zip(spacing, sides, strict=True)):
            for step, side in ((-1, lower), (1, upper)):
                other = list(cell)
                other[axis] += step
                if 0 <= other[axis] < shape[axis] or side == "periodic":
                    other[axis] %= shape[axis]
                    faces.append((np.ravel_multi_index(cell, shape), np.ravel_multi_index(other, shape), h**-2))
                elif side == "open":
                    faces.append((np.ravel_multi_index(cell, shape), -1, h**-2))
    return faces


def sparse_operator(shape, spacing, sides, solid):
    n = int(np.prod(shape))
    K = sp.lil_matrix((n, n))
    fluid = ~solid.ravel()
    for i, j, weight in face_list(shape, spacing, sides):
        if fluid[i] and (j < 0 or fluid[j]):
            K[i, i] += weight
            if j >= 0:
                K[i, j] -= weight
    return K.tocsr()


def check(shape, spacing, sides, solid, rng, **options):
    names = "zyx"[-len(shape) :]
    solver = DirectPoisson(
        dict(zip(names, shape, strict=True)),
        dict(zip(names, spacing, strict=True)),
        dict(zip(names, sides, strict=True)),
        solid,
        **options,
    )
    K = sparse_operator(shape, spacing, sides, solid)
    fluid = ~solid.ravel()
    p_true = rng.standard_normal((3, fluid.size)) * fluid
    b = (K @ p_true.T).T
    with math.precision(64):
        result = solver.solve(math.wrap(b.reshape(3, *shape), batch("batch"), spatial(*names)))
        p = result.numpy(["batch", *names]).reshape(3, -1)
    assert (p[:, ~fluid] == 0).all()
    scale = max(1, np.abs(b).max())
    np.testing.assert_allclose((K @ p.T).T, b, atol=1e-10 * scale)
    # equal to the sparse solution up to a constant per enclosed region
    regular = K + sp.diags((~fluid).astype(float))
    _, regions = connected_components(regular)
    for region in np.unique(regions[fluid]):
        cells = np.flatnonzero(regions == region)
        local = regular[cells][:, cells].tocsc()
        singular = np.abs(local.sum(1)).max() < 1e-9
        if singular:
            difference = p[0, cells] - p_true[0, cells]
            np.testing.assert_allclose(difference, difference.mean(), atol=1e-8 * scale)
        else:
            np.testing.assert_allclose(p[0, cells], spsolve(local, b[0, cells]), atol=1e-8 * scale)


@pytest.mark.parametrize("sides", list(itertools.product(SIDES, repeat=2)), ids=str)
def test_2d_with_random_obstacles(sides):
    rng = np.random.default_rng(0)
    check((9, 7), (0.5, 0.3), sides, np.zeros((9, 7), bool), rng)
    check((9, 7), (0.5, 0.3), sides, rng.random((9, 7)) < 0.3, rng)


@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_1d_and_3d(sides):
    rng = np.random.default_rng(1)
    check((12,), (0.1,), [sides], np.arange(12) == 5, rng)
    solid = np.zeros((4, 5, 6), bool)
    solid[1:3, 2:4, :] = True  # touches the walls
    check((4, 5, 6), (1.0, 0.5, 0.25), [sides, ("closed", "closed"), ("closed", "open")], solid, rng)


WAYS = [(way, sides) for sides in SIDES for way in ("sweep", "dense", "parity", "fourier")]
WAYS = [(w, s) for w, s in WAYS if w == "dense" or (s[0] != "periodic" if w == "sweep" else s[0] == s[1])]


@pytest.mark.parametrize(("way", "sides"), WAYS, ids=str)
def test_every_way_of_every_axis(way, sides):
    rng = np.random.default_rng(6)
    other = ("closed", "closed")
    for size in (4, 10):
        check((size, 6), (0.5, 0.3), [sides, other], np.zeros((size, 6), bool), rng, ways=dict(y=way, x="dense"))
        check((6, size), (0.5, 0.3), [other, sides], rng.random((6, size)) < 0.3, rng, ways=dict(y="parity", x=way))
        solid = rng.random((4, size, 6)) < 0.2
        check(
            (4, size, 6),
            (1.0, 0.5, 0.3),
            [("open", "open"), sides, other],
            solid,
            rng,
            ways=dict(z="sweep" if way != "sweep" else "dense", y=way, x="fourier"),
        )


def test_conjugate_gradients_beyond_the_budget(caplog):
    rng = np.random.default_rng(7)
    solid = rng.random((9, 8, 6)) < 0.15
    for sides in (("closed", "open"), ("closed", "closed")):
        caplog.clear()
        check(
            (9, 8, 6), (1.0, 0.5, 0.3), [sides, ("closed", "closed"), ("periodic", "periodic")], solid, rng, budget=1000
        )
        assert len([r for r in caplog.records if "conjugate gradients take over" in r.message]) == 1


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
@pytest.mark.parametrize("ways", [dict(y="sweep", x="fourier"), dict(y="dense", x="parity")], ids=str)
def test_a_nan_stays_in_its_batch_entry(backend, ways):
    sides = dict(y=("closed", "open"), x=("closed", "closed"))
    solid = np.zeros((8, 6), bool)
    solid[3:5, 2:4] = True
    solver = DirectPoisson(dict(y=8, x=6), dict(y=1.0, x=1.0), sides, solid, ways=ways)
    b = np.random.default_rng(8).standard_normal((2, 8, 6))
    b[1, 3, 3] = np.nan  # in a solid cell: not read
    context = contextlib.nullcontext()
    if backend == "tensorflow":
        from phi.tf import TENSORFLOW as context
    with math.precision(64), context:
        clean = solver.solve(math.tensor(b, batch("batch"), spatial("y,x"))).numpy("batch,y,x")
        b[1, 0, 0] = np.nan
        result = solver.solve(math.tensor(b, batch("batch"), spatial("y,x"))).numpy("batch,y,x")
    assert np.isfinite(clean).all()
    np.testing.assert_array_equal(result[0], clean[0])
    assert np.isnan(result[1][~solid]).all()


def test_the_choice_of_ways():
    wake = dict(y=("closed", "open"), x=("closed", "closed"))
    spacing = dict(y=1.0, x=1.0)
    assert DirectPoisson(dict(y=32, x=16), spacing, wake).ways(sweeps=True) == dict(y="dense", x="parity")
    assert DirectPoisson(dict(y=128, x=256), spacing, wake).ways(sweeps=True) == dict(y="sweep", x="fourier")
    assert DirectPoisson(dict(y=128, x=256), spacing, wake).ways(sweeps=False) == dict(y="dense", x="parity")
    periodic = dict(y=("periodic", "periodic"), x=("periodic", "periodic"))
    assert DirectPoisson(dict(y=256, x=256), spacing, periodic).ways(sweeps=True) == dict(y="fourier", x="fourier")


def test_enclosed_pocket_of_fluid():
    solid = np.zeros((8, 8), bool)
    solid[2:6, 2:6] = True
    solid[3:5, 3:5] = False
    check((8, 8), (1.0, 1.0), [("open", "open"), ("closed", "closed")], solid, np.random.default_rng(2))


def test_gradient_is_the_same_solve():
    import tensorflow as tf

    rng = np.random.default_rng(3)
    solid = rng.random((8, 6)) < 0.2
    solver = DirectPoisson(
        dict(y=8, x=6), dict(y=1.0, x=0.5), dict(y=("closed", "open"), x=("closed", "closed")), solid
    )

    def solve(b):
        with math.precision(64):
            return solver.solve(
                math.reshaped_tensor(b, [batch("batch"), spatial("y"), spatial("x")], convert=False)
            ).native("batch,y,x")

    b, cotangent = (
        tf.constant(rng.standard_normal((2, 8, 6)) * ~solid),
        tf.constant(rng.standard_normal((2, 8, 6)) * ~solid),
    )
    with tf.GradientTape() as tape:
        tape.watch(b)
        value = tf.reduce_sum(solve(b) * cotangent)
    np.testing.assert_allclose(tape.gradient(value, b), solve(cotangent), atol=1e-11)

    with tf.GradientTape() as outer:  # twice: the Hessian of sum p³ times a direction is K⁻¹ (6 p K⁻¹ direction)
        outer.watch(b)
        with tf.GradientTape() as inner:
            inner.watch(b)
            value = tf.reduce_sum(solve(b) ** 3)
        slope = tf.reduce_sum(inner.gradient(value, b) * cotangent)
    np.testing.assert_allclose(outer.gradient(slope, b), solve(6 * solve(b) * solve(cotangent)), atol=1e-10)


def test_precision_of_the_result_is_that_of_the_right_hand_side():
    solver = DirectPoisson(dict(y=8, x=6), dict(y=1.0, x=1.0), dict(y=("open", "open"), x=("closed", "closed")))
    b = np.random.default_rng(4).standard_normal((8, 6))
    for dtype in (np.float32, np.float64):
        with math.precision(64 if dtype == np.float64 else 32):
            assert solver.solve(math.wrap(b.astype(dtype), spatial("y,x"))).numpy("y,x").dtype == dtype


def test_closed_domain_removes_the_mean_of_the_right_hand_side():
    solver = DirectPoisson(dict(y=8, x=6), dict(y=1.0, x=1.0), dict(y=("closed", "closed"), x=("periodic", "periodic")))
    b = np.random.default_rng(5).standard_normal((8, 6))
    with math.precision(64):
        p = solver.solve(math.wrap(b, spatial("y,x"))).numpy("y,x")
        q = solver.solve(math.wrap(b + 3, spatial("y,x"))).numpy("y,x")
    np.testing.assert_allclose(p, q, atol=1e-12)
    assert abs(p.mean()) < 1e-12


def test_bad_input():
    sides = dict(y=("open", "open"), x=("closed", "closed"))
    with pytest.raises(ValueError, match="no fluid cell"):
        DirectPoisson(dict(y=4, x=4), dict(y=1.0, x=1.0), sides, np.ones((4, 4), bool))
    with pytest.raises(ValueError, match=r"shape \(3, 4\)"):
        DirectPoisson(dict(y=4, x=4), dict(y=1.0, x=1.0), sides, np.zeros((3, 4), bool))
    with pytest.raises(ValueError, match="periodic on both sides"):
        DirectPoisson(dict(y=4), dict(y=1.0), dict(y=("periodic", "open")))
