"""`phi_sol.toml`: what it says holds where the command line does not, and what is wrong with it is one line."""

import json
from pathlib import Path

import pytest
import typer.main

from phi_sol.cli import app, main, settable
from phi_sol.cli.defaults import in_force, in_words, read_defaults
from phi_sol.cli.sweeps import fixed


def known():
    return settable(typer.main.get_command(app))


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """The lines on stderr of a command beside a `phi_sol.toml` with this text, and its exit code."""
    monkeypatch.chdir(tmp_path)

    def said(text: str, *arguments: str) -> tuple[int, list[str]]:
        Path("phi_sol.toml").write_text(text)
        capsys.readouterr()
        code = main([*arguments])
        return code, capsys.readouterr().err.strip().splitlines()

    return said


def test_the_file_is_taken_and_the_command_line_comes_first(said):
    text = '[train]\ndata = ["there"]\nseed = 3\n\n[evaluate]\nnumerics = false\n'
    code, lines = said(text, "train", "wake_2d")
    assert (code, lines[0]) == (2, "phi-sol: from phi_sol.toml: data = ['there'], seed = 3")
    assert lines[1].startswith("phi-sol: There is no data folder there")
    code, lines = said(text, "train", "wake_2d", "--data", "elsewhere", "--seed=5")
    assert code == 2 and len(lines) == 1 and "no data folder elsewhere" in lines[0]
    code, lines = said('[train]\nfrom = "run"\nrelative-loss = true', "train", "wake_2d", "--data", "gone")
    assert lines[0] == "phi-sol: from phi_sol.toml: from = 'run', relative_loss = true"


def test_flags_and_output_for_programs(said, capsys, tmp_path):
    code, lines = said("[scenes]\njson = true\n", "scenes")
    assert code == 0 and lines == ["phi-sol: from phi_sol.toml: json = true"]
    Path("phi_sol.toml").write_text("[scenes]\njson = true\n")
    assert main(["scenes"]) == 0 and "wake_2d" in [s["name"] for s in json.loads(capsys.readouterr().out)]
    Path("phi_sol.toml").unlink()
    assert main(["scenes"]) == 0 and capsys.readouterr().err == ""


def test_what_excludes_another_option_displaces_it():
    defaults = {"budget": "20m", "network": "fast", "workers": 2, "seed": 1}
    assert in_force(defaults, [], "train") == defaults
    assert in_force(defaults, ["steps"], "train") == {"network": "fast", "workers": 2, "seed": 1}
    assert in_force(defaults, ["start", "strategy"], "train") == {"budget": "20m", "seed": 1}
    assert in_force({"workers": 2, "frames": 3}, ["part"], "generate") == {"frames": 3}
    assert in_force(defaults, ["resume"], "train") == {"network": "fast", "workers": 2, "seed": 1}  # keeps its plan
    assert in_force(defaults, ["resume"], "estimate") == defaults


def test_a_sweep_takes_what_is_said_of_train():
    defaults = {"train": {"network": "fast", "budget": "2m", "out": "here", "seed": 4, "project": True}}
    assert fixed(defaults, {"unroll": ["2", "4"]}) == {"network": "fast", "budget": "2m", "project": True}
    assert fixed(defaults, {"steps": ["5"], "network": ["small"]}) == {"project": True}
    assert fixed({}, {"unroll": ["2"]}) == {}


def test_every_option_of_every_command_can_be_said(tmp_path):
    """With a value of its kind; what comes of it is what the command line would give."""
    values = {bool: "true", int: "3", float: "0.5", str: '"text"'}
    commands = known()
    assert set(commands) >= {"scenes", "generate", "train", "evaluate", "import", "doctor", "show", "init"}
    text, expected = "", {}
    for command, about in commands.items():
        settings = {n: about.settings[n] for n in about.names}
        text += f"[{command}]\n" + "".join(f"{n} = {values[s.kind]}\n" for n, s in settings.items())
        plain = {bool: True, int: 3, float: 0.5, str: "text"}
        expected[command] = {s.name: [plain[s.kind]] if s.several else plain[s.kind] for s in settings.values()}
    (tmp_path / "phi_sol.toml").write_text(text)
    assert read_defaults(tmp_path, commands) == expected
    assert {"data", "out", "network", "from", "clip"} <= set(commands["train"].names)
    assert not {"resume", "scenes", "context", "help"} & set(commands["train"].names)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[generat]\n", "there is no command 'generat'. Did you mean 'generate'? Known: scenes, "),
        ("seed = 1\n", "seed = 1 stands in no table: write it below the command that it is for, e.g. [train]"),
        (
            '[train]\nnetwrok = "fast"',
            "[train] has no option 'netwrok' that can be set. Did you mean 'network'?",
        ),
        ("[train]\nresume = true", "[train] has no option 'resume' that can be set."),
        ('[train]\nscenes = "wake_2d"', "[train] has no option 'scenes' that can be set."),
        ('[generate]\nworkers = "two"', "[generate] workers must be an integer, not 'two'."),
        ("[generate]\nworkers = 2.0", "[generate] workers must be an integer, not 2.0."),
        ("[generate]\nworkers = true", "[generate] workers must be an integer, not true."),
        ('[train]\nlearning_rate = "1e-3"', "[train] learning_rate must be a number, not '1e-3'."),
        ("[train]\nbudget = 90", "[train] budget must be a text, in quotes, not 90."),
        ("[evaluate]\nrun = [1]", "[evaluate] run must be a list of texts, or a text, in quotes, not [1]."),
        ('[evaluate]\nnumerics = "no"', "[evaluate] numerics must be true or false, not 'no'."),
        ('[train]\nnetwork = {a = "b"}', "[train] network must be a text, in quotes"),
        ('[train]\nout = "a\\u001bb"', "[train] out must be a text, in quotes"),
        ("[train]\nrelative_loss = true\nrelative-loss = true", "[train] says twice what relative-loss is."),
        ("[train\n", "phi_sol.toml is no TOML: "),
        ("[train]\nseed = 1\nseed = 2\n", "phi_sol.toml is no TOML: "),
    ],
)
def test_what_is_wrong_is_one_line(said, text, message):
    code, lines = said(text, "evaluate", "wake_2d")
    assert code == 2 and len(lines) == 1 and message in lines[0] and "phi_sol.toml" in lines[0]


def test_files_that_can_not_be_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("phi_sol.toml").write_bytes(b"\xff\xfe\x00")
    assert main(["scenes"]) == 2 and "phi_sol.toml is damaged" in capsys.readouterr().err
    Path("phi_sol.toml").unlink()
    Path("phi_sol.toml").mkdir()
    assert main(["scenes"]) == 2 and "phi_sol.toml can't be read: Is a directory" in capsys.readouterr().err
    Path("phi_sol.toml").rmdir()
    Path("phi_sol.toml").symlink_to("nothing")
    assert main(["scenes"]) == 2 and "phi_sol.toml is missing" in capsys.readouterr().err


def test_help_and_version_do_not_need_it(said, capsys):
    for arguments in (["--help"], ["train", "--help"], ["--version"], []):
        assert said("[train", *arguments) == (0, [])


def test_words():
    assert in_words({"network": "fast", "run": ["a", "b"], "numerics": False}) == (
        "from phi_sol.toml: network = 'fast', run = ['a', 'b'], numerics = false"
    )
