"""Networks given as objects: Keras models and builders; and that building one touches no random state."""

import random
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, InputError, PoissonGuess, SmokeBox, WakeFlow
from phi_sol.correctors.objects import objects_of
from phi_sol.correctors.statistics import Statistics
from phi_sol.networks import NETWORKS, build_network, in_precision, network_name
from phi_sol.stepping.arrays import pack

NAMES = ("velocity.y", "velocity.x")
STATISTICS = Statistics(
    dict.fromkeys(NAMES, 0.0),
    dict.fromkeys(NAMES, 1.0),
    dict.fromkeys(NAMES, 0.1),
    {"reynolds": 5.0},
    {"reynolds": 2.0},
)


class Own(keras.Model):
    """A subclassed model that is not registered."""

    def __init__(self, outputs=2, **options):
        super().__init__(**options)
        self.first = keras.layers.Conv2D(4, 3, padding="same", activation="gelu")
        self.second = keras.layers.Conv2D(outputs, 3, padding="same")

    def call(self, x):
        return self.second(self.first(x))


def test_precision_of_own_networks():
    """Of those whose layers can be told one by one."""
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, padding="same")])
    start = keras.Input((8, 8, 3))
    model = keras.Model(start, keras.layers.Conv2D(2, 3, padding="same")(inner(start)))
    changed = in_precision(build_network(model, 3, 2, 2), "mixed_bfloat16")
    kinds = [x.compute_dtype for x in changed._flatten_layers() if isinstance(x, keras.layers.Conv2D)]
    assert kinds == ["bfloat16", "float32"]
    x = np.random.default_rng(0).standard_normal((1, 8, 8, 3)).astype("float32")
    error = np.abs(changed(x) - model(x)).max() / np.abs(model(x)).max()
    assert 0 < error < 0.02
    with pytest.raises(InputError, match="can't be changed .Own is no functional model: build it in the wanted one"):
        in_precision(build_network(Own(), 3, 2, 2), "mixed_bfloat16")


def built(model: keras.Model, channels: int) -> keras.Model:
    model(np.zeros((1, 8, 8, channels)))
    return model


def functional(inputs=3, outputs=2, grid=(None, None), **options):
    start = keras.Input((*grid, inputs))
    return keras.Model(start, keras.layers.Conv2D(outputs, 3, padding="same")(start), **options)


def through_a_model(layers, x, outputs):
    return Own(outputs)(x)


def builder(layers, x, outputs, features=8):
    return layers.last(layers.activate(layers.conv(x, features, 3)), outputs, 3)


def sequential():
    return keras.Sequential([keras.layers.Conv2D(8, 3, padding="same"), keras.layers.Conv2D(2, 1)])


def normalised(layers, x, outputs):
    """With weights that are not trained, and random numbers that are drawn in training only."""
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(layers.conv(x, 4, 3)))
    return layers.conv(x, outputs, 3)


OBJECTS = {
    "functional": (functional, "Functional"),
    "named": (lambda: functional(name="mine"), "mine"),
    "fixed grid": (lambda: functional(grid=(16, 8)), "Functional"),
    "sequential": (sequential, "Sequential"),
    "subclassed": (Own, "Own"),
    "subclassed, built": (lambda: built(Own(), 3), "Own"),
    "builder": (lambda: builder, "builder"),
    "with options": (lambda: partial(builder, features=4), "builder"),
    "model in a builder": (lambda: through_a_model, "through_a_model"),
    "normalised": (lambda: normalised, "normalised"),
    "of the registry": (lambda: NETWORKS["small"].build, "small"),
}


@pytest.fixture(scope="module")
def flow():
    return WakeFlow(y=16, x=8)


@pytest.fixture(scope="module")
def native(flow):
    return pack(flow, flow.initial_state(reynolds=[100.0, 400.0]))[:2]


@pytest.mark.parametrize("case", OBJECTS)
def test_objects_make_correctors_that_are_saved_and_loaded(case, flow, native, tmp_path):
    make, name = OBJECTS[case]
    corrector = Corrector.create(flow, make(), STATISTICS)
    assert corrector.description["network"] == corrector.network.name == name
    corrector.network.set_weights([w + 0.1 for w in corrector.network.get_weights()])
    with tf.GradientTape() as tape:
        weights = corrector.weights()
        tape.watch(weights)
        loss = tf.add_n([tf.reduce_sum(c**2) for c in corrector(*native, weights=weights).values()])
    assert all(g is not None and np.isfinite(g).all() for g in tape.gradient(loss, weights)) and loss > 0
    corrector.save(tmp_path)
    loaded = Corrector.load(tmp_path, custom_objects={"Own": Own})
    for n, value in loaded(*native).items():
        np.testing.assert_array_equal(value, corrector(*native)[n])


def test_a_built_model_keeps_its_weights_and_shares_its_layers(flow):
    model = built(Own(), 3)
    model.second.bias.assign([3.0, 4.0])
    corrector = Corrector.create(flow, model, STATISTICS)
    assert {id(v) for v in corrector.network.trainable_variables} == {id(v) for v in model.trainable_variables}
    assert corrector.network.trainable_variables[-1].numpy().tolist() == [3, 4]


def random_states():
    return random.getstate(), np.random.get_state()[1].tolist(), float(tf.random.uniform([]))


@pytest.mark.parametrize(
    "make", [lambda: "small", lambda: builder, sequential, Own], ids=["name", "builder", "keras", "own"]
)
def test_random_states_stay_as_they_are(make):
    network, states = make(), []
    for build in (lambda: None, lambda: build_network(network, 3, 2, 2, seed=1)):
        random.seed(7), np.random.seed(7), tf.random.set_seed(7)
        build()
        states.append(random_states())
    assert states[0] == states[1]


def test_a_builder_draws_from_the_seed():
    first, again, other = (build_network(builder, 3, 2, 2, seed=s).get_weights()[0] for s in (1, 1, 2))
    assert (first == again).all() and np.abs(first - other).max() > 0.01


def test_names():
    assert network_name("small") == "small" and network_name(functional()) == network_name(functional()) == "Functional"
    assert network_name(Own()) == network_name(Own()) == "Own" and network_name(Own(name="mine_2")) == "mine_2"
    assert network_name(lambda layers, x, outputs: x) == "lambda"


def test_guess_of_an_object():
    guess = PoissonGuess.create(SmokeBox(y=16, x=16), builder, 3.0)
    assert guess.description["network"] == "builder" and (guess.predict(np.ones((1, 16, 16))) == 0).all()
    with pytest.raises(InputError, match=r"'Functional' maps .* 3\) to .* 2\); .* 1\) to .* 1\) is needed"):
        PoissonGuess.create(SmokeBox(y=16, x=16), functional(), 3.0)


LOAD = """
import sys
from phi_sol import Corrector, InputError
try:
    Corrector.load(sys.argv[1])
except InputError as err:
    print(err)
"""


def rounded(x):
    return x / (1 + abs(x))


class Scale(keras.layers.Layer):
    def call(self, x):
        return 2.0 * x


class Small(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return 1e-3 * keras.ops.ones(shape, dtype)


class Around(keras.layers.Wrapper):
    def call(self, x):
        return self.layer(x)


def with_everything(layers, x, outputs):
    x = keras.layers.Conv2D(4, 3, padding="same", activation=rounded, kernel_initializer=Small())(x)
    return Around(keras.layers.Conv2D(outputs, 1, activation="tanh"))(Scale()(x))


MADE_OF = {
    "functional": (lambda layers, x, outputs: Scale()(layers.conv(x, outputs, 3)), "the class 'Scale', which is"),
    "sequential": (lambda: keras.Sequential([Scale(), keras.layers.Conv2D(2, 1)]), "the class 'Scale', which is"),
    "subclassed": (Own, "the class 'Own', which is"),
    "all kinds": (
        with_everything,
        "the class 'Around' and the class 'Scale' and the class 'Small' and the function 'rounded', which are",
    ),
}


@pytest.mark.parametrize("case", MADE_OF)
def test_what_is_missing_is_named(case, flow, native, tmp_path):
    """All of it at once, whatever kind of model it is part of; given, or registered by now, it loads."""
    make, missing = MADE_OF[case]
    corrector = Corrector.create(flow, make() if case in ("sequential", "subclassed") else make, STATISTICS)
    corrector.network.set_weights([w + 0.1 for w in corrector.network.get_weights()])
    corrector.save(tmp_path)
    with pytest.raises(InputError) as caught:
        Corrector.load(tmp_path)
    assert f"corrector.keras needs {missing} not registered; the file itself is whole: in a comm" in str(caught.value)
    assert "damaged" not in str(caught.value)
    own = {"Own": Own, "Scale": Scale, "Around": Around, "Small": Small, "rounded": rounded}
    registry = keras.saving.get_custom_objects()
    for given in (own, {f"mine>{n}": o for n, o in own.items()}):
        try:
            registry.update({} if given is own else given)
            loaded = Corrector.load(tmp_path, own if given is own else None)
        finally:
            for name in given if given is not own else ():
                del registry[name]
        for n, value in loaded(*native).items():
            np.testing.assert_array_equal(value, corrector(*native)[n])
    with keras.saving.custom_object_scope(objects_of(corrector.network)):  # as at the end of a training
        Corrector.load(tmp_path)


def test_a_whole_file_that_can_t_be_loaded_is_not_called_damaged(flow, tmp_path):
    """Since a class has changed; and one that is damaged is."""

    class Changed(keras.Model):
        def __init__(self, more):
            super().__init__()

    Corrector.create(flow, Own(), STATISTICS).save(tmp_path)
    with pytest.raises(InputError, match="corrector.keras is whole, but can't be loaded .saved with Keras .* changed"):
        Corrector.load(tmp_path, {"Own": Changed})
    content = bytearray((tmp_path / "corrector.keras").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "corrector.keras").write_bytes(content)
    with pytest.raises(InputError, match="corrector.keras is damaged .*: copy it once more, or train again."):
        Corrector.load(tmp_path, {"Own": Own})


def test_a_class_that_is_not_registered_is_named_when_it_is_missing(flow, tmp_path):
    Corrector.create(flow, Own(), STATISTICS).save(tmp_path)
    printed = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert (
        len(printed.splitlines()) == 1 and "corrector.keras needs the class 'Own', which is not registered" in printed
    )
    assert "load(folder, custom_objects={'Own': Own})" in printed


class Unsaved(Own):
    def __init__(self, function):
        super().__init__()
        self.function = function


class Shrinking(Own):
    def call(self, x):
        return super().call(x[:, ::2, ::2])


class WithTwoInputs:
    def __call__(self, layers, x, outputs):
        return [x, x]


def lambda_layer(layers, x, outputs):
    return keras.layers.Lambda(lambda x: x[..., :outputs])(x)


@pytest.mark.parametrize(
    "network, message",
    [
        (
            lambda: functional(4),
            r"'Functional' maps \(None, None, None, 4\) to .* 2\); \(None, 16, 8, 3\) to .* 2\) is needed",
        ),
        (lambda: functional(3, 1), r"'Functional' maps .* to \(None, None, None, 1\); "),
        (lambda: Own(3), r"'Own' maps .* to \(None, None, None, 3\); "),
        (
            lambda: built(Own(), 4),
            r"'Own' can't be applied to an input of shape \(None, None, None, 3\) .* is incompatible",
        ),
        (lambda: functional(grid=(32, 8)), r"maps \(None, 32, 8, 3\) to .*; \(None, 16, 8, 3\) to .* is needed"),
        (
            lambda: keras.Sequential([keras.layers.Conv2D(2, 3)]),
            r"keep the grid, but makes \(14, 6\) of \(16, 8\) cells",
        ),
        (lambda: lambda layers, x, outputs: Shrinking(outputs)(x), r"'lambda' must keep the grid, but makes \(8, 4\)"),
        (lambda: keras.Sequential([keras.layers.Flatten()]), "'Sequential' maps .* to .* is needed"),
        (lambda: lambda layers, x, outputs: None, "'lambda' maps .* to None"),
        (WithTwoInputs, "'WithTwoInputs' maps .* to None"),
        (lambda: Own, r"a keras.Model or a function \(layers, x, outputs\), not the class Own"),
        (
            lambda: lambda: Own(),
            r"A network is a function of \(layers, x, outputs\), not <lambda>\(\)\. What a function makes",
        ),
        (lambda: 5, "must be a text or a Model or a function, not 5"),
        (lambda: None, "must be a text or a Model or a function, not None"),
        (lambda: lambda_layer, "can't be saved .*a Lambda is Python code"),
        (lambda: Unsaved(len), "'Unsaved' can't be saved .*get_config"),
        (lambda: "resnte", r"Did you mean 'resnet'\?"),
    ],
)
def test_refused_in_one_line(flow, network, message):
    with pytest.raises(InputError, match=message) as caught:
        Corrector.create(flow, network(), STATISTICS)
    assert "\n" not in str(caught.value)
