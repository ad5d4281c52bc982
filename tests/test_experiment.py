"""Scenes: the known ones, a user's own file, and files that define nothing."""

import sys

import numpy as np
import pytest

from phi_sol import Experiment, ForcedAdvection, InputError, MissingError, Schedule, WakeFlow, load_experiment
from phi_sol.experiment import TASK_NAMES, scene_names, scene_summaries
from phi_sol.schedule import DECAYS as SCHEDULE_DECAYS
from phi_sol.schedule import FORMS, NETWORK_NAMES


def test_the_paper_s_wake():
    scene = load_experiment("karman_2d")
    assert scene.train == {"reynolds": (97.65625, 195.3125, 390.625, 781.25, 1562.5, 3125.0)}
    assert scene.test == {"reynolds": (146.484375, 292.96875, 585.9375, 1171.875, 2343.75)}
    assert scene.pair.source.resolution == dict(y=64, x=32) and scene.pair.reference.resolution == dict(y=256, x=128)
    assert (scene.warmup, scene.frames, scene.pair.source.dt) == (1000, 500, 1.0)


def test_known_scenes_have_summaries():
    assert "karman_2d" in scene_names()
    for name, summary in scene_summaries().items():
        assert len(summary) > 20 and load_experiment(name).name == name


def test_a_user_s_scene_file(tiny_scene, tiny):
    assert load_experiment(str(tiny_scene)) == tiny
    assert tiny.simulations("train") == [{"reynolds": 150.0}, {"reynolds": 600.0}]


def test_unknown_scenes():
    with pytest.raises(
        MissingError, match=r"Unknown scene 'karman2d'. Did you mean 'karman_2d'\? Known scenes: .*karman_2d"
    ):
        load_experiment("karman2d")
    with pytest.raises(MissingError, match="no scene file 'nothing.py'"):
        load_experiment("nothing.py")


@pytest.mark.parametrize(
    "content, message",
    [
        ("x = 1\n", "defines no experiment"),
        ("experiment = 3\n", "defines no experiment"),
        ("x = 1\nthis is no Python\n", "line 2: SyntaxError"),
        ("\nraise RuntimeError('broken')\n", "line 2: RuntimeError: broken"),
        ("from phi_sol import Nonsense\n", "line 1: ImportError"),
        (
            "from phi_sol import *\nexperiment = Experiment('a', WakeFlow, dict(y=8, x=4), "
            "train=dict(reynolds=(0.0,)), test=dict(reynolds=(1.0,)))\n",
            "reynolds=0.0 is not possible",
        ),
    ],
)
def test_broken_scene_files(tmp_path, content, message):
    path = tmp_path / "scene.py"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        load_experiment(str(path))


def experiment(**kwargs):
    return Experiment(
        **dict(
            name="x", flow=WakeFlow, source=dict(y=16, x=8), train=dict(reynolds=(100.0,)), test=dict(reynolds=(200.0,))
        )
        | kwargs
    )


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(train=dict(depth=(100.0,))), "no parameter 'depth'. Its parameters: reynolds"),
        (
            dict(train=dict(reynold=(100.0,))),
            r"no parameter 'reynold'. Did you mean 'reynolds'\? Its parameters: reynolds",
        ),
        (dict(train=dict(reynolds=())), "needs values for reynolds"),
        (dict(test=dict(reynolds=(float("nan"),))), "reynolds=nan is not possible"),
        (dict(test=dict(reynolds=("fast",))), "reynolds='fast' is not possible"),
        (dict(test=dict(reynolds=(100.0, 100.0))), "the same value twice"),
        (dict(frames=0), "frames must be an integer of at least 1"),
        (dict(correct=("pressure",)), "WakeFlow has the fields velocity, marker"),
        (dict(correct="velocity"), "correct must be a tuple of names of fields, not 'velocity'"),
        (dict(correct=()), "correct must be a tuple"),
        (dict(frames=10.0), "frames must be an integer of at least 1, not 10.0"),
        (dict(warmup=True), "warmup must be an integer of at least 0"),
        (dict(train=dict(reynolds=100.0)), "reynolds must be a list of values, not 100.0"),
        (dict(train=dict(reynolds="100")), "reynolds must be a list of values, not '100'"),
        (dict(train=[100.0]), "train must be a dictionary"),
        (dict(name="a/b"), "must be a name of at most 100 letters .*, not 'a/b'"),
        (dict(name=""), "must be a name"),
        (dict(flow="WakeFlow"), "flow must be a class of flows, such as WakeFlow, not 'WakeFlow'"),
        (dict(flow=dict), "flow must be a class of flows"),
        (dict(source=(16, 8)), r"source must be a dictionary of cells per axis, or None, not \(16, 8\)"),
        (dict(source=dict(y=16, x=8.0)), "resolution x=8.0 of WakeFlow must be an integer of at least 4"),
        (dict(source=None), "needs the resolution of its source"),
        (dict(ratio=0), "integer of at least 1, not 0"),
        (dict(schedule="small"), "schedule must be a Schedule, not 'small'"),
        (dict(paper=3), "paper must be a Schedule or None"),
        (dict(options=[]), "options must be a dictionary"),
        (dict(options=dict(dt="fast")), "time step must be a number, positive and finite, not 'fast'"),
        (dict(options=dict(obstacle="square")), "no obstacle 'square'"),
        (dict(options=dict(radius=3)), "covers no cell centre: .* cells of 12.5 x 12.5 are too coarse"),
        (dict(options=dict(radios=3)), "WakeFlow has no argument 'radios'. Did you mean 'radius'"),
    ],
)
def test_impossible_experiments(wrong, message):
    with pytest.raises(InputError, match=message):
        experiment(**wrong)


def test_impossible_pairs():
    with pytest.raises(InputError, match="axes y, x"):
        _ = experiment(source=dict(y=16)).pair
    with pytest.raises(InputError, match="ratio of Experiment must be an integer"):
        _ = experiment(ratio=1.5).pair
    with pytest.raises(InputError, match="x=30 is not divisible by the pair's ratio 4: use 28 or 32"):
        _ = experiment(source=None, reference=dict(y=64, x=30)).pair
    assert experiment(source=None, reference=dict(y=64, x=32)).pair.config == experiment().pair.config


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(network="resnett"), r"Unknown network 'resnett' in a schedule. Did you mean 'resnet'\? Known: resnet, "),
        (dict(network=3), "The network of a schedule is a name, builder or keras.Model, not 3"),
        (dict(decay="cosin"), "Unknown decay 'cosin' in a schedule. Did you mean 'cosine'"),
        (dict(decay=None), "decay is a name"),
        (dict(unroll=-3), "unroll of a schedule must be an integer of at least 1, not -3"),
        (dict(batch=0), "batch of a schedule must be an integer of at least 1, not 0"),
        (dict(steps=2.5), "steps of a schedule must be an integer of at least 1, not 2.5"),
        (dict(learning_rate=0), "learning_rate of a schedule must be positive and finite, not 0"),
        (dict(learning_rate="1e-3"), "learning_rate of a schedule must be positive and finite, not '1e-3'"),
        (dict(ramp=1.0), "ramp of a schedule must be at least 0 and below 1, not 1.0"),
        (dict(gradient_loss=-1.0), "gradient_loss of a schedule must be finite and at least 0, not -1.0"),
        (dict(gradient_loss=float("inf")), "gradient_loss of a schedule must be finite and at least 0, not inf"),
        (dict(push_forward=-2), "push_forward of a schedule must be an integer of at least 0, not -2"),
        (dict(form="strss"), "Unknown form 'strss' in a schedule. Did you mean 'stress'"),
        (dict(curriculum=1), "curriculum of a schedule must be True or False, not 1"),
        (dict(clip=float("nan")), "clip of a schedule must be positive and finite, not nan"),
    ],
)
def test_impossible_schedules(wrong, message):
    with pytest.raises(InputError, match=message):
        Schedule(**wrong)


def test_known_names_are_those_of_networks_and_plans():
    from phi_sol.correctors.forms import FORMS as FORMS_OF_CORRECTORS
    from phi_sol.networks import NETWORKS
    from phi_sol.tasks import SOLVING, TASKS
    from phi_sol.training.plan import DECAYS

    assert set(TASK_NAMES) == set(TASKS) - set(SOLVING)  # which go with a method, not with a scene
    assert set(FORMS) == set(FORMS_OF_CORRECTORS)
    assert set(NETWORK_NAMES) == set(NETWORKS) and set(SCHEDULE_DECAYS) == set(DECAYS)


def test_a_network_may_be_an_object():
    def builder(layers, inputs, outputs):
        return inputs

    assert Schedule(network=builder).network is builder


@pytest.mark.parametrize("whole", [np.int64, np.int32, np.array])
@pytest.mark.parametrize("real", [np.float64, np.array, np.float32])
def test_numbers_of_numpy_are_numbers(whole, real):
    usual = experiment(options=dict(dt=0.5), warmup=10, schedule=Schedule(unroll=4, learning_rate=0.5))
    scene = experiment(
        source=dict(y=whole(16), x=whole(8)),
        ratio=whole(4),
        warmup=whole(10),
        frames=whole(500),
        keep_reference_every=whole(50),
        train=dict(reynolds=np.array([100.0])),
        test=dict(reynolds=[real(200)]),
        options=dict(dt=real(0.5)),
        schedule=Schedule(unroll=whole(4), steps=whole(3000), batch=whole(6), learning_rate=real(0.5)),
    )
    assert scene.pair.config == usual.pair.config and scene.schedule == usual.schedule
    assert [scene.simulations(s) for s in ("train", "test")] == [usual.simulations(s) for s in ("train", "test")]
    assert (scene.warmup, scene.frames) == (10, 500) and type(scene.frames) is int


def test_dataclasses_with_postponed_annotations(tmp_path):
    text = """from __future__ import annotations
from dataclasses import dataclass, KW_ONLY
from phi_sol import Experiment, WakeFlow

@dataclass
class Sweep:
    lowest: float
    _: KW_ONLY
    count: int = 2

values = tuple(Sweep(100.0).lowest * (i + 1) for i in range(Sweep(1.0).count))
experiment = Experiment("{name}", WakeFlow, dict(y=16, x=8), train=dict(reynolds=values), test=dict(reynolds=(5e3,)))
"""
    for name in ("a", "b"):  # of equal file names
        (tmp_path / name).mkdir()
        (tmp_path / name / "scene.py").write_text(text.replace("{name}", name))
        scene = load_experiment(str(tmp_path / name / "scene.py"))
        assert scene.name == name and scene.train == dict(reynolds=(100.0, 200.0))
    modules = {n for n in sys.modules if n.startswith("phi_sol_scene_scene_")}
    (tmp_path / "a" / "scene.py").write_text("raise ValueError")
    with pytest.raises(InputError, match="scene.py, line 1: ValueError"):
        load_experiment(str(tmp_path / "a" / "scene.py"))
    assert len(modules - set(sys.modules)) == 1  # that of the mistaken file


def forced(**kwargs):
    scene = dict(
        name="x",
        flow=ForcedAdvection,
        source=dict(y=8, x=8),
        train=dict(seed=(0, 1, 2), viscosity=(0.1,), amplitude=(0.1, 0.1, 0.1)),
    )
    return Experiment(**scene | dict(test=dict(seed=(7,), viscosity=(0.1,), amplitude=(0.2,))) | kwargs)


def test_one_value_holds_for_all_simulations():
    expected = [{"seed": s, "viscosity": 0.1, "amplitude": 0.1} for s in (0.0, 1.0, 2.0)]
    assert forced().simulations("train") == expected
    assert forced().simulations("train", {"seed": [5.0, 6.0]}) == [
        e | {"seed": s} for e, s in zip(expected[:2], (5.0, 6.0), strict=True)
    ]
    assert forced().simulations("test", {"viscosity": [0.2, 0.3]}) == [
        {"seed": 7.0, "viscosity": v, "amplitude": 0.2} for v in (0.2, 0.3)
    ]


@pytest.mark.parametrize(
    "wrong, message",
    [
        (
            dict(seed=(0, 0), viscosity=(0.1,), amplitude=(0.1,)),
            "the same value twice: seed=0, viscosity=0.1, amplitude=0.1",
        ),
        (
            dict(seed=(-1,), viscosity=(0.1,), amplitude=(0.1,)),
            "seed=-1 is not possible: it must be an integer of at least 0",
        ),
        (dict(seed=(1.5,), viscosity=(0.1,), amplitude=(0.1,)), "seed=1.5 is not possible"),
        (
            dict(seed=(0,), viscosity=(-0.1,), amplitude=(0.1,)),
            "viscosity=-0.1 is not possible: it must be positive and finite",
        ),
        (
            dict(seed=(0, 1), viscosity=(0.1, 0.1, 0.1), amplitude=(0.1,)),
            "the same length: seed has 2, viscosity has 3, amplitude has 1",
        ),
        (dict(seed=(0,), viscosity=(0.1,)), "needs values for amplitude"),
    ],
)
def test_impossible_seeds_and_parameters(wrong, message):
    with pytest.raises(InputError, match=message):
        forced(train=wrong)
    with pytest.raises(InputError, match="needs values for seed"):
        forced().simulations("train", {"viscosity": [0.1]})


@pytest.mark.parametrize("name", ["forcing", "time"])
def test_prescribed_fields_are_not_corrected(name):
    with pytest.raises(
        InputError, match=f"corrects '{name}', but this is prescribed: ForcedAdvection has the fields velocity"
    ):
        forced(correct=("velocity", name))
