"""`phi-sol sweep`: combinations, names, files, what is refused, and all of it with two processes."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from phi_sol import FailedError, InputError, load_experiment
from phi_sol.cli import main
from phi_sol.cli.sweeps import Sweep, content_of, settings
from phi_sol.storage.files import write_json
from phi_sol.workers.items import Outcome


def sweep(tmp_path, tiny_scene, given, seeds=1) -> Sweep:
    return Sweep(load_experiment(tiny_scene), settings(given, {}), seeds, tmp_path / "sweep", [Path("data")])


def test_all_combinations_with_what_a_method_has_no_use_for_left_out(tmp_path, tiny_scene):
    given = [("method", "non,sol"), ("unroll", "4,8"), ("learning-rate", "1e-3"), ("curriculum", "false")]
    runs = sweep(tmp_path, tiny_scene, given, 2).runs
    assert [r.name for r in runs] == [
        f"{name}_seed{seed}" for name in ("method-non", "method-sol_unroll-4", "method-sol_unroll-8") for seed in (0, 1)
    ]
    expected = ["--seed", "1", "--method", "sol", "--unroll", "4", "--learning-rate", "1e-3", "--no-curriculum"]
    assert runs[3].arguments() == expected


def test_values_with_commas_and_names_of_folders(tmp_path, tiny_scene):
    given = [("stages", "2:0.5,4:0.5;8:1"), ("ramp", "0.1")]
    (first, second) = sweep(tmp_path, tiny_scene, given).runs
    assert first.values["stages"] == "2:0.5,4:0.5" and first.name == "stages-2-0.5-4-0.5_seed0"
    assert second.name == "stages-8-1_seed0"


@pytest.mark.parametrize(
    "name, text",
    [
        ("s.toml", "seeds = 2\n[set]\nunroll = [2, 4]\nproject = true"),
        ("s.yaml", "set: {unroll: [2, 4], project: true}"),
    ],
)
def test_files(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    found = settings([("unroll", "8")], content_of(tmp_path / name)["set"])
    assert found == {"unroll": ["2", "4", "8"], "project": ["true"]}


@pytest.mark.parametrize(
    "text, message",
    [
        ("unroll = 3", "needs a table `set`"),
        ("sedes = 3\n[set]\nunroll=3", "unknown entry 'sedes'. Did you mean 'seeds'"),
        ("[set]\nunroll = [[3]]", "the values of unroll must be numbers, texts, true or false"),
        ("[set", "s.toml is no TOML: Expected"),
    ],
)
def test_files_that_say_something_else(text, message, tmp_path):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        content_of(tmp_path / "s.toml")


@pytest.mark.parametrize(
    "given, message",
    [
        ([("metod", "sol")], "no option 'metod' that can be set. Did you mean 'method'"),
        ([("out", "here")], "no option 'out' that can be set"),
        ([("unroll", "2,2")], "unroll has the value 2 twice"),
        ([("unroll", ",")], "unroll has no values"),
        ([("unroll", "x,y")], "unroll-x_seed0: Invalid value for '--unroll'"),
        ([("project", "maybe,true")], "project must be true or false, not 'maybe'"),
    ],
)
def test_wrong_values(given, message, tmp_path, tiny_scene):
    with pytest.raises(InputError, match=message):
        sweep(tmp_path, tiny_scene, given)
    assert not (tmp_path / "sweep").exists()


class Pretended:
    """An engine that trains nothing: every second training fails."""

    def __init__(self):
        self.labels = []

    def run(self, items, progress, ended):
        outcomes = []
        for item in items:
            self.labels.append(item.label)
            out = Path(item.arguments["command"][item.arguments["command"].index("--out") + 1])
            outcomes.append(Outcome(item, failure="" if len(self.labels) % 2 else "no luck"))
            if not outcomes[-1].failure:
                out.mkdir(parents=True)
                write_json(out / "run.json", {"complete": True})
            ended(outcomes[-1])
        progress(len(items))
        return outcomes


def test_what_is_trained_is_not_trained_again_and_the_log_says_what_came_of_each(tmp_path, tiny_scene):
    plan, engine, told = sweep(tmp_path, tiny_scene, [("unroll", "2,4")], 2), Pretended(), []
    plan.train(engine, lambda *n: told.append(n))
    assert len(engine.labels) == 4 and told[-1] == (4, 4)
    again = sweep(tmp_path, tiny_scene, [("unroll", "2,4")], 3)
    engine.labels.clear()
    again.train(engine, lambda *n: told.append(n))
    assert engine.labels == [f"unroll-{n}_seed{s}" for n, s in ((2, 1), (2, 2), (4, 1), (4, 2))]
    lines = [json.loads(line) for line in (tmp_path / "sweep" / "log.jsonl").read_text().splitlines()]
    assert [x["event"] for x in lines[:5]] == ["begun", "trained", "failed", "trained", "failed"]
    assert lines[2]["run"] == "unroll-2_seed1" and lines[2]["failure"] == "no luck"
    with pytest.raises(InputError, match="holds another sweep: same.batch is"):
        sweep(tmp_path, tiny_scene, [("unroll", "2,4"), ("batch", "2")])
    (tmp_path / "other" / "sweep").mkdir(parents=True)
    (tmp_path / "other" / "sweep" / "notes.txt").touch()
    with pytest.raises(InputError, match="in use and holds no sweep"):
        sweep(tmp_path / "other", tiny_scene, [("unroll", "2,4")])


def test_nothing_to_evaluate(tmp_path, tiny_scene):
    with pytest.raises(FailedError, match="None of the trainings is finished"):
        sweep(tmp_path, tiny_scene, [("unroll", "2,4")]).evaluate(Pretended(), None, print)


@pytest.mark.slow
def test_the_whole_way_with_two_processes(tmp_path, tiny_scene, tiny_data, monkeypatch, capsys):
    """One training has a network that there is not: it is named, the others are evaluated together."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(tiny_scene, "tiny.py")
    command = ["sweep", "tiny.py", "--data", str(tiny_data), "--set", "network=small,smal", "--set", "steps=3"]
    command += ["--seeds", "2", "--workers", "2", "--frames", "4"]
    assert main(command) == 1
    captured = capsys.readouterr()
    assert "2 of 4 trainings failed. network-smal_seed0: Unknown network 'smal'. Did you mean 'small'" in captured.err
    with open("runs/tiny/sweep/sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["network"], r["seeds"]) for r in rows] == [("small", "2 of 2"), ("smal", "0 of 2")]
    results = json.loads(Path("runs/tiny/sweep/evaluation/results.json").read_text())
    errors = [results["solvers"][f"network-small_seed{i}"]["mae"]["4"] for i in (0, 1)]
    assert float(rows[0]["mae"]) == pytest.approx(sum(errors) / 2) and errors[0] != errors[1]
