"""Every scene on tiny grids through generate, train and evaluate, with the commands as users call them."""

import json
from pathlib import Path

import numpy as np
import pytest

from phi_sol import Generator, InputError, load_experiment
from phi_sol.cli import main
from phi_sol.experiment import scene_names

TINY = {
    "karman_2d": ("y=16, x=8", "dict(reynolds=(200.0, 400.0))", "dict(reynolds=(300.0,))"),
    "karman_3d": ("y=16, x=8, z=8", "dict(reynolds=(200.0, 400.0))", "dict(reynolds=(300.0,))"),
    "wake_2d": ("y=16, x=8", "dict(reynolds=(200.0, 400.0))", "dict(reynolds=(300.0,))"),
    "wake_3d": ("y=16, x=8, z=8", "dict(reynolds=(200.0, 400.0))", "dict(reynolds=(300.0,))"),
    "smoke_2d": ("y=16, x=8", "dict(seed=(0, 1), buoyancy=(0.03,))", "dict(seed=(100,), buoyancy=(0.03,))"),
    "smoke_3d": ("y=8, x=4, z=4", "dict(seed=(0, 1), buoyancy=(0.03,))", "dict(seed=(100,), buoyancy=(0.03,))"),
    "plume_2d": ("y=16, x=8", "dict(seed=(0, 1), buoyancy=(0.03,))", "dict(seed=(100,), buoyancy=(0.03,))"),
    "plume_3d": ("y=8, x=4, z=4", "dict(seed=(0, 1), buoyancy=(0.03,))", "dict(seed=(100,), buoyancy=(0.03,))"),
    "forced_advection_2d": (
        "y=8, x=8",
        "dict(seed=(0, 1), viscosity=(0.1,), amplitude=(0.15,))",
        "dict(seed=(100,), viscosity=(0.1,), amplitude=(0.15,))",
    ),
    "decaying_2d": ("y=8, x=8", "dict(seed=(0, 1), viscosity=(0.01,))", "dict(seed=(100,), viscosity=(0.01,))"),
    "kolmogorov_2d": ("y=8, x=8", "dict(seed=(0, 1), viscosity=(0.001,))", "dict(seed=(100,), viscosity=(0.001,))"),
    "decaying_3d": ("y=8, x=8, z=8", "dict(seed=(0, 1), viscosity=(0.002,))", "dict(seed=(100,), viscosity=(0.002,))"),
}
QUICK = ("forced_advection_2d",)  # and kolmogorov_2d in test_closures_by_command


def tiny_file(name: str, folder: Path) -> Path:
    """The scene with tiny grids, two training simulations and one test simulation; all else is the scene's own."""
    source, train, test = TINY[name]
    path = folder / f"{name}.py"
    path.write_text(
        f"""from dataclasses import replace
from phi_sol import load_experiment

scene = load_experiment({name!r})
experiment = replace(
    scene, source=dict({source}), ratio=2, train={train}, test={test},
    warmup=2, frames=4, keep_reference_every=2,
    schedule=replace(scene.schedule, network="small", unroll=2, steps=3, batch=2, push_forward=1),
)
"""
    )
    return path


def test_all_scenes_are_covered():
    assert set(TINY) | {"poisson_2d"} == set(scene_names())  # which has tests of its own, test_poisson.py


@pytest.mark.slow
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in TINY])
def test_the_whole_way(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scene = str(tiny_file(name, tmp_path))
    assert main(["generate", scene, "--dry-run"]) == 0
    planned = capsys.readouterr().out.splitlines()
    assert (
        not (tmp_path / "data").exists()
        and len(planned) == 2
        and planned[0].startswith(f"data/{name}/train: 2 simulations (0 finished)")
    )
    assert main(["generate", scene]) == 0
    written = [p for p in (tmp_path / "data" / name / "train").rglob("*.npz")]
    assert f" of {len(written) // 2} files with 5 frames, at most " in planned[0]
    most = float(planned[0].partition("at most ")[2].partition(" MB")[0]) * 1e6
    raw = sum(
        sum(np.load(p, allow_pickle=True)[k].nbytes for k in np.load(p, allow_pickle=True).files) for p in written
    )
    assert most == pytest.approx(raw, abs=5e4)
    assert main(["train", scene]) == 0
    assert main(["evaluate", scene, "--no-numerics"]) == 0
    check_evaluation(scene, tmp_path / "runs" / name / "evaluation")
    check_corrector(name, tmp_path / "runs" / name / "sol")


def check_evaluation(scene: str, out: Path):
    """It has all errors, and pictures."""
    results = json.loads((out / "results.json").read_text())
    assert list(results["solvers"]) == ["SRC", "sol", "REF"]
    for solver in ("SRC", "sol"):
        mae = results["solvers"][solver]["mae"]
        assert max(map(float, mae)) == pytest.approx(4 * load_experiment(scene).pair.source.dt)
        assert all(error > 0 for error in mae.values()) and results["solvers"][solver]["blow_ups"] == 0
    assert all((out / f).read_bytes().startswith(b"\x89PNG") for f in ("error_curves.png", "fields.png"))


def check_corrector(name: str, run: Path):
    """It corrects what the scene says, sees prescribed forcings and physical parameters, and no seed; Conv3D in 3D."""
    description, scene = json.loads((run / "corrector.json").read_text()), load_experiment(name)
    adapter = description["adapter"]
    velocity = [f"velocity.{d}" for d in scene.source]
    assert adapter["outputs"] == velocity + (["marker"] if "plume" in name or "smoke" in name else [])
    forcing = ["forcing.y", "forcing.x"] if "forced" in name else []
    assert adapter["inputs"] == adapter["outputs"] + forcing
    assert adapter["parameters"] == [p for p in scene.flow.parameters if p != "seed"]
    from phi_sol import Corrector

    layers = {type(layer).__name__ for layer in Corrector.load(run).network.layers}
    assert f"Conv{len(scene.source)}D" in layers


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["plume_2d", "--param", "seed=-1"], "seed=-1.0 is not possible: it must be an integer of at least 0"),
        (["plume_2d", "--param", "seed=0.5"], "seed=0.5 is not possible"),
        (
            ["plume_2d", "--param", "buoyancy=-0.1", "--param", "seed=1"],
            "buoyancy=-0.1 is not possible: it must be positive and finite",
        ),
        (["plume_2d", "--param", "reynolds=100"], "no parameter 'reynolds'. Its parameters: seed, buoyancy"),
        (
            ["plume_2d", "--param", "bouyancy=0.1"],
            "no parameter 'bouyancy'. Did you mean 'buoyancy'? Its parameters: seed, buoyancy",
        ),
        (["plume_2d", "--batch", "0"], "The number of simulations in a batch must be an integer of at least 1, not 0"),
        (["plume_2d", "--param", "buoyancy=0.1"], "needs values for seed"),
        (
            ["plume_2d", "--param", "buoyancy=100", "--param", "seed=1"],
            "crosses the domain (x=100) within one step; dt <= 0.5 is possible",
        ),
        (
            ["forced_advection_2d", "--param", "seed=1000"],
            "seed=1000 is not possible: forced advection knows the seeds 0 to 999",
        ),
        (["forced_advection_2d", "--param", "seed=1", "--param", "viscosity=0.5"], "viscosity=0.5 is too large"),
        (
            ["forced_advection_2d", "--param", "seed=1", "--param", "viscosity=-0.1"],
            "viscosity=-0.1 is not possible: it must be positive",
        ),
        (["karman_3d", "--param", "reynolds=-100"], "reynolds=-100.0 is not possible"),
        (["karman_3d", "--param", "reynolds=1"], "too viscous"),
    ],
    ids=lambda v: v if isinstance(v, str) else " ".join(v),
)
def test_refused_in_one_line_with_nothing_written(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change, message",
    [
        (
            "source=None, reference=dict(y=250, x=128)",
            "y=250 is not divisible by the pair's ratio 4: use 248 or 252, or another ratio",
        ),
        ("ratio=2.5", "ratio of Experiment must be an integer, not 2.5"),
        (
            "options=dict(dt=60)",
            "dt=60 is too large for WakeFlow(y=256, x=128, dt=60, advection='semi_lagrangian'): at speed 2 the flow "
            "crosses the domain (x=100) within one step; dt <= 50 is possible",
        ),
        ("options=dict(dt=-1)", "The time step must be positive and finite, not -1"),
        ("train=dict(reynold=(100,))", "no parameter 'reynold'. Did you mean 'reynolds'?"),
    ],
)
def test_scene_files_that_are_refused(change, message, tmp_path, monkeypatch, capsys):
    """From the command line and in Python, in the same words."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from dataclasses import replace\nfrom phi_sol import *\nexperiment = replace(load_experiment('karman_2d'), "
        f"{change})\n"
    )
    assert main(["generate", "mine.py", "--split", "test"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0]
    with pytest.raises(InputError) as err:
        Generator(load_experiment("mine.py"), "test", tmp_path / "data")
    assert message in str(err.value)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]


def test_data_of_another_configuration_stay_as_they_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scene = str(tiny_file("plume_2d", tmp_path))
    assert main(["generate", scene, "--split", "test"]) == 0
    before = {p: p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file()}
    other = Path(scene).with_name("other.py")
    other.write_text(Path(scene).read_text().replace("ratio=2", "ratio=2, options=dict(top='open')"))
    for extra in ([], ["--dry-run"]):
        assert main(["generate", str(other), "--split", "test", *extra]) == 2
        assert "holds another configuration: top is closed instead of open" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file()} == before


@pytest.mark.slow
def test_closures_by_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scene = str(tiny_file("kolmogorov_2d", tmp_path))
    assert main(["generate", scene]) == 0
    runs = tmp_path / "runs" / "kolmogorov_2d"
    for asked, run, form, placement in (  # without being asked, that of the scene
        ([], "sol", "stress", "inside"),
        (["--closure", "viscosity"], "viscosity-sol", "viscosity", "inside"),
        (["--closure", "increment"], "increment-sol", "increment", "after"),
        (["--placement", "inside"], "inc-sol", "increment", "inside"),
        (["--method", "pure"], "pure", "increment", "instead"),
    ):
        short = ["--unroll", "1", "--steps", "1", "--validation", "0"] if asked else []
        assert main(["train", scene, *asked, *short]) == 0
        described = json.loads((runs / run / "corrector.json").read_text())
        assert (described.get("form", "increment"), described["placement"]) == (form, placement)
        assert json.loads((runs / run / "run.json").read_text())["training"].get("form", "increment") == form
    run = runs / "sol"
    of_scene = json.loads((run / "run.json").read_text())["training"]
    assert of_scene["loss"]["gradient"] == 30 and of_scene["push_forward"] == 1
    assert main(["evaluate", scene, "--no-numerics", "--run", str(run)]) == 0
    check_evaluation(scene, runs / "evaluation")
    check_corrector("kolmogorov_2d", run)
    capsys.readouterr()
    for wrong, message in (
        (["--closure", "tensor"], "Unknown form 'tensor'. Known: increment, viscosity, stress."),
        (["--closure", "stress", "--method", "pure"], "PURE trains no closure"),
        (["--closure", "stress", "--placement", "after"], "Give either --closure or --placement, not both."),
    ):
        assert main(["train", scene, "--out", "other", *wrong]) == 2
        assert message in capsys.readouterr().err
