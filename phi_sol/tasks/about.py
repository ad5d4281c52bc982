"""What is known of something trained or estimated, from the files in its folder alone: without TensorFlow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError, MissingError, one_line
from ..files import visible
from ..storage.files import read_json
from ..storage.schemas import RUN
from ..storage.shipped import NAME, pretrained_folder, pretrained_scenes
from .about_run import RESULTS, RUN_FILE, SWEEP, about_run, flow_of, is_run, part, state_of

ESTIMATE = "estimate.json"


def run_folder(run: str | Path) -> Path:
    """The folder of a run; unless there is such a one, `pretrained:SCENE` stands for what comes with phi_sol."""
    name, colon, scene = str(run).partition(":")
    if Path(run).exists() or name != NAME:
        return Path(run)
    if not colon:
        raise InputError(f"Which one? Name its scene: {', '.join(f'{NAME}:{n}' for n in pretrained_scenes())}.")
    return pretrained_folder(scene)


def about(folder: Path) -> dict[str, Any]:
    """
    What a folder holds that was trained or estimated, JSON-ready. What is not known is not there.

    Raises:
        MissingError: if there is no such folder, or nothing of that in it.
        InputError: if a file of it is damaged.
    """
    if not folder.is_dir():
        what = "is a file: give its folder" if folder.exists() else "is missing"
        raise MissingError(f"{folder} {what}.")
    with understood(folder):
        if is_run(folder):
            facts = about_run(folder)
        elif (folder / ESTIMATE).is_file():
            facts = _about_estimate(folder)
        elif (folder / SWEEP).is_file():
            facts = _about_sweep(folder)
        else:
            raise MissingError(f"There is no run in {folder}{_hint(folder)}.")
    return {"folder": str(folder)} | {n: v for n, v in facts.items() if v not in (None, {}, [], "")}


@contextmanager
def understood(folder: str | Path) -> Iterator[None]:
    """Within it, what fails at the content of files, of other types than phi_sol writes, is an InputError."""
    try:
        yield
    except (TypeError, AttributeError, KeyError, IndexError, ArithmeticError) as err:
        raise InputError(f"The files in {folder} hold what phi_sol does not write ({one_line(err)}).") from err
    except ValueError as err:
        if isinstance(err, InputError):
            raise
        raise InputError(f"The files in {folder} hold what phi_sol does not write ({one_line(err)}).") from err


def _hint(folder: Path) -> str:
    if (folder / RESULTS).is_file():
        return ": it is an evaluation, which 'phi-sol compare' and its report.html show"
    below = [p.name for p in visible(folder) if p.is_dir() and is_run(p)]
    return f", but in {', '.join(below[:5])} below it: name one of them" if below else ""


def _about_estimate(folder: Path) -> dict[str, Any]:
    found = read_json(folder / ESTIMATE)
    simulations, wanted = found.get("simulations"), found.get("wanted")
    if not isinstance(simulations, dict) or not isinstance(wanted, dict):
        raise InputError(f"{folder / ESTIMATE} does not hold estimates.")
    keys = ("recorded", "estimates", "errors", "chi2", "noise", "seconds", "message")
    short = {n: {k: e.get(k) for k in keys} for n, e in simulations.items() if isinstance(e, dict)}
    going = any(e.get("message") == "interrupted" for e in short.values())
    return {
        "kind": "estimation",
        "state": "interrupted" if going else "finished",
        "scene": found.get("scene"),
        "wanted": wanted,
        "frames": found.get("frames"),
        "solver": flow_of(part(found, "solver", "source") or found.get("solver")),
        "corrected": part(found, "solver", "corrector") is not None,
        "simulations": short,
        "command": found.get("command"),
        "versions": found.get("versions"),
    }


def _about_sweep(folder: Path) -> dict[str, Any]:
    found = read_json(folder / SWEEP)
    runs = [n for n in found.get("runs") or [] if isinstance(n, str)]
    states = {n: _state_of(folder / n) for n in runs}
    return {
        "kind": "sweep",
        "state": f"{sum(s == 'finished' for s in states.values())} of {len(runs)} trainings are finished",
        "scene": found.get("scene"),
        "same": found.get("same"),
        "data": found.get("data"),
        "source": flow_of(part(found, "pair", "source")),
        "runs": states,
    }


def _state_of(folder: Path) -> str:
    if not (folder / RUN_FILE).is_file():
        return "not begun"
    try:
        return state_of(read_json(folder / RUN_FILE, RUN), "corrector", folder)
    except InputError as err:
        return str(err)
