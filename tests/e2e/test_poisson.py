"""The Poisson scene on a tiny grid, with the commands as users call them."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import phi_sol
from phi_sol import IterativeFlow, PoissonGuess
from phi_sol.cli import main
from phi_sol.pictures.panels import View
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.comparison import Comparison
from phi_sol.viewer.live import CORRECTED, Live

pytestmark = pytest.mark.slow

SCENE = """from dataclasses import replace
from phi_sol import Schedule, load_experiment

experiment = replace(
    load_experiment("poisson_2d"), source=dict(y=16, x=16), frames=4, keep_reference_every=4,
    train=dict(seed=(0, 1), buoyancy=(0.1,)), test=dict(seed=(100, 101), buoyancy=(0.1,)),
    samples=4, simulation_steps=3, schedule=Schedule(network="deep-unet", unroll=2, steps=4, batch=2),
)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the scene, its data, a run and its evaluation. Not to be written to."""
    folder = tmp_path_factory.mktemp("poisson")
    (folder / "tiny.py").write_text(SCENE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["generate", "tiny.py"]) == 0
        assert main(["train", "tiny.py", "--method", "sol", "--unroll", "2", "--validation", "1"]) == 0
        assert main(["evaluate", "tiny.py"]) == 0
    return folder


def pair_of(place):
    """That of the commands, whose steps are compiled."""
    return phi_sol.load_experiment(str(place / "tiny.py")).pair


def test_evaluation(place):
    out = place / "runs" / "poisson_2d" / "evaluation"
    results = json.loads((out / "results.json").read_text())
    solvers = results["solvers"]
    assert {"zero guess", "previous step", "sol", "direct solve"} <= set(solvers)
    assert results["samples"] == 4 and results["residual_norm"] == "max |∇·(u* - ∇p)| over cells"
    for name in ("zero guess", "previous step", "sol", "sol, twice"):
        counts = [solvers[name]["iterations"][t]["mean"] for t in ("0.1", "0.01", "0.001", "0.0001", "1e-05", "1e-06")]
        assert counts == sorted(counts) and 10 < counts[-1] < 200
        run = solvers[name]["simulation"]
        assert (
            run["steps"] == 3
            and run["runs"] == 2
            and run["seconds"] > 0
            and 0 < run["drift"] < 0.1
            and run["iterations"] > 10
        )
    assert solvers["direct solve"]["residual"]["mean"] < 1e-12 and solvers["direct solve"]["simulation"]["drift"] == 0
    assert all(s["ms_per_solve"] > 0 for s in solvers.values())
    assert all(
        (out / f).read_bytes().startswith(b"\x89PNG")
        for f in ("residual_history.png", "guesses.png", "error_spectrum.png")
    )
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "<td>sol, twice</td>" in page
    assert "| 121.6 ± 13.4 |" in (out / "report.md").read_text(), "the published figure of the zero guess"


def test_run(place):
    run = json.loads((place / "runs" / "poisson_2d" / "sol" / "run.json").read_text())
    assert run["complete"] and run["method"] == "sol" and run["unroll"] == 2 and run["steps_done"] == 4
    log = (place / "runs" / "poisson_2d" / "sol" / "log.csv").read_text().splitlines()
    last = dict(zip(log[0].split(","), log[-1].split(","), strict=True))
    assert 0 < float(last["loss"]) < 2 and 1 < float(last["val_error"]) < 100


def test_guess_in_a_simulation(place):
    """A simulation started from a guess is that of the direct solver, to the tolerance."""
    flow = pair_of(place).source
    solver = IterativeFlow(flow, PoissonGuess.load(place / "runs" / "poisson_2d" / "sol"), tolerance=1e-6)
    state = expected = flow.initial_state(seed=[7, 8])
    for _ in range(2):
        state, expected = solver.step(state), flow.step(expected)
    assert solver.iterations.shape == (2,) and solver.iterations.min() > 5
    for dim in "yx":
        found, right = (s.velocity.values[{"~vector": dim}].numpy(("batch", "y", "x")) for s in (state, expected))
        np.testing.assert_allclose(found, right, atol=1e-5)


@pytest.mark.slow
def test_reproduction(place, monkeypatch, capsys):
    """Four methods from two seeds each, and what was said beforehand; the second time nothing is left to do."""
    monkeypatch.chdir(place)
    command = ["reproduce", "tiny.py", "--budget", "4s", "--seeds", "2", "--out", "again"]
    assert main(command) == 0
    said = capsys.readouterr().out
    costs = [
        "non: 2 trainings of about",
        "phy: 2 trainings",
        "sol2: 2 trainings",
        "sol-phy2: 2 trainings",
        "running simulations with 8 guesses",
    ]
    assert all(text in said for text in costs) and "reference simulations" not in said, "the data are there"
    results = json.loads((place / "again" / "evaluation" / "results.json").read_text())
    assert [g["runs"] for g in results["groups"].values()][:2] == [
        ["non_seed0", "non_seed1"],
        ["non_seed0, twice", "non_seed1, twice"],
    ]
    seeds = [results["solvers"][f"sol2_seed{i}"]["iterations"]["0.001"]["mean"] for i in (0, 1)]
    group = results["groups"]["sol2"]["iterations"]["0.001"]
    assert group["mean"] == pytest.approx(sum(seeds) / 2) and group["std"] == pytest.approx(
        abs(seeds[0] - seeds[1]) / 2**0.5
    )
    assert main(command) == 0
    assert capsys.readouterr().out.count("is finished.") == 8


def test_guess_in_the_viewer(place):
    """The page of recorded simulations steps from the guess, and says how many iterations each step took."""
    catalogue = Catalogue([str(place / "runs" / "poisson_2d" / "sol"), str(place / "data" / "poisson_2d" / "test")])
    run = catalogue.runs["sol"]
    assert run.is_trained and run.state == "finished"
    comparison = Comparison(catalogue)
    recording = comparison.recording("poisson_2d/test/sim_000000")
    deadline = time.monotonic() + 120
    while comparison.progress(recording, "sol"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    rollout = comparison.requested(recording, "sol")[CORRECTED]
    assert not rollout.error and len(rollout.frames) == 5
    flow = pair_of(place).source
    solver, state = IterativeFlow(flow, PoissonGuess.load(run.folder)), flow.initial_state(seed=100)
    for count in rollout.diagnostics["iterations"]:
        state = solver.step(state)
        assert count == solver.iterations
    assert rollout.mae[0] == 0 and 0 < max(rollout.mae[1:]) < 1e-3
    # the source is the reference here: colours are for what the guess leaves
    _, largest = comparison.fixed_ranges(recording, "sol", View("pressure", "value", ("x", "y"))).difference
    errors = [
        np.abs(rollout.value("pressure", f).parts[""] - recording.read("pressure", f).parts[""]).max()
        for f in recording.frames
    ]
    assert 0.5 * max(errors) < largest <= max(errors)


def test_evaluation_in_the_viewer(place):
    pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")
    from phi_sol.viewer.server import Site

    site = Site(Catalogue([str(place / "runs" / "poisson_2d")]))
    text = json.dumps(
        site.app.page_urls["/"](site.app).to_plotly_json(), ensure_ascii=False, default=lambda c: c.to_plotly_json()
    )
    assert "Iterations to a residual, 4 test problems" in text and '"sol, twice"' in text and "121.6 ± 13.4" in text
    assert "can't be shown" not in text and text.index("Iterations to a residual") < text.index("Simulations")


def test_guess_in_a_live_simulation(place, tmp_path):
    run = place / "runs" / "poisson_2d" / "sol"
    live = Live(pair_of(place), {"seed": 100.0, "buoyancy": 0.1}, {"sol": run})
    assert live.diagnostics == {}
    live.step()
    assert live.diagnostics["iterations"] > 5 and 0 < live.curves[CORRECTED][-1][1] < 1e-3
    for name in ("guess.json", "guess.keras"):
        shutil.copy(run / name, tmp_path)
    (alone,) = Catalogue([str(tmp_path)]).runs.values()
    assert alone.is_trained and alone.state == "a trained model"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", "tiny.py", "--method", "sol-fy"],
            "Unknown method 'sol-fy' for a Poisson problem. Did you mean 'sol-phy'",
        ),
        (
            ["train", "tiny.py", "--unroll", "0"],
            "The number of steps of conjugate gradients in a loss must be an integer of at least 1, not 0",
        ),
        (
            ["train", "tiny.py", "--noise", "0.1"],
            "--noise is not for poisson_2d, which trains a guess for a Poisson problem: leave it out",
        ),
        (["train", "tiny.py", "--network", "unnet", "--out", "other"], "Unknown network 'unnet'. Did you mean 'unet'?"),
        (
            ["evaluate", "tiny.py", "--run", "elsewhere"],
            "There is no guess for a Poisson problem in elsewhere: train one first",
        ),
        (["evaluate", "tiny.py", "--frames", "0"], "The number of frames must be an integer of at least 1, not 0"),
        (
            ["evaluate", "tiny.py", "--data", "data/poisson_2d/train", "--out", "other"],
            "holds simulations that a guess was trained on",
        ),
        (
            ["reproduce", "tiny.py"],
            "The paper's schedule of 'poisson_2d' is not known: give a --budget for the trainings",
        ),
        (
            ["evaluate", "poisson_2d"],
            "runs/poisson_2d/sol: The guess was trained for another flow: resolution.y is 16 instead of 64",
        ),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_wrong_use(arguments, message, place, refused_here, monkeypatch):
    monkeypatch.chdir(place)
    assert message in refused_here(*arguments)
    assert not Path("other").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ratio=2", "a Poisson problem lives on one grid, with ratio 1, not 2"),
        ("tolerance=0", "the tolerance must be positive and finite, not 0"),
        ("samples=0", "samples must be an integer of at least 1, not 0"),
        (
            "flow=BuoyantPlume",
            "needs a flow that keeps its divergence and pressure, such as SmokeBox, not BuoyantPlume",
        ),
    ],
)
def test_scene_files_that_are_refused(change, message, refused_here):
    imports = "from dataclasses import replace\nfrom phi_sol import BuoyantPlume, load_experiment\n"
    Path("mine.py").write_text(f"{imports}experiment = replace(load_experiment('poisson_2d'), {change})\n")
    assert message in refused_here("generate", "mine.py")
