"""Trained correctors that come with the package: found, loaded, listed, evaluated and shown."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import phi_sol
from phi_sol import MissingError
from phi_sol.cli import main
from phi_sol.storage import shipped
from phi_sol.viewer.catalogue import Catalogue

CARD = {"scene": "wake_2d", "network": "faster", "error": 0.0071, "speedup": 150.25, "trained_on": "8 simulations"}


@pytest.fixture
def made_up(tiny_run, tmp_path, monkeypatch) -> Path:
    """A package with one trained corrector, for the tiny scene and, by name, for wake_2d."""
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "shipped")
    for scene in ("tiny", "wake_2d"):
        folder = tmp_path / "shipped" / scene / "pretrained"
        folder.mkdir(parents=True)
        for name in ("corrector.keras", "corrector.json"):
            shutil.copy(tiny_run / name, folder / name)
        (folder.parent / "card.json").write_text(json.dumps(CARD | {"scene": scene}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_loaded_by_the_name_of_the_scene(made_up, tiny):
    corrector = phi_sol.pretrained("tiny")
    assert phi_sol.HybridSolver(tiny.pair.source, corrector).corrector is corrector
    with pytest.raises(MissingError, match=r"'wake2d' .* Did you mean 'wake_2d'\? There is one for tiny, wake_2d;"):
        phi_sol.pretrained("wake2d")


def test_listed_and_shown(made_up, capsys):
    assert main(["pretrained"]) == 0
    printed = capsys.readouterr().out
    assert "wake_2d" in printed and "0.0071" in printed and "150" in printed
    assert main(["pretrained", "wake_2d"]) == 0
    printed = capsys.readouterr().out
    assert "trained on" in printed and "8 simulations" in printed and "shipped/wake_2d/pretrained" in printed
    assert main(["pretrained", "none"]) == 2
    assert capsys.readouterr().err == (
        "phi-sol: No trained corrector for 'none' comes with phi_sol. There is one for tiny, wake_2d; or train one.\n"
    )


def test_evaluated_by_the_word(made_up, tiny_scene, tiny_data, capsys):
    arguments = ["evaluate", str(tiny_scene), "--data", str(tiny_data), "--run", "pretrained", "--no-numerics"]
    assert main([*arguments, "--frames", "4"]) == 0
    results = json.loads(Path("runs/tiny/evaluation/results.json").read_text())
    assert {"SRC", "pretrained", "REF"} == set(results["solvers"])
    Path("pretrained").mkdir()  # a folder of the user's own is meant, if there is one
    assert main(arguments) == 2
    assert "pretrained" in capsys.readouterr().err


def test_shown_with_its_scene(made_up):
    catalogue = Catalogue(["wake_2d"])
    (run,) = catalogue.runs.values()
    assert run.is_trained and run.folder == made_up / "shipped" / "wake_2d" / "pretrained"
    assert catalogue.save_folder() == (made_up / "runs" / "wake_2d" / "saved").resolve()


def test_what_comes_with_the_package_belongs_to_its_scene():
    """Every one of them can be used with the scene as it is, and has a card with the facts that are shown."""
    for scene in shipped.pretrained_scenes():
        facts, corrector = shipped.card(scene), phi_sol.pretrained(scene)
        for name in ("trained_on", "machine", "valid_for", "outside", "fails_at", "retrain"):
            assert facts[name], name
        if "flows" in facts:
            continue
        experiment = phi_sol.load_experiment(scene)
        phi_sol.HybridSolver(experiment.pair.source, corrector)
        assert corrector.description["correct"] == list(experiment.correct)
        assert facts["error"] < facts["source_error"] and facts["cost"] < facts["reference_cost"]
        assert facts["speedup"] and facts["speedup_over"]


@pytest.mark.parametrize(
    "dimensions, least, other",
    [
        (2, 8, lambda: phi_sol.WakeFlow(y=48, x=24, dt=8.0, speed=1.5)),
        (3, 7, lambda: phi_sol.WakeFlow(y=24, x=12, z=12, dt=10.0, speed=1.2, obstacle="sphere")),
    ],
)
def test_the_one_for_many_flows(dimensions, least, other):
    """It runs in flows, on grids and at speeds that it never saw, is at home in its own, and knows its range."""
    name = f"foundation_{dimensions}d"
    facts, corrector = shipped.card(name), phi_sol.pretrained(name)
    assert len(facts["flows"]) >= least and set(facts["flows"]) == set(corrector.description["flows"])
    assert sum(np.size(w) for w in corrector.network.get_weights()) <= 1e6 and corrector.validity is not None
    wake = phi_sol.load_experiment(f"wake_{dimensions}d").pair.source
    phi_sol.HybridSolver(wake, corrector)
    flow = other()
    hybrid = phi_sol.HybridSolver(flow, corrector, strict=False)
    assert len(hybrid.rollout(flow.initial_state(reynolds=200.0), steps=2, progress=False)) == 2
    with pytest.raises(phi_sol.InputError):
        phi_sol.HybridSolver(flow, corrector)
