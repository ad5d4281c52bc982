"""`phi-sol doctor`, and `--json` of what lists."""

import json
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import phi_sol
from phi_sol.cli import health, main
from phi_sol.storage.shipped import card

REPOSITORY = Path(phi_sol.__file__).parents[1]


@pytest.fixture
def examined(tmp_path, monkeypatch, capsys):
    """Exit code, findings by name, and the lines of the same as text, without the speed."""
    monkeypatch.chdir(tmp_path)

    def examined() -> tuple[int, dict, list[str]]:
        capsys.readouterr()
        code = main(["doctor", "--no-speed", "--json"])
        content = json.loads(capsys.readouterr().out)
        assert content["ok"] == (code == 0) and main(["doctor", "--no-speed"]) == code
        text = capsys.readouterr().out
        assert text.isprintable() or "\x1b" not in text
        return code, {f["name"]: f for f in content["findings"]}, text.splitlines()

    return examined


def test_an_installation_that_is_whole(examined):
    code, found, lines = examined()
    assert code == 0 and lines[-1] == "All that phi_sol needs is there."
    assert found["phi_sol"]["text"] == phi_sol.__version__
    for name in ("phiflow", "phiml", "tensorflow", "keras", "numpy", "scipy", "typer"):
        assert found[name]["ok"] and found[name]["text"][0].isdigit(), name
    assert {"processor", "cores", "memory", "GPUs", "threads", "current folder", "cache", "browser", "ffmpeg"} <= set(
        found
    )
    assert {"view", "gpu", "netcdf", "cluster", "dev"} <= set(found)
    parts = [line for line in lines if line and not line.startswith(" ")]
    assert parts[:6] == ["packages", "devices", "folders", "settings", "programs", "extras"] or "settings" not in parts


def test_what_is_missing_is_named_with_the_line_that_installs_it(examined, monkeypatch):
    lacking = health.lacking
    gone = {"scipy": "not installed", "dash": "not installed"}
    monkeypatch.setattr(health, "lacking", lambda needed: gone.get(needed.name) or lacking(needed))
    Path("phi_sol.toml").write_text("[train\n")
    code, found, lines = examined()
    assert code == 1 and lines[-1] == "2 of what phi_sol needs is wrong."
    assert any(line.startswith("needed: scipy: pip install 'scipy") for line in lines)
    assert "optional: view: pip install 'phi_sol[view]'" in lines
    assert found["phi_sol.toml"]["ok"] is False and "is no TOML" in found["phi_sol.toml"]["text"]


def test_requirements_are_those_of_the_package():
    needed = health.requirements()
    always = {r.name for r in needed if not r.marker or r.marker.evaluate({"extra": ""})}
    assert {"phiflow", "tensorflow", "keras", "numpy", "scipy", "typer"} <= always and "dash" not in always
    assert {r.name for r in health.of_extra(needed, "view")} == {"dash", "plotly", "werkzeug"}
    assert {r.name for r in health.of_extra(needed, "netcdf")} == {"xarray", "h5netcdf"}
    if (REPOSITORY / "setup.cfg").is_file():
        extras = {e for r in needed for e in health.EXTRAS if r in health.of_extra(needed, e)}
        setup = ConfigParser()
        setup.read(REPOSITORY / "setup.cfg")
        assert extras == set(health.EXTRAS) == set(setup["options.extras_require"]) - {"all"}


def test_pythons_are_those_of_the_package(tmp_path, monkeypatch):
    allowed = health.pythons()
    assert "3.12.0" in allowed and "3.9.0" not in allowed
    monkeypatch.setattr(health, "ROOT", tmp_path / "elsewhere")  # as it was installed
    assert str(health.pythons()) == metadata.metadata("phi_sol")["Requires-Python"]
    monkeypatch.setattr(health, "PACKAGE", "no-such-package-at-all")
    assert "3.9.0" in health.pythons()


def test_versions_and_extras_that_do_not_fit():
    assert health.lacking(Requirement("numpy>=1")) == ""
    assert health.lacking(Requirement("numpy<1")).endswith(", needed is <1")
    assert health.lacking(Requirement("no-such-package-at-all")) == "not installed"


def test_folders_that_can_not_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    found = health._writable("cache", tmp_path / "file" / "inside", "set it", None)
    assert found.ok is None and "is a file, not a folder" in found.text and found.advice == "set it"
    assert health._writable("current folder", tmp_path / "file", "go").ok is False
    assert health._writable("current folder", tmp_path, "go").ok


@pytest.mark.parametrize("times, said", [(1.5, ""), (20.0, "this machine is 20 times slower now")])
def test_the_speed_is_compared_with_that_of_the_documentation(monkeypatch, times, said):
    stated = 10 * card("wake_2d")["source_cost"]  # a step of 10 units of time
    monkeypatch.setattr("phi_sol.evaluation.timing.time_step", lambda *a, **k: times * stated)
    found = health.time_of_a_step()
    assert f"takes {times * stated:.3g} ms; documented are {stated:.3g} ms on" in found.text
    assert found.figures == {"ms": times * stated, "documented_ms": stated}
    assert (found.ok, said in found.text) == (None if said else True, True)


def test_the_documented_speed_is_that_of_the_page():
    row, *_ = [x for x in (REPOSITORY / "docs/scenes/wake_2d.md").read_text().splitlines() if "| source (SRC) |" in x]
    assert f"{card('wake_2d')['source_cost']:.4f}" == row.split("|")[-2].strip()


def test_listings_for_programs(tmp_path, monkeypatch, capsys, tiny_data):
    monkeypatch.chdir(tmp_path)

    def listed(*arguments) -> tuple[int, object]:
        capsys.readouterr()
        code = main([*map(str, arguments), "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, scenes = listed("scenes")
    assert code == 0 and {s["name"] for s in scenes} >= {"wake_2d", "poisson_2d"} and all(s["summary"] for s in scenes)
    _, cards = listed("pretrained")
    assert {c["scene"] for c in cards} >= {"wake_2d", "smoke_3d"} and all(Path(c["folder"]).is_dir() for c in cards)
    assert listed("pretrained", "wake_2d")[1]["error"] == card("wake_2d")["error"]
    code, checked = listed("check", tiny_data)
    assert code == 0 and checked["simulations"] == 3 and checked["findings"] == []
    _, networks = listed("networks", "--no-timing")
    assert {n["name"] for n in networks} >= {"fast", "small"} and all(n["ms"] is None for n in networks)
    _, (train, test) = listed("generate", "wake_2d", "--dry-run")
    assert (train["split"], train["simulations"], test["folder"]) == ("train", 8, "data/wake_2d/test")
    assert train["frames"] == 100 and train["bytes"] > 1e6
    for command in (["generate", "wake_2d"], ["reproduce", "karman_2d"], ["sweep", "wake_2d"]):
        assert main([*command, "--json"]) == 2 and "add --dry-run" in capsys.readouterr().err


def test_damaged_data_for_programs(tmp_path, monkeypatch, capsys, tiny_data):
    import shutil

    shutil.copytree(tiny_data / "test", tmp_path / "data")
    (tmp_path / "data" / "sim_000000" / "velocity_000003.npz").write_bytes(b"damaged")
    assert main(["check", str(tmp_path / "data"), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["kind"] == "damaged" and finding["path"].endswith("velocity_000003.npz")
    assert main(["check", str(tmp_path / "data"), "--repair", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["gone"] == [finding["path"]] and "phi-sol: removed: " in captured.err


def test_evaluations_side_by_side_for_programs(tiny_evaluation, capsys):
    folder = str(tiny_evaluation.files[0].parent)
    assert main(["compare", folder, folder, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    source = tiny_evaluation.results["solvers"]["SRC"]["mae"]
    assert content["solvers"]["SRC"]["a"]["mean"] == pytest.approx(list(source.values())[-1])
    assert content["scene"] == "tiny" and content["solvers"]["SRC"]["a"] == content["solvers"]["SRC"]["b"]
