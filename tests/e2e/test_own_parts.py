"""A user's own flow, network, loss, optimizer and decay, in files beside the scene, through all commands."""

import csv
import json
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from phi_sol import Corrector, InputError, load_experiment
from phi_sol.cli import main
from phi_sol.errors import SCENE_MODULE
from phi_sol.networks import build_network
from phi_sol.scene_files import load_object

FLOW = """from phi.math.extrapolation import PERIODIC

from phi import math
from phi_sol import Flow, State

def wave(position):
    return math.vec(y=1.0, x=0.3 * math.sin(6.2831853 * position.vector["y"]))

class Own(Flow):
    fields, size, incompressible = ("velocity",), dict(y=1.0, x=1.0), False
    parameters = ("speed",)

    @property
    def boundaries(self):
        return dict(velocity=PERIODIC)

    def initial_state(self, speed):
        parameters = self.parameter_tensors(dict(speed=speed))
        return State(dict(velocity=self.field("velocity", wave) * parameters["speed"]), parameters)

    def physics(self, state, dt):
        return state.with_fields(velocity=self.advect(state.velocity, state.velocity, dt))
"""
PARTS = """import keras
import tensorflow as tf

def soft(x):
    return x / (1 + abs(x))

class Gate(keras.layers.Layer):  # not registered
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return self.factor * x

def build(layers, x, outputs):
    x = keras.layers.Conv2D(FEATURES, 3, padding="same", activation=soft)(x)
    return layers.last(Gate()(x), outputs, 1)

def penalty(predicted, target):
    return tf.add_n([tf.reduce_mean(abs(predicted[n] - target[n]), [1, 2]) for n in target])

def momentum():
    return keras.optimizers.SGD(momentum=0.9)

def half(progress):
    return 0.5

model = keras.Sequential([keras.layers.Conv2D(2, 3, padding="same")])
"""
SCENE = """from own_flow import Own
from own_parts import build, half, momentum, penalty

from phi_sol import Experiment, Schedule

experiment = Experiment(
    name="NAME", flow=Own, source=dict(y=8, x=8), ratio=2, warmup=0, frames=4, options=dict(dt=0.1),
    train=dict(speed=(0.5, 1.0)), test=dict(speed=(0.7,)), keep_reference_every=4,
    schedule=Schedule(network=build, unroll=2, steps=3, batch=1, loss=penalty, optimizer=momentum, decay=half),
)
"""


def write(folder, name="own", features=3):
    folder.mkdir()
    (folder / "own_flow.py").write_text(FLOW)
    (folder / "own_parts.py").write_text(PARTS.replace("FEATURES", str(features)))
    (folder / "scene.py").write_text(SCENE.replace("NAME", name))
    return str(folder / "scene.py")


@pytest.fixture(scope="module")
def forget(known_scenes):
    """What makes all as in a new process."""
    return partial(forget_all, known_scenes)


def forget_all(known_scenes):
    known_scenes.clear()
    for name in [n for n in sys.modules if n.startswith(SCENE_MODULE)]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, forget):
    """Data and a run of the scene in `mine`."""
    folder = tmp_path_factory.mktemp("parts")
    scene = write(folder / "mine")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["generate", scene]) == 0
        assert main(["train", scene]) == 0
        forget()
        assert main(["generate", scene, "--param", "speed=0.6", "--out", "more"]) == 0
    return folder


@pytest.fixture
def here(folder, forget, monkeypatch):
    monkeypatch.chdir(folder)
    forget()
    return folder


def facts(run):
    return json.loads((run / "run.json").read_text())


def test_the_scene_says_what_is_trained(here):
    run = facts(here / "runs" / "own" / "sol")
    assert run["network"] == "build" and run["training"]["loss"]["extra"] == ["penalty"]
    assert run["plan"]["optimizer"] == "SGD" and run["plan"]["decay"] == "half"
    with open(here / "runs" / "own" / "sol" / "log.csv") as file:
        assert float(list(csv.DictReader(file))[-1]["learning_rate"]) == pytest.approx(0.5e-3)


@pytest.mark.slow
def test_all_commands_find_what_a_network_is_made_of(here, forget, capsys):
    """And all data and all runs that they are given."""
    both = ["--data", "data/own", "--data", "more"]
    shutil.copytree("runs/own/sol", "runs/copy")
    for command in (
        ["evaluate", "mine/scene.py", *both, "--run", "runs/own/sol", "--no-numerics"],
        ["export", "mine/scene.py", *both, "--run", "runs/own/sol", "--run", "runs/copy", "--out", "exported"],
        ["animate", "mine/scene.py", *both, "--out", "film.html"],
        ["compare", "runs/own/evaluation", "runs/own/evaluation"],
        ["train", "mine/scene.py", "--resume", "--steps", "5"],
    ):
        forget()
        assert main(command) == 0, capsys.readouterr().err
    results = json.loads((here / "runs" / "own" / "evaluation" / "results.json").read_text())
    assert results["correctors"]["sol"]["network"] == "build" and results["data"]["folder"] == "data/own, more"
    assert [p["speed"] for p in results["parameters"]] == [0.7, 0.6]
    assert len(list((here / "exported" / "sol").iterdir())) == len(list((here / "exported" / "copy").iterdir())) == 2
    assert facts(here / "runs" / "own" / "sol")["steps_done"] == 5


def test_without_the_scene_it_is_said_what_is_missing(here, forget):
    with pytest.raises(InputError) as caught:
        Corrector.load("runs/own/sol")
    said = str(caught.value)
    assert "corrector.keras needs the class 'Gate' and the function 'soft', which are not registered" in said
    assert "itself is whole: in a command, name the scene file" in said and "{'Gate': Gate, 'soft': soft}" in said
    gate, soft = (load_object(f"mine/own_parts.py:{n}") for n in ("Gate", "soft"))
    forget()
    assert Corrector.load("runs/own/sol", custom_objects={"Gate": gate, "soft": soft}).network.name == "build"


def test_a_scene_that_imports_keras_is_as_quiet_as_any(here):
    command = [sys.executable, "-m", "phi_sol", "generate", "mine/scene.py", "--dry-run"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


def test_parts_by_the_command(here, capsys):
    """By one door, also for scenes that say nothing of the kind; and what resumes a run must be the same."""
    own = ["--loss", "mine/own_parts.py:penalty", "--optimizer", "mine/own_parts.py:momentum", "--steps", "2"]
    own += ["--network", "mine/own_parts.py:model", "--decay", "mine/own_parts.py:half", "--method", "non"]
    assert main(["train", "mine/scene.py", "--out", "parts", *own]) == 0
    assert facts(here / "parts")["network"] == "Sequential" and facts(here / "parts")["plan"]["steps"] == 2
    for wrong, message in (
        (["--network", "mine/own_parts.py:biuld"], "There is no 'biuld' in mine/own_parts.py. Did you mean 'build'?"),
        (["--network", "mine/nothing.py:build"], "There is no scene file 'mine/nothing.py'"),
        (["--optimizer", "mine/own_parts.py:half"], "half() missing 1 required positional argument: 'progress'"),
        (["--optimizer", "mine/own_parts.py:model"], "The optimizer of a training can't be made"),
        (["--loss", "mine/own_parts.py"], "must have the form FILE.py:NAME"),
        (["--loss", "mine/own_parts.py:half"], "a function of (predicted, target), not half(progress)"),
        (["--network", "mine/own_parts.py:momentum"], "a function of (layers, x, outputs), not momentum()"),
        (["--method", "non", "--unroll", "2"], "The method non trains on 1 step, not on 2 unrolled ones"),
    ):
        assert main(["train", "mine/scene.py", "--out", "wrong", *wrong]) == 2
        assert message in capsys.readouterr().err
    assert main(["train", "mine/scene.py", "--out", "parts", "--method", "non", "--resume"]) == 2
    assert "network is Sequential instead of build" in capsys.readouterr().err


@pytest.mark.slow
def test_start_from_a_run(here, capfd):
    """Its weights and normalisation; what it was trained on is not for tests."""
    common = ["train", "mine/scene.py", "--from", "runs/own/sol", "--steps", "1"]
    data = ["--data", "data/own", "--data", "more", "--data", "more"]
    assert main([*common, "--learning-rate", "1e-9", *data, "--out", "tuned"]) == 0
    assert "more/sim_000000 is the same simulation as more/sim_000000: it counts once" in capfd.readouterr().err
    assert facts(here / "tuned")["parameters"] == {"speed": [0.5, 1.0, pytest.approx(0.6)]}
    old, new = (Corrector.load(f) for f in ("runs/own/sol", "tuned"))
    for a, b in zip(old.network.get_weights(), new.network.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
    assert new.statistics == old.statistics and new.description["from"]["data"] == facts(here / "runs/own/sol")["data"]
    for wrong, message in (
        (["--network", "small"], "Give either --from or --network, not both."),
        (["--placement", "inside"], "can't start from these weights, whose placement is after instead of inside here"),
    ):
        assert main([*common, "--out", "wrong", *wrong]) == 2
        assert message in capfd.readouterr().err
    assert main(["evaluate", "mine/scene.py", "--run", "tuned", "--data", "data/own/train"]) == 2
    assert "holds simulations that a corrector was trained on" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "a.py", "--steps", "3", "--steps", "4"],
        ["train", "a.py", "--curriculum", "--no-curriculum"],
        ["evaluate", "a.py", "--out", "a", "--out", "b"],
        ["animate", "a.py", "-o", "a", "--run", "a", "--run", "b"],
        ["generate", "a.py", "--frames", "3", "--frames", "3"],
        ["reproduce", "a.py", "--data", "a", "--data", "b"],
    ],
)
def test_no_last_one_silently_wins(arguments, capsys):
    assert main(arguments) == 2
    assert " is given more than once." in capsys.readouterr().err


def test_neighbours_of_equal_names_are_not_mixed(tmp_path, monkeypatch):
    """Whichever is loaded first, and again; afterwards nobody finds them, and an own module of the name is back."""
    monkeypatch.setitem(sys.modules, "own_parts", mine := type(sys)("own_parts"))
    mine.__file__ = str(tmp_path / "elsewhere.py")
    path, scenes = list(sys.path), [write(tmp_path / n, n, features) for n, features in (("a", 3), ("b", 5))]
    for scene in (*scenes, scenes[0]):
        network = build_network(load_experiment(scene).schedule.network, 3, 2, 2)
        assert network.layers[1].filters == (5 if "/b/" in scene else 3)
    assert sys.path == path and sys.modules["own_parts"] is mine and "own_flow" not in sys.modules


def test_a_script_shares_its_modules_with_scenes_beside_it(tmp_path, monkeypatch):
    scene = write(tmp_path / "a")
    monkeypatch.syspath_prepend(tmp_path / "a")
    import own_flow

    assert load_experiment(scene).flow is own_flow.Own
    del sys.modules["own_flow"], sys.modules["own_parts"]
