"""Scenes: the known ones, a user's own file, and files that define nothing."""

import pytest

from phi_sol import Experiment, ForcedAdvection, InputError, MissingError, WakeFlow, load_experiment
from phi_sol.experiment import scene_names, scene_summaries


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
            "from phi_sol import *\nexperiment = Experiment('a', WakeFlow, dict(y=8, x=4), dict(reynolds=(0.0,)), dict(reynolds=(1.0,)))\n",
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
    ],
)
def test_impossible_experiments(wrong, message):
    with pytest.raises(InputError, match=message):
        experiment(**wrong)


def test_impossible_pairs():
    with pytest.raises(InputError, match="axes y, x"):
        _ = experiment(source=dict(y=16)).pair
    with pytest.raises(InputError, match="positive integer"):
        _ = experiment(ratio=1.5).pair
    with pytest.raises(InputError, match="x=30 is not divisible by the pair's ratio 4: use 28 or 32"):
        _ = experiment(source=None, reference=dict(y=64, x=30)).pair
    assert experiment(source=None, reference=dict(y=64, x=32)).pair.config == experiment().pair.config


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
