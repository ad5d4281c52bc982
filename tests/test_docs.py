"""The Python in README and docs runs, on small grids; file links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
SMALLER = {
    '"wake_2d")\nphi_sol.Generator': "SCENE)\nphi_sol.Generator",  # the tiny scene where something is computed
    '"karman_2d"': "SCENE",
    "batch=8": "batch=2",
    "batch=6": "batch=2",
    "steps=1200": "steps=4",
    "curriculum(8)": "curriculum(2)",
    "steps=6000": "steps=2",
    "curriculum(4)": "curriculum(2)",
    "range(50)": "range(2)",
    "steps=100, keep_every=5": "steps=4, keep_every=2",
}


def test_python_in_the_readme_and_in_getting_started(tiny_scene, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    (stepping,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(), re.S)
    (training,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "getting-started.md").read_text(), re.S)
    assert len(stepping.strip().splitlines()) <= 15
    for code in (training, stepping):
        for old, new in SMALLER.items():
            code = code.replace(old, new)
        names = {"SCENE": str(tiny_scene)}
        from phiml import backend

        default = backend.default_backend()
        try:
            exec(compile(code, "README.md", "exec"), names)
        finally:
            backend.set_global_default_backend(default)  # phi.tf.flow makes TensorFlow the default
    assert len(names["frames"]) == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_scene_copied_as_the_docs_say(tmp_path):
    from phi_sol import load_experiment

    shutil.copy(REPOSITORY / "scenes" / "wake_2d.py", tmp_path / "my_wake.py")
    assert load_experiment(str(tmp_path / "my_wake.py")).name == "wake_2d"
    assert os.path.exists(REPOSITORY / "docs" / "getting-started.md")


def test_scene_of_the_front_page(tmp_path):
    """It loads, and both solvers start from its parameters."""
    from phi import math

    from phi_sol import load_experiment

    (code,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "index.md").read_text(), re.S)
    (tmp_path / "my_wake.py").write_text(code)
    pair = load_experiment(str(tmp_path / "my_wake.py")).pair
    with math.NUMPY:
        state = pair.restrict(pair.reference.initial_state(reynolds=[100.0, 470.0]))
    assert state.velocity.shape.spatial.sizes == (64, 32) or state.velocity.resolution.sizes == (64, 32)
    square = (59.375 - 40.625) ** 2 / 200 / 100
    assert (~pair.source.projection.fluid).mean() == pytest.approx(square) == (~pair.reference.projection.fluid).mean()


@pytest.mark.slow
def test_flow_of_the_extending_page(tmp_path, monkeypatch, few_numerics):
    """The very code of the page, as a scene file, on a smaller grid and with fewer frames, through all commands."""
    from phi_sol.cli import main

    code, *_ = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "extending.md").read_text(), re.S)
    assert len(code.strip().splitlines()) < 60
    for old, new in {
        "y=32, x=32": "y=12, x=12",
        "ratio=4": "ratio=2",
        "frames=150": "frames=5",
        "unroll=4, steps=500": "unroll=2, steps=3, batch=2",
    }.items():
        assert old in code
        code = code.replace(old, new)
    monkeypatch.chdir(tmp_path)
    Path("shear_layer.py").write_text(code)
    for command in ("generate", "train", "evaluate"):
        assert main([command, "shear_layer.py"]) == 0
    assert (tmp_path / "runs" / "shear_layer" / "evaluation" / "results.json").is_file()
    assert main(["generate", "shear_layer.py", "--param", "viscosity=0.5", "--out", "other"]) == 2


@pytest.mark.slow
def test_network_and_metric_of_the_extending_page(tiny_scene, tiny_data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, code, _ = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "extending.md").read_text(), re.S)
    for old, new in (SMALLER | {'"data/karman_2d': f'"{tiny_data}'}).items():
        code = code.replace(old, new)
    names = {"SCENE": str(tiny_scene)}
    exec(compile(code, "extending.md", "exec"), names)
    worst = names["evaluation"].results["solvers"]["wide"]["worst"]
    assert str(worst) in capsys.readouterr().out and worst["12"] > 0
    assert names["corrector"].description["network"] == "wide"


def test_python_in_the_evaluation_page():
    code, *_ = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "evaluation.md").read_text(), re.S)
    names = {}
    exec(compile(code.replace("y=64, x=32", "y=24, x=12"), "evaluation.md", "exec"), names)
    assert names["energy"].shape == (2,) == names["drag"].shape and (names["energy"] > 0.4).all()


def test_own_metrics_of_the_evaluation_page(tiny, tiny_data):
    from phi_sol import Dataset
    from phi_sol.evaluation.measures import Measures

    _, code, _ = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "evaluation.md").read_text(), re.S)
    names = {}
    exec(compile(code, "evaluation.md", "exec"), names)
    measures = Measures(Dataset.load(tiny.pair, tiny_data, "test"), 2, extra=names["own"])
    values = measures.block(measures.recorded(1, 2), measures.recorded(0, 2))
    assert (values["fastest"] >= 1).all() and (values["worst"] > values["mae"]).all()


def test_own_networks_of_the_networks_page(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "networks.md").read_text(), re.S)
    exec(compile(code, "networks.md", "exec"), {"__name__": "page"})
    assert capsys.readouterr().out == "wide 6018 parameters, receptive field 7 cells Gated 930 parameters\n"


def test_gradients_of_the_gradients_page():
    """All examples with one small flow, so that less is compiled."""
    from phi import math
    from phiml import backend

    from phi_sol import WakeFlow

    codes = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "gradients.md").read_text(), re.S)
    default, found, flow = backend.default_backend(), {}, WakeFlow(y=16, x=8)
    try:
        for code in codes:
            code = re.sub(r"flow = WakeFlow\(.*\)", "", code)
            for old, new in {"32.0": "16.0", "[1, 16]": "[1, 8]", "[32, 16]": "[16, 8]"}.items():
                code = code.replace(old, new)
            if "phi.tf.flow" in code:  # which sets the backend when it is imported first, maybe by a test before
                math.use("tensorflow")
            names = {"flow": flow}
            exec(compile(code, "gradients.md", "exec"), names)
            found = names | found  # PhiFlow has names like `gradient`, too
    finally:
        backend.set_global_default_backend(default)
    assert found["exact"].dtype == "float64" and abs(found["difference"] / found["exact"] - 1) < 1e-6
    assert abs(float(found["gradient"])) > 1e-9
    assert abs(float(found["found"]) - 400) < 1 and float(found["slope"]) < 0
    assert found["losses"][-1] < 0.5 * found["losses"][0]


@pytest.mark.slow
def test_python_in_the_discovery_page(capsys):
    """The first and the last example find what the page says; all for fewer steps."""
    page = (REPOSITORY / "docs" / "discovery.md").read_text()
    for old, new in {
        "steps=6)": "steps=3)",
        "hybrid.rollout(start, steps=200, keep_every=10)[8:]": "source.rollout(start, 4)",
    }.items():
        assert old in page
        page = page.replace(old, new)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(compile(code, "discovery.md", "exec"), names)
    for a, equation in zip("yx", names["numerical"].equations.values(), strict=True):
        assert set(equation.coefficients) == {f"|u.{b}| d²u.{a}/d{b}²" for b in "yx"}
    assert set(names["learned"]) == {"du.y/dt", "du.x/dt"}
    assert "tau.xx = 0.001886" in capsys.readouterr().out and names["predicted"].shape == (6, 2, 64, 64)


def test_python_in_the_restart_page(tmp_path, monkeypatch, capsys):
    """On a smaller grid; where the netCDF libraries are missing without that file."""
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "restart.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    names = {}
    for old, new in {"y=64, x=32": "y=24, x=12", "steps=2000": "steps=60", "every=500": "every=30"}.items():
        assert any(old in b for b in blocks)
        blocks = [b.replace(old, new) for b in blocks]
    for code in blocks:
        exec(compile(code, "restart.md", "exec"), names)
    assert capsys.readouterr().out == "(3,) (3, 2) (3, 2)\n"
    assert {"state.npz", "wake.restart", "wake.nc", "wake.gif", "wake.csv"} <= {p.name for p in tmp_path.iterdir()}
    assert (tmp_path / "last_sim_000001.vti").is_file()
    assert len((tmp_path / "wake.csv").read_text().splitlines()) == 1 + 2 * 3


def test_python_in_the_periodic_page(capsys):
    page = (REPOSITORY / "docs" / "periodic.md").read_text()
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        for old, new in {
            "y=64, x=64": "y=16, x=16",
            "48": "12",
            "steps=500": "steps=20",
            "keep_every=100": "keep_every=10",
        }.items():
            code = code.replace(old, new)
        exec(compile(code, "periodic.md", "exec"), names)
    assert len(names["frames"]) == 2 and names["spectrum"].shape[0] == 2
    assert names["metrics"].kinetic_energy(names["box"], names["arrays"]).min() > 0.3
    assert (
        np.abs(
            names["metrics"].divergence(names["layers"], names["metrics"].arrays_of(names["layers"], names["noise"]))
        ).max()
        < 1e-4
    )
    assert "50 frames" in capsys.readouterr().out


def test_every_scene_has_a_page():
    from phi_sol.experiment import scene_names

    for name in scene_names():
        page = (REPOSITORY / "docs" / "scenes" / f"{name}.md").read_text()
        assert f"../images/{name}" in page and f"phi-sol generate {name}" in page


@pytest.mark.slow
def test_geometries_of_the_geometry_page(tmp_path, monkeypatch):
    """Every flow of the page starts; the scene at its end is generated, and evaluated obstacle by obstacle."""
    from phi import math

    import phi_sol
    from phi_sol.cli import main

    *blocks, scene = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "geometry.md").read_text(), re.S)
    names = {}
    exec(compile("\n".join(blocks).replace("reynolds=100), 50)", "reynolds=100), 2)"), "geometry.md", "exec"), names)
    assert len(names["frames"]) == 2 and names["each"].shape == (2, 2)
    assert names["each"].sum(1) == pytest.approx(names["both"])
    solid = {n: (~names[n].projection.fluid).mean() for n in ("step", "square", "turned", "masked", "ground")}
    areas = {"step": 1 / 12, "square": 0.02, "turned": 0.02, "masked": np.pi * (240 + 36) / 20000}
    volume = 4 / 3 * np.pi * 15**3 + 45 * 10**2
    for name, part in (areas | {"ground": volume / 2e6}).items():
        assert solid[name] == pytest.approx(part, rel=0.25), name
    with math.NUMPY:
        for name in ("step", "masked", "ground"):
            names[name].initial_state(reynolds=100.0)
    for old, new in {"y=64, x=64": "y=32, x=32", "ratio=4": "ratio=2", "=300": "=4"}.items():
        assert old in scene
        scene = scene.replace(old, new)
    monkeypatch.chdir(tmp_path)
    Path("pair.py").write_text(scene)
    assert main(["generate", "pair.py", "--split", "test"]) == 0
    experiment = phi_sol.load_experiment("pair.py")
    solvers = phi_sol.evaluate(experiment, {}, "data/pair", numerics=False).results["solvers"]
    each, wake = solvers["REF"]["wake"]["drag_per_obstacle"], solvers["SRC"]["wake"]
    assert sum(v[0] for v in each) == pytest.approx(solvers["REF"]["wake"]["drag"][0])
    assert len(wake["drag_error_per_obstacle"]) == len(wake["lift_rms_error_per_obstacle"]) == 2


@pytest.mark.slow
def test_the_page_on_extending_the_training(tmp_path, monkeypatch, capsys):
    """Its files, its Python and its commands in order, on a small grid and for few iterations."""
    from phi_sol import Corrector, Dataset, load_experiment, metrics
    from phi_sol.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    smaller = {
        "source=dict(y=64, x=32),\n    ratio=4": "source=dict(y=24, x=12),\n    ratio=2,\n    warmup=5,\n    frames=6",
        "(100.0, 200.0, 400.0, 800.0)": "(100.0, 400.0)",
        "unroll=4,\n        steps=2000": "unroll=2,\n        batch=2,\n        steps=4",
        "curriculum(4), batch=6": "curriculum(2), batch=2",
        "steps=1200": "steps=2",
        "steps=300": "steps=2",
        "--steps 300": "--steps 1",
        "--steps 4000": "--steps 6",
        "phi-sol evaluate my_wake.py": "phi-sol evaluate my_wake.py --no-numerics",
    }
    page = (REPOSITORY / "docs" / "extending-training.md").read_text()
    for old, new in smaller.items():
        assert old in page, old
        page = page.replace(old, new)
    files = ["my_parts.py", "my_wake.py"]
    for python, commands in re.findall(r"```python\n(.*?)```|```\n(phi-sol .*?)```", page, re.S):
        if python and files:
            Path(files.pop(0)).write_text(python)
        elif python:
            if "trainable = False" in python:
                shutil.copytree("runs/my_wake/sol", "before")
            exec(compile(python, "extending-training.md", "exec"), {})
        for command in commands.splitlines():
            assert main(command.split()[1:]) == 0, capsys.readouterr().err
    before, tuned = (Corrector.load(tmp_path / n).network.layers for n in ("before", "runs/my_wake/tuned"))
    pairs = [(a.get_weights(), b.get_weights()) for a, b in zip(before, tuned, strict=True) if a.weights]
    changes = [np.abs(a[0] - b[0]).max() for a, b in pairs]
    assert changes[:-1] == [0, 0] and changes[-1] > 0  # all but the last layer are fixed
    import my_parts

    flow = (experiment := load_experiment("my_wake.py")).pair.source
    one, two = (Dataset.load(experiment.pair, "data/my_wake").frame(i) for i in (1, 4))
    own, other = (metrics.vorticity(flow, a) for a in (one, two))
    expected = 0.1 * ((own - other) ** 2).mean((1, 2)) / (other**2).mean((1, 2))
    np.testing.assert_allclose(my_parts.enstrophy(one, two), expected, rtol=1e-4)


@pytest.mark.slow
def test_python_in_the_closures_page(tmp_path, monkeypatch, capsys):
    page = (REPOSITORY / "docs" / "closures.md").read_text()
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        for old, new in {"y=32, x=32": "y=12, x=12", "steps=120": "steps=12", "y=16, x=16": "y=12, x=12"}.items():
            code = code.replace(old, new)
        exec(compile(code, "closures.md", "exec"), names)
    assert 0.2 < float(capsys.readouterr().out.split()[-1]) < 0.8  # after a tenth of the iterations


@pytest.mark.slow
def test_python_in_the_page_on_bodies():
    """As it is: 64x32 and a few steps."""
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "bodies.md").read_text(), re.S):
        exec(compile(code, "bodies.md", "exec"), names)
    assert np.isfinite(names["forces"]["y"].numpy("batch")).all()
    assert abs(float(names["slope"])) > 0


@pytest.mark.slow
def test_python_in_the_page_on_inverse_problems(capsys):
    """On smaller grids: the truth is within four standard errors, and the start of a box is found."""
    page, names = (REPOSITORY / "docs" / "inverse.md").read_text(), {}
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        for old, new in {"y=64, x=32": "y=32, x=16", "steps=200": "steps=40", "y=32, x=32": "y=12, x=12"}.items():
            code = code.replace(old, new)
        exec(compile(code, "inverse.md", "exec"), names)
        if "again" in names and "box" not in names:
            found = names["found"]
            assert abs(found.estimates["reynolds"] - 300) < 4 * found.errors["reynolds"] < 100
            assert len(names["again"]) == 50
    assert names["error"] < 0.05


@pytest.mark.slow
def test_python_in_the_page_on_chains(capsys):
    """On smaller grids: the slope is that of differences, the design is reached, and the estimate found."""
    page, names = (REPOSITORY / "docs" / "chains.md").read_text(), {}
    smaller = {"y=64, x=32": "y=32, x=16", "steps=200, keep_every=200": "steps=120, keep_every=120"}
    smaller |= {"+ 10,": "+ 3,", "steps=30": "steps=20"}
    assert all(old in page for old in smaller)
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        for old, new in smaller.items():
            code = code.replace(old, new)
        exec(compile(code, "chains.md", "exec"), names)
    logs = [float(x) for x in names["logs"]]
    ends = [float(names["mean_height"](logs[0], logs[1] + step)) for step in (0.01, -0.01)]
    assert float(names["slopes"][1]) == pytest.approx((ends[0] - ends[1]) / 0.02, rel=0.02)
    assert abs(names["reached"]) < 0.3 and names["smoke"].values.shape.spatial.volume == 32 * 16
    found = names["found"]
    assert abs(found.estimates["plume_buoyancy"] - 0.01) < 4 * found.errors["plume_buoyancy"]
    assert abs(found.estimates["wake_reynolds"] - 150) < 4 * found.errors["wake_reynolds"]


@pytest.mark.slow
def test_python_in_the_page_on_controls(capsys):
    """On a smaller grid, with fewer iterations: the controller gets better."""
    page, names = (REPOSITORY / "docs" / "control.md").read_text(), {}
    smaller = {"y=32, x=32": "y=16, x=16", "(32, 32, 2)": "(16, 16, 2)", "iterations = 120": "iterations = 40"}
    assert all(old in page for old in smaller)
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        for old, new in smaller.items():
            code = code.replace(old, new)
        exec(compile(code, "control.md", "exec"), names)
    np.testing.assert_allclose(names["frames"].diagnostics["viscosity"][:, 0], [0.0244, 0.0404, 0.05], rtol=1e-3)
    assert np.abs(names["gradient"][0]).min() > 0
    assert names["error"] < 0.7 * names["constant"], (names["error"], names["constant"])


def test_python_in_the_page_on_foundation_models(tiny_scene, tmp_path, monkeypatch):
    """On two tiny flows: trained on both, run in a third, with a forecast of two members."""
    monkeypatch.chdir(tmp_path)
    box = '"box", flow=PeriodicBox, source=dict(y=8, x=8), ratio=2, train=dict(seed=(0, 1), viscosity=(0.05,))'
    rest = "test=dict(seed=(2,), viscosity=(0.05,)), warmup=1, frames=12, options=dict(dt=0.05)"
    Path("box.py").write_text(
        f"from phi_sol import Experiment, PeriodicBox\n\nexperiment = Experiment({box}, {rest})\n"
    )
    page, names = (REPOSITORY / "docs" / "foundation.md").read_text(), {}
    smaller = {'("wake_2d", "decaying_2d")': f'("{tiny_scene}", "box.py")', '{"wake_2d": 2.0}': '{"tiny": 2.0}'}
    smaller |= {'"sol", 4': '"sol", 2', "curriculum(4)": "curriculum(2)", "batch=8": "batch=2", "steps=6000": "steps=2"}
    smaller |= {"y=96, x=48": "y=24, x=12", '"faster"': '"fastest"', "steps=10": "steps=3"}
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        for old, new in smaller.items():
            code = code.replace(old, new)
        exec(compile(code, "foundation.md", "exec"), names)
    assert names["corrector"].scale_free and len(names["frames"]) == 3 and names["off"].shape[0] == 3


def test_code_of_the_imports_page(tmp_path, monkeypatch):
    """A closed form comes out on the source's grid: restricted from 32 to 16 cells, every second frame."""
    from phi_sol import Dataset

    (code,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "imports.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "imports.md", "exec"), names)
    data = Dataset.load(names["scene"].pair, "data/others/train")
    assert data.frames == 10 and data.imported == ["a Taylor-Green vortex"]
    x, y = np.meshgrid(np.arange(16) / 16, (np.arange(16) + 0.5) / 16)  # of faces
    exact = np.exp(-0.08 * np.pi**2 * 0.1 * 10) * np.sin(2 * np.pi * x) * np.cos(2 * np.pi * y)
    assert np.abs(data.arrays["velocity.x"][0, 10] - exact).max() < 0.02


@pytest.mark.slow
def test_code_of_the_clusters_page(tiny_scene, tmp_path):
    """As a script, with two processes of Dask; the sweep of its file is read."""
    pytest.importorskip("distributed")
    page = (REPOSITORY / "docs" / "clusters.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "script.py").write_text(code)
    shutil.copy(tiny_scene, tmp_path / "my_wake.py")
    found = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert len(list((tmp_path / "data" / "my_wake" / "train").glob("sim_*/velocity_*.npz"))) == 2 * 13
    (toml,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    (tmp_path / "sweep.toml").write_text(toml)
    from phi_sol.cli.sweeps import content_of

    assert content_of(tmp_path / "sweep.toml")["set"] == {
        "method": ["non", "sol"],
        "unroll": ["4", "8"],
        "budget": ["5m"],
    }
