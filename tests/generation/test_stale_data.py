"""Data of a flow that has changed since are refused, whatever the change, and changed code is said."""

import logging

import pytest

from phi_sol import Dataset, Generator, InputError, load_experiment
from phi_sol.correctors.files import check_trained_for
from phi_sol.flows import comparison
from phi_sol.storage.files import read_json, write_json

SCENE = '''"""Heat in a box around a disc: a flow of one's own without a velocity."""

from phi.field import resample
from phi.geom import Sphere
from phi.math import expand
from phi.math.extrapolation import ZERO, ZERO_GRADIENT, combine_sides
from phi.physics import diffuse

from phi_sol import Experiment, Flow, Schedule, State

RATE = 1.0


class Heat(Flow):
    fields, staggered, incompressible = ("temperature",), (), False
    parameters = ("conductivity",)
    size = dict(y=2.0, x=1.0)
    warmth = 1.0

    def __init__(self, radius=0.25, **kwargs):
        super().__init__(**kwargs)
        self.disc = Sphere(y=1.0, x=0.5, radius=radius)

    @property
    def boundaries(self):
        return dict(temperature=combine_sides({"x": ZERO, "y": ZERO_GRADIENT}))

    def initial_state(self, conductivity):
        parameters = self.parameter_tensors(dict(conductivity=conductivity))
        hot = self.field("temperature", self.disc) * self.warmth
        return State(dict(temperature=expand(hot, parameters["conductivity"].shape)), parameters)

    def physics(self, state, dt):
        rate = state.conductivity * RATE
        return state.with_fields(temperature=diffuse.explicit(state.temperature, rate, dt))


experiment = Experiment(
    name="heat",
    flow=Heat,
    source=dict(y=16, x=8),
    ratio=2,
    train=dict(conductivity=(0.01, 0.02)),
    test=dict(conductivity=(0.015,)),
    warmup=0,
    frames=3,
    options=dict(dt=0.02, radius=0.25),
    schedule=Schedule(network="small"),
)
'''


@pytest.fixture(scope="module")
def heat(tmp_path_factory):
    """The scene file, and its data."""
    folder = tmp_path_factory.mktemp("heat")
    (folder / "heat.py").write_text(SCENE)
    scene = load_experiment(str(folder / "heat.py"))
    Generator(scene, "train", folder / "train").run()
    return folder


def changed(heat, tmp_path, *changes):
    text = SCENE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "heat.py").write_text(text)
    return load_experiment(str(tmp_path / "heat.py"))


def test_a_flow_without_velocity_is_recorded(heat, tmp_path):
    scene = changed(heat, tmp_path)
    assert scene.correct == ("temperature",)
    data = Dataset.load(scene.pair, heat)
    assert {n: a.shape for n, a in data.arrays.items()} == {"temperature": (2, 4, 16, 8)}
    assert 0 < data.arrays["temperature"][0, -1].max() < data.arrays["temperature"][0, 0].max() + 1e-6
    assert all(job.done for job in Generator(scene, "train", heat / "train").jobs)


@pytest.mark.parametrize(
    "change, message",
    [
        (("radius=0.25),", "radius=0.45),"), "radius is 0.25 instead of 0.45"),
        (("warmth = 1.0", "warmth = 2.0"), "warmth is 1.0 instead of 2.0"),
        (("y=1.0, x=0.5", "y=1.0, x=0.6"), "disc.pos.x is 0.5 instead of 0.6"),
        (('"x": ZERO', '"x": ZERO_GRADIENT'), "boundaries.temperature.x- is closed 0 instead of open"),
        (("def initial_state", "obstacles = (Sphere(y=1, x=0.5, radius=0.2),)\n\n    def initial_state"), "obstacles"),
    ],
)
def test_a_changed_flow_is_refused_by_all_who_read(heat, tmp_path, change, message):
    scene, before = changed(heat, tmp_path, change), load_experiment(str(heat / "heat.py"))
    with pytest.raises(InputError, match=f"holds another configuration: .*{message}"):
        Generator(scene, "train", heat / "train")
    with pytest.raises(InputError, match=f"another solver pair: .*{message}"):
        Dataset.load(scene.pair, heat)
    with pytest.raises(InputError, match=f"corrector was trained for another flow: .*{message}"):
        check_trained_for(scene.pair.source, {"flow": before.pair.source.config()}, "corrector")


@pytest.mark.parametrize(
    "change, method",
    [
        (("state.conductivity * RATE", "2 * state.conductivity"), "physics"),
        (("RATE = 1.0", "RATE = 2.0"), "physics"),
        (("self.disc) * self.warmth", "self.disc)"), "initial_state"),
    ],
)
def test_changed_code_is_said_once(heat, tmp_path, change, method, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("phi_sol"), "propagate", True)
    comparison._say_changed.cache_clear()
    scene = changed(heat, tmp_path, change)
    assert all(job.done for job in Generator(scene, "train", heat / "train").jobs)
    Dataset.load(scene.pair, heat)
    said = [m for m in caplog.messages if "has changed since" in m]
    assert len(said) == 1 and f"The code of Heat ({method}) has changed" in said[0]


def test_comments_and_other_methods_of_writing_are_no_change(heat, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("phi_sol"), "propagate", True)
    comparison._say_changed.cache_clear()
    scene = changed(
        heat, tmp_path, ("rate = state.conductivity * RATE", "rate = (state.conductivity *\n  RATE)  # fast")
    )
    Dataset.load(scene.pair, heat)
    assert not caplog.messages


def test_a_changed_description_is_noticed(heat, tmp_path):
    import shutil

    shutil.copytree(heat / "train", tmp_path / "train")
    path = tmp_path / "train" / "sim_000000" / "description.json"
    write_json(path, read_json(path) | {"fingerprint": "0" * 16})
    with pytest.raises(InputError, match="description.json was changed after it was written: remove its folder"):
        Generator(changed(heat, tmp_path), "train", tmp_path / "train")
