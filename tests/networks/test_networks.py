"""The networks: size, boundaries, precision, and a start that corrects nothing."""

import itertools
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, ForcedAdvection, InputError, WakeFlow
from phi_sol.cli import main
from phi_sol.correctors.adapter import periodic_axes
from phi_sol.correctors.statistics import Statistics
from phi_sol.networks import NETWORKS, POLICIES, build_network, describe, in_precision
from phi_sol.networks.timing import architecture

GRID = (7, 6, 5)

# features before and after each convolution of the U-Net
DOWN = [(3, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 64), (64, 64)]
UP = [(64 + 64, 64), (64, 64), (64 + 32, 32), (32, 32), (32 + 16, 16), (16, 16), (16, 2)]
# (weights per output feature + 1 bias) · output features, for 3 inputs and 2 outputs in 2D, 4 and 3 in 3D
PARAMETERS = {
    ("resnet", 2): (25 * 3 + 1) * 32 + 10 * (25 * 32 + 1) * 32 + (25 * 32 + 1) * 2,
    ("resnet", 3): (125 * 4 + 1) * 32 + 10 * (125 * 32 + 1) * 32 + (125 * 32 + 1) * 3,
    ("small", 2): (9 * 3 + 1) * 32 + 10 * (9 * 32 + 1) * 32 + (9 * 32 + 1) * 2,
    ("small", 3): (27 * 4 + 1) * 32 + 10 * (27 * 32 + 1) * 32 + (27 * 32 + 1) * 3,
    ("convnet", 2): (25 * 3 + 1) * 32 + (25 * 32 + 1) * 64 + (25 * 64 + 1) * 2,
    ("convnet", 3): (125 * 4 + 1) * 32 + (125 * 32 + 1) * 64 + (125 * 64 + 1) * 3,
    ("dilated", 2): (9 * 3 + 1) * 32 + 4 * 7 * (9 * 32 + 1) * 32 + (9 * 32 + 1) * 2,
    ("dilated", 3): (27 * 4 + 1) * 32 + 4 * 7 * (27 * 32 + 1) * 32 + (27 * 32 + 1) * 3,
    # first and second convolution of each level: (input + 1)·16, then down to 64 features, and up with the
    # level's own beside them
    ("unet", 2): sum((9 * i + 1) * o for i, o in itertools.chain(DOWN, UP)),
    ("deep-unet", 2): sum(
        (9 * i + 1) * o for i, o in itertools.chain(DOWN, [(64, 64), (64, 64), (64 + 64, 64), (64, 64)], UP)
    ),
    # per layer 8 x 16 (3D: 4 x 8 x 8) complex matrices 16x16
    # on blocks of 2x2 or 4x4 cells
    ("fast", 2): (9 * 12 + 1) * 32 + 4 * (9 * 32 + 1) * 32 + (9 * 32 + 1) * 8,
    ("fast", 3): (27 * 32 + 1) * 32 + 4 * (27 * 32 + 1) * 32 + (27 * 32 + 1) * 24,
    ("faster", 2): (9 * 48 + 1) * 32 + 4 * (9 * 32 + 1) * 32 + (9 * 32 + 1) * 32,
    ("fastest", 2): (9 * 48 + 1) * 32 + 2 * (9 * 32 + 1) * 32 + (9 * 32 + 1) * 32,
    ("fno", 2): (3 + 1) * 16 + 4 * (8 * 16 * 16 * 16 * 2 + (16 + 1) * 16) + (16 + 1) * 64 + (64 + 1) * 2,
    ("fno", 3): (4 + 1) * 16 + 4 * (4 * 8 * 8 * 16 * 16 * 2 + (16 + 1) * 16) + (16 + 1) * 64 + (64 + 1) * 3,
}


def randomised(name: str, *args, **kwargs) -> keras.Model:
    """A network whose last layer does something."""
    network = build_network(name, *args, **kwargs)
    rng = np.random.default_rng(0)
    last = [layer for layer in network.layers if layer.weights][-1]
    last.set_weights([0.1 * rng.standard_normal(w.shape) for w in last.get_weights()])
    return network


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def test_parameter_counts_of_the_paper_and_the_docstrings():
    assert PARAMETERS["resnet", 2] == 260_354  # the paper's
    for name, network in NETWORKS.items():
        counted = PARAMETERS[name, 2]
        assert f"{counted:,}".replace(",", " ") + " parameters" in network.build.__doc__
        assert 40_000 < counted < 500_000


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("periodic", [(False,), (True, False), (False, False, True)], ids=["1D", "2D", "3D"])
def test_any_grid_and_zero_at_the_start(name, periodic):
    rank = len(periodic)
    network = build_network(name, rank + 1, rank, rank, periodic=periodic)
    assert network.count_params() == PARAMETERS.get((name, rank), network.count_params())
    y = np.asarray(network(noise(2, *GRID[:rank], rank + 1)))
    assert y.shape == (2, *GRID[:rank], rank) and y.dtype == np.float32
    assert (y == 0).all()


@pytest.mark.parametrize(
    "name, xla", [*((n, False) for n in NETWORKS), ("small", True), ("unet", True), ("fno", True), ("fast", True)]
)
def test_compiled_network_computes_the_same(name, xla):
    """TensorFlow's fused convolutions are known to lose the slope of a leaky ReLU."""
    network = build_network(name, 3, 2, 2, periodic=(False, True))
    rng = np.random.default_rng(0)
    network.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in network.get_weights()])
    x = tf.constant(rng.standard_normal((2, 13, 8, 3)), tf.float32)
    eager = np.asarray(network(x))
    graph = tf.function(network, autograph=False, jit_compile=xla)(x)
    np.testing.assert_allclose(graph, eager, atol=1e-5 * np.abs(eager).max())


@pytest.mark.parametrize("name", ["small", "fno"])
def test_seeds(name):
    def weights(seed):
        return build_network(name, 3, 2, 2, seed=seed).get_weights()

    first, again, other = weights(1), weights(1), weights(2)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert np.abs(first[0] - other[0]).max() > 0.01


@pytest.mark.parametrize("name", NETWORKS)
def test_shifts_along_periodic_axes(name):
    """
    A shifted input gives the shifted output where the axis is periodic, and another where it is not; networks on
    coarser grids know shifts by whole coarse cells only.
    """
    network = randomised(name, 2, 2, 2, periodic=(False, True))
    shift = {"unet": 8, "deep-unet": 16, "fast": 2, "faster": 4, "fastest": 4}.get(name, 5)
    x = noise(1, 12, 32, 2)
    y, along, across = (np.asarray(network(v)) for v in (x, np.roll(x, shift, 2), np.roll(x, shift, 1)))
    assert np.abs(along - np.roll(y, shift, 2)).max() < 2e-6 * np.abs(y).max()
    assert np.abs(across - np.roll(y, shift, 1)).max() > 1e-3 * np.abs(y).max()


@pytest.mark.parametrize("name", ["small", "dilated"])
def test_periodic_padding_is_that_of_a_larger_domain(name):
    """Three copies of a periodic domain side by side, also where the padding (8 cells) is wider than the domain."""
    periodic, walls = (randomised(name, 1, 1, 2, periodic=(p, False)) for p in (True, False))
    walls.set_weights(periodic.get_weights())
    x = noise(1, 6, 7, 1)
    copies = 2 * (describe(walls).receptive_field // 12 + 1) + 1
    many = np.asarray(walls(np.tile(x, (1, copies, 1, 1))))
    middle = copies // 2 * 6
    np.testing.assert_allclose(periodic(x), many[:, middle : middle + 6], atol=1e-5 * np.abs(many).max())


def test_without_periodic_axes_nothing_is_padded():
    for name in ("resnet", "small", "convnet", "dilated"):
        kinds = {type(layer).__name__ for layer in build_network(name, 3, 2, 2).layers}
        assert kinds <= {"InputLayer", "Conv2D", "LeakyReLU", "ReLU", "Add"}


def test_periodic_axes_of_flows():
    assert periodic_axes(ForcedAdvection(y=8, x=8)) == (True, True)
    assert periodic_axes(WakeFlow(y=16, x=8)) == (False, False)
    assert periodic_axes(WakeFlow(y=16, x=8, z=8)) == (False, False, True)  # the cylinder stands along z
    assert periodic_axes(WakeFlow(y=16, x=8, z=8, obstacle="sphere")) == (False, False, False)


def test_corrector_of_a_periodic_flow_commutes_with_shifts():
    flow = ForcedAdvection(y=8, x=6)
    names = [f"{field}.{axis}" for field in ("velocity", "forcing") for axis in "yx"]
    ones = dict.fromkeys(names, 1.0)
    statistics = Statistics(
        ones, ones, ones, {"viscosity": 0.0, "amplitude": 0.0}, {"viscosity": 1.0, "amplitude": 1.0}
    )
    corrector = Corrector.create(flow, "small", statistics, policy="mixed_bfloat16")
    last = corrector.network.layers[-1]
    assert corrector.network.layers[2].compute_dtype == "bfloat16"
    last.set_weights([w + 0.1 for w in last.get_weights()])
    arrays = {n: tf.constant(noise(1, 8, 6) + i) for i, n in enumerate(names)}
    parameters = {"viscosity": tf.constant([0.1]), "amplitude": tf.constant([0.15])}
    before = corrector(arrays, parameters)
    after = corrector({n: tf.roll(a, [3, 2], [1, 2]) for n, a in arrays.items()}, parameters)
    for name in ("velocity.y", "velocity.x"):
        np.testing.assert_allclose(
            after[name], tf.roll(before[name], [3, 2], [1, 2]), atol=1e-5 * np.abs(before[name]).max()
        )


@pytest.mark.parametrize(
    "name, policy",
    [*((n, "mixed_bfloat16") for n in NETWORKS), *(("fno", p) for p in POLICIES if p != "mixed_bfloat16")],
)
def test_precision_of_the_network_only(name, policy):
    before = keras.config.dtype_policy().name
    network = randomised(name, 3, 2, 2, periodic=(True, False), policy=policy)
    assert keras.config.dtype_policy().name == before == "float32"
    assert {w.dtype for w in network.weights} == {"float32"}
    compute = policy.removeprefix("mixed_")
    last = max(i for i, layer in enumerate(network.layers) if layer.weights)
    assert {layer.compute_dtype for layer in network.layers[1 : last - 1]} == {compute}
    assert {layer.compute_dtype for layer in network.layers[last:]} == {"float32"}
    x = noise(1, 9, 8, 3)
    with tf.GradientTape() as tape:
        y = network(x)
        loss = tf.reduce_mean(y**2)
    assert y.dtype == tf.float32
    assert all(np.isfinite(g).all() and g.dtype == tf.float32 for g in tape.gradient(loss, network.trainable_weights))
    full = randomised(name, 3, 2, 2, periodic=(True, False))
    error = np.abs(np.asarray(y) - np.asarray(full(x))).max() / np.abs(np.asarray(y)).max()
    assert error == 0 if policy == "float32" else 0 < error < 0.1


@pytest.mark.parametrize("name", NETWORKS)
def test_changed_precision_is_that_of_a_network_built_in_it(name):
    network = randomised(name, 3, 2, 2, periodic=(True, False))
    x = noise(1, 9, 8, 3)
    for policy in POLICIES:
        changed = in_precision(network, policy)
        built = randomised(name, 3, 2, 2, periodic=(True, False), policy=policy)
        built.set_weights(network.get_weights())
        np.testing.assert_array_equal(changed(x), built(x))
        kinds = [[x.compute_dtype for x in n.layers if x.weights] for n in (changed, built)]
        assert kinds[0] == kinds[1]
        np.testing.assert_array_equal(in_precision(changed, "float32")(x), network(x))
        assert (architecture(changed) == architecture(network)) == (policy == "float32")
    changed.set_weights([0 * w for w in changed.get_weights()])
    assert np.abs(network(x)).max() > 0


@pytest.mark.parametrize("name", ["small", "fno"])
def test_global_policy_is_used_where_none_is_given(name):
    keras.config.set_dtype_policy("float64")
    try:
        network = randomised(name, 3, 2, 2, periodic=True)
        assert network(np.ones((1, 8, 8, 3))).dtype == tf.float64
        assert {w.dtype for w in network.weights} == {"float64"}
    finally:
        keras.config.set_dtype_policy("float32")


LOAD = """
import sys
import keras, numpy as np
import phi_sol.correctors
x = np.load(sys.argv[1] + "/x.npy")
for name in sys.argv[2:]:
    network = keras.models.load_model(f"{sys.argv[1]}/{name}.keras", compile=False, safe_mode=True)
    np.save(f"{sys.argv[1]}/{name}.npy", network(x))
"""


def test_saved_networks_load_in_safe_mode_in_another_process(tmp_path):
    """Those with layers of phi_sol."""
    x = noise(2, 9, 8, 3)
    np.save(tmp_path / "x.npy", x)
    networks = {
        name: randomised(name, 3, 2, 2, periodic=(False, True), policy="mixed_bfloat16")
        for name in ("convnet", "unet", "fno", "fast")
    }
    for name, network in networks.items():
        network.save(tmp_path / f"{name}.keras")
    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path), *networks], check=True)
    for name, network in networks.items():
        y = np.load(tmp_path / f"{name}.npy")
        assert np.abs(y).max() > 0
        np.testing.assert_array_equal(y, network(x))


@pytest.mark.parametrize("name", ["convnet", "fno", "fast"])
def test_gradients_of_steps_that_are_computed_again_in_a_loop(name):
    """As in training: weights as tensors, `stateless_call`, `tf.recompute_grad`."""
    network = randomised(name, 2, 2, 2, periodic=(False, True))
    x = tf.constant(noise(1, 9, 8, 2))

    def gradient(step):
        weights = [tf.convert_to_tensor(v) for v in network.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            y = x
            for _ in range(2):
                y = y + step(weights, y)
            loss = tf.reduce_mean(y**2)
        return tape.gradient(loss, weights)

    def step(weights, y):
        return network.stateless_call(weights, [], y)[0]

    kept = tf.function(lambda: gradient(step), autograph=False)()
    again = tf.function(lambda: gradient(tf.recompute_grad(step)), autograph=False)()
    for a, b in zip(kept, again, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6 * max(np.abs(a).max(), 1e-3))


def test_bad_arguments():
    with pytest.raises(
        InputError,
        match=r"Unknown network 'resnte'. Did you mean 'resnet'\? Known: resnet, small, convnet, unet, deep-unet,",
    ):
        build_network("resnte", 3, 2, 2)
    with pytest.raises(InputError, match=r"Unknown precision 'mixed_float61'. Did you mean 'mixed_float16'\?"):
        build_network("small", 3, 2, 2, policy="mixed_float61")
    with pytest.raises(InputError, match="1, 2 or 3 dimensions, not 4"):
        build_network("small", 3, 2, 4)
    with pytest.raises(InputError, match="in 3D needs to know of 3 axes whether they are periodic, not of 2"):
        build_network("small", 3, 2, 3, periodic=(True, False))


def test_command(capsys):
    assert main(["networks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, network in NETWORKS.items():
        (line,) = [line for line in lines if re.search(rf"(?<![\w-]){name} ", line)]
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        assert cells[:3] == [name, network.summary, f"{PARAMETERS[name, 2]:,}"] and float(cells[5]) > 0


def test_help_names_all_networks(capsys):
    main(["train", "--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in NETWORKS)
