"""The task of the page on extensions: one parameter of a flow fitted to frames, with the commands of every scene."""

import json
import re
from pathlib import Path

import pytest

from phi_sol import InputError, Plan, Stage, Trainer, Validation
from phi_sol.cli import main
from phi_sol.tasks import evaluate, holds_model, task_in, task_of

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
SCENE = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)[-1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    (folder / "fit.py").write_text(SCENE)
    return folder


def test_the_class_is_short():
    lines = SCENE[SCENE.index("class Fit") : SCENE.index("experiment =")].strip().splitlines()
    assert len([line for line in lines if line.strip()]) < 60


def test_all_commands(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["generate", "fit.py"]) == 0
    assert main(["train", "fit.py", "--budget", "1h", "--steps", "3"]) == 2
    assert main(["train", "fit.py", "--noise", "0.1"]) == 2
    captured = capsys.readouterr()
    assert "--noise is not for fit, which trains a Reynolds number: leave it out." in captured.err
    assert main(["train", "fit.py", "--method", "fit"]) == 0
    assert "120 iterations, last Reynolds number in runs/fit/fit" in capsys.readouterr().out
    assert json.loads(Path("runs/fit/fit/run.json").read_text())["task"] == "fit"
    found = json.loads(Path("runs/fit/fit/fit.json").read_text())["reynolds"]
    assert found == pytest.approx(300, rel=0.05)
    assert main(["train", "fit.py", "--method", "fit"]) == 2 and "--resume goes on with it" in capsys.readouterr().err
    assert main(["evaluate", "fit.py"]) == 0
    out = capsys.readouterr().out
    assert "Reynolds number" in out and "runs/fit/evaluation/results.json" in out
    assert (
        main(["evaluate", "fit.py", "--no-numerics"]) == 2 and "--no-numerics is not for fit" in capsys.readouterr().err
    )
    assert main(["evaluate", "fit.py", "--run", "elsewhere"]) == 2
    assert "There is no Reynolds number in elsewhere: train one first" in capsys.readouterr().err
    assert main(["reproduce", "fit.py", "--budget", "1m"]) == 2
    assert "its task compares no methods" in capsys.readouterr().err


@pytest.mark.slow
def test_interrupted_and_resumed(place, tmp_path, monkeypatch):
    """A task without a network has checkpoints, callbacks and validation as any other."""
    import keras

    from phi_sol import Dataset, load_experiment  # the scene is known of the commands

    monkeypatch.setattr(Trainer, "epoch_length", 2)
    experiment = load_experiment(str(place / "fit.py"))
    data, kind = Dataset.load(experiment.pair, place / "data" / "fit"), task_of(experiment)
    plan = Plan((Stage(1, 0.5), Stage(2, 1.0)), batch=2, learning_rate=0.05, steps=6, optimizer=keras.optimizers.SGD())
    whole = Trainer(kind(data), plan, tmp_path / "whole").fit()

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(kind(data), plan, tmp_path / "parts").fit([Stop()])
    assert Trainer(kind(data), plan, tmp_path / "parts", resume=True).fit() == whole
    with pytest.raises(InputError, match="started with the optimizer 'SGD' as an object"):
        Trainer(kind(data), Plan(plan.stages, 2, 0.05, steps=6), tmp_path / "parts", resume=True)
    assert not holds_model(tmp_path / "whole") and holds_model(tmp_path / "whole", [kind])
    assert task_in(tmp_path / "whole", [kind]) is kind and task_in(tmp_path / "whole") is None
    with pytest.raises(InputError, match="at least one must be left"):
        Trainer(kind(data), plan, tmp_path / "none", validation=Validation(1))
    assert evaluate(experiment, [tmp_path / "whole"], place / "data" / "fit", tmp_path / "out").results["task"] == "fit"
