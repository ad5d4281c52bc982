"""A mistake in the user's own code is one line with file, line and message, wherever phi_sol calls the code."""

import shutil

import pytest

from phi_sol.cli import main

SCENE = """from phi import math
from phi.math.extrapolation import PERIODIC

from phi_sol import Experiment, Flow, Schedule, State

class Own(Flow):
    fields, size, incompressible = ("velocity",), dict(y=1.0, x=1.0), False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        pass  # constructor

    @property
    def boundaries(self):
        pass  # boundaries
        return dict(velocity=PERIODIC)

    @property
    def obstacles(self):
        pass  # obstacles
        return ()

    def initial_state(self):
        pass  # start
        return State(dict(velocity=self.field("velocity", 1.0)))

    def physics(self, state, dt):
        pass  # physics
        return state.with_fields(velocity=self.advect(state.velocity, state.velocity, dt))

pass  # scene
experiment = Experiment(name="own", flow=Own, source=dict(y=8, x=8), ratio=2, warmup=0, frames=4, options=dict(dt=0.1),
                        keep_reference_every=4, schedule=Schedule(network="small", unroll=1, steps=1, batch=1))
"""
PLACES = ["scene", "constructor", "boundaries", "obstacles", "start", "physics"]
MISTAKES = {
    "raise RuntimeError('it is\\n broken')": "RuntimeError: it is broken",
    "open('not_there.npy')": "FileNotFoundError: [Errno 2] No such file or directory: 'not_there.npy'",
    "raise EOFError('no data left')": "EOFError: no data left",  # no interruption
    "math.sqrt()": "TypeError: sqrt() missing 1 required positional argument",
}


@pytest.fixture
def mistaken(tmp_path, monkeypatch, capfd):
    """The last line on stderr of a command with a mistaken scene, after whatever it showed of its progress."""
    monkeypatch.chdir(tmp_path)

    def mistaken(place: str, *arguments: str, mistake: str = "raise RuntimeError('it is\\n broken')") -> str:
        (tmp_path / "own.py").write_text(SCENE.replace(f"pass  # {place}", mistake))
        capfd.readouterr()
        assert main([arguments[0], "own.py", *arguments[1:]]) == 2
        output = capfd.readouterr().err
        assert "Traceback" not in output
        return output.strip().splitlines()[-1]

    return mistaken


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data and a run."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.py").write_text(SCENE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["generate", "own.py"]) == 0
        assert main(["train", "own.py", "--method", "non"]) == 0
    return folder


def line_of(place: str) -> int:
    return next(i for i, line in enumerate(SCENE.splitlines(), 1) if line.strip() == f"pass  # {place}")


@pytest.mark.parametrize("place", PLACES)
def test_generation_names_file_line_and_message(place, mistaken):
    line = mistaken(place, "generate", "--split", "train")
    assert line == f"phi-sol: own.py, line {line_of(place)}: RuntimeError: it is broken"


@pytest.mark.parametrize("mistake, message", MISTAKES.items())
def test_any_exception(mistake, message, mistaken):
    line = mistaken("start", "generate", mistake=mistake)
    assert line.startswith(f"phi-sol: own.py, line {line_of('start')}: {message}")


def test_a_mistake_in_a_module_of_the_user(tmp_path, mistaken, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "users_terms.py").write_text("\n\ndef term():\n    return 1 / 0\n")
    line = mistaken("start", "generate", mistake="import users_terms; users_terms.term()")
    assert line == "phi-sol: users_terms.py, line 4: ZeroDivisionError: division by zero"


@pytest.mark.parametrize("command", [("train", "--method", "sol"), ("evaluate", "--run", "runs/own/non")])
@pytest.mark.parametrize("place", ["boundaries", "physics"])
def test_training_and_evaluation_name_it_too(command, place, trained, tmp_path, mistaken):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    assert mistaken(place, *command) == f"phi-sol: own.py, line {line_of(place)}: RuntimeError: it is broken"


def test_the_whole_traceback_on_demand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHI_SOL_DEBUG", "1")
    (tmp_path / "own.py").write_text(SCENE.replace("pass  # start", "raise RuntimeError('broken')"))
    with pytest.raises(RuntimeError, match="broken"):
        main(["generate", "own.py"])


def test_mistakes_of_phi_sol_itself_stay_tracebacks(tmp_path, monkeypatch):
    from phi_sol.generation.generator import Generator

    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(SCENE)
    monkeypatch.delattr(Generator, "_check_folder")
    with pytest.raises(AttributeError, match="_check_folder"):
        main(["generate", "own.py"])
