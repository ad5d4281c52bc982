"""What is found in the given folders, and that nothing outside them is."""

import json
import shutil

import pytest

from phi_sol.errors import InputError, MissingError
from phi_sol.viewer.catalogue import Catalogue


@pytest.fixture(scope="module")
def place(tiny_data, tiny_run, tmp_path_factory):
    """runs/tiny/sol, runs/tiny/evaluation and data/tiny/test, as the commands leave them."""
    root = tmp_path_factory.mktemp("place")
    shutil.copytree(tiny_run, root / "runs" / "tiny" / "sol")
    shutil.copytree(tiny_data, root / "data" / "tiny")
    evaluation = root / "runs" / "tiny" / "evaluation"
    evaluation.mkdir()
    (evaluation / "results.json").write_text(json.dumps({"scene": "tiny", "solvers": {}}))
    return root


def test_run_brings_the_test_data_of_its_scene(place):
    catalogue = Catalogue([str(place / "runs" / "tiny" / "sol")])
    assert (
        list(catalogue.runs) == ["sol"]
        and catalogue.runs["sol"].state == "finished"
        and catalogue.runs["sol"].is_trained
    )
    assert list(catalogue.recordings) == ["tiny/test/sim_000000", "tiny/test/sim_000000/reference"]
    assert catalogue.roots == [place / "runs" / "tiny" / "sol", place / "data" / "tiny" / "test"]


def test_folders_of_all_kinds(place):
    everything = Catalogue([str(place / "runs"), str(place / "data")])
    assert list(everything.runs) == ["runs/tiny/sol"] and list(everything.evaluations) == ["runs/tiny/evaluation"]
    assert "data/tiny/train/sim_000001" in everything.recordings and len(everything.recordings) == 6
    assert len(Catalogue([str(place / "data" / "tiny" / "test"), str(place / "data")]).recordings) == 6, (
        "each is found once"
    )
    single = Catalogue([str(place / "data" / "tiny" / "test" / "sim_000000")])
    assert list(single.recordings) == ["sim_000000", "sim_000000/reference"] and not single.runs
    assert list(Catalogue([str(place / "runs" / "tiny" / "evaluation")]).evaluations) == ["evaluation"]


def test_corrector_without_a_training(place, tmp_path):
    """As the latest one of a validated training, in `last/`."""
    shutil.copytree(place / "runs" / "tiny" / "sol", tmp_path / "sol" / "last")
    for name in ("run.json", "log.csv"):
        (tmp_path / "sol" / "last" / name).unlink()
    (run,) = Catalogue([str(tmp_path / "sol")]).runs.values()
    assert run.is_trained and not run.has_training and run.state == "a trained model"


def test_scene_by_name_and_file(tiny_scene, place, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    catalogue = Catalogue([str(tiny_scene)])
    assert catalogue.roots == [place / "data" / "tiny", place / "runs" / "tiny"] and list(catalogue.experiments) == [
        "tiny"
    ]
    monkeypatch.chdir(tmp_path)
    catalogue = Catalogue(["karman_2d"])
    assert catalogue.roots == [] and catalogue.save_folder() == tmp_path / "runs" / "karman_2d" / "saved"


def test_links_that_lead_out_are_not_followed(place, tmp_path):
    (tmp_path / "mine").mkdir()
    shutil.copytree(place / "data" / "tiny" / "test" / "sim_000000", tmp_path / "mine" / "sim_000000")
    (tmp_path / "mine" / "sim_000001").symlink_to(place / "data" / "tiny" / "train" / "sim_000001")
    catalogue = Catalogue([str(tmp_path / "mine")])
    assert list(catalogue.recordings) == ["mine/sim_000000", "mine/sim_000000/reference"]
    assert not catalogue.contains(tmp_path / "mine" / ".." / "other") and catalogue.contains(
        tmp_path / "mine" / "sim_000000"
    )


@pytest.mark.parametrize(
    "name, message",
    [("nothing", "no folder nothing"), ("file.txt", "is a file"), ("empty", "nothing to show in empty")],
)
def test_wrong_paths(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        Catalogue([name])
    with pytest.raises(MissingError, match="no folder elsewhere"):
        Catalogue(["karman_2d"], data=tmp_path.__class__("elsewhere"))


def test_run_that_is_being_written(place, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(place / "runs" / "tiny" / "sol" / "run.json", run)
    config = json.loads((run / "run.json").read_text()) | {"complete": False}
    (run / "run.json").write_text(json.dumps(config))
    (run / "log.csv").write_text("epoch,loss,val_mae,val_loss\n0,0.5,0.25,NA\n1,0.25,NA,NA\n2,0.1")
    catalogue = Catalogue([str(run)], data=place / "data")
    found = catalogue.runs["run"]
    assert not found.is_trained and found.state.startswith("running, last written")
    curves = found.curves()
    assert curves["loss"] == [0.5, 0.25] and list(curves) == ["epoch", "loss", "val_mae"], (
        "half a line and empty columns are left out"
    )
    with open(run / "log.csv", "a") as log:
        log.write(",0.2,NA\n")
    assert found.curves()["loss"] == [0.5, 0.25, 0.1]
    (run / "run.json").write_text('{"compl')
    catalogue.scan()
    assert catalogue.runs["run"].config == {}


def test_where_scenes_are_saved(place):
    assert Catalogue([str(place / "runs")]).save_folder() == place / "runs" / "tiny" / "sol" / "saved"
    with pytest.raises(InputError, match="no run folder to save to"):
        Catalogue([str(place / "data")]).save_folder()


def test_correctors_of_other_flows_on_demand(place, tiny):
    from phi_sol import SolverPair

    other = SolverPair(tiny.flow, dict(y=24, x=12), 2, advection="mac_cormack").config
    solid = SolverPair(tiny.flow, dict(y=24, x=12, z=12), 2).config
    given = [str(place / "runs" / "tiny" / "sol")]
    assert [list(Catalogue(given).trained_for(pair)) for pair in (tiny.pair.config, other)] == [["sol"], []]
    anyway = Catalogue(given, strict=False)
    assert [list(anyway.trained_for(pair)) for pair in (other, solid)] == [["sol"], []]
