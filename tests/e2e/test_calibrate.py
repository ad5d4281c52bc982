"""`phi-sol calibrate`, as users run it."""

import shutil

from phi_sol import Corrector
from phi_sol.cli import main


def test_a_corrector_is_calibrated_shown_and_evaluated(tiny_scene, tiny_data, tiny_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["calibrate", str(tiny_scene), "--data", str(tiny_data), "--run", str(tiny_run)]
    assert main([*command, "--frames", "6", "--out", "mine"]) == 0
    said = capsys.readouterr().out
    corrector = Corrector.load("mine")
    assert said.startswith(f"Gain {corrector.gain:.2f}; error over 6 steps") and "the source alone): 1.000" in said
    assert main(["show", "mine"]) == 0
    evaluate = ["evaluate", str(tiny_scene), "--data", str(tiny_data), "--no-numerics", "--anyway", "--out", "e"]
    assert main([*evaluate, "--run", "mine"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    told = f"mine: All its corrections are multiplied by {corrector.gain:.2f}"
    assert "mine: velocity MAE" in said and (told in said) == (corrector.gain != 1)


def test_without_data_nothing_is_read_but_the_scene(tiny_scene, tiny_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["calibrate", str(tiny_scene), "--run", str(tiny_run), "--without-data", "--frames", "4"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "error over 4 steps" in said and "runs/tiny/calibrated" in said
    assert Corrector.load("runs/tiny/calibrated").description["calibration"]["ratio"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]


def test_what_is_missing_is_said_in_one_line(refused_here, tiny_scene, tiny_run, tiny_data, tmp_path):
    assert "There is no corrector in nothing" in refused_here(
        "calibrate", tiny_scene, "--data", tiny_data, "--run", "nothing"
    )
    line = refused_here("calibrate", tiny_scene, "--data", "none", "--run", tiny_run)
    assert "There is no data folder none" in line and "generate" in line
    both = refused_here("calibrate", tiny_scene, "--data", tiny_data, "--without-data", "--run", tiny_run)
    assert "--data and --without-data exclude each other" in both
    assert "frames" in refused_here("calibrate", tiny_scene, "--without-data", "--frames", "0", "--run", tiny_run)
    (tmp_path / "file").write_text("")
    shutil.copytree(tiny_run, tmp_path / "run")
    assert "file" in refused_here(
        "calibrate", tiny_scene, "--data", tiny_data, "--run", "run", "--out", tmp_path / "file"
    )
