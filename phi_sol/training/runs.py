"""Folders of runs: whether one is free, and what a run was started with."""

from dataclasses import fields
from pathlib import Path

from ..errors import InputError, MissingError
from ..flows.comparison import first_difference
from ..storage.files import read_json
from .plan import Plan
from .validation import Validation

RUN_FILE = "run.json"


def check_unused(folder: Path):
    """Raises InputError if there is anything in `folder`."""
    if folder.is_dir() and any(folder.iterdir()):
        advice = "--resume goes on with it" if (folder / RUN_FILE).is_file() else "it is not a run of phi_sol"
        raise InputError(f"{folder} is in use ({advice}): name another folder with --out, or remove it.")


def stored_run(folder: Path, config: dict, plan: Plan) -> tuple[Plan, Validation]:
    """
    Plan and validation of the run in `folder`, which must have been started with `config`: data, method, network and
    the like. The given plan has the objects that files hold by their names only. Raises MissingError if there is no
    run, InputError if it is another one or its file is damaged.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        raise MissingError(f"There is no run to resume in {folder}.")
    run = read_json(path)
    difference = first_difference({k: run.get(k) for k in config}, config)
    if difference:
        raise InputError(f"{folder} holds another run: {difference}. Name another folder with --out.")
    try:
        return plan.stored(run["plan"]), Validation(**{f.name: run["validation"][f.name] for f in fields(Validation)})
    except (KeyError, TypeError) as err:
        raise InputError(f"{path} is damaged: {err!r}. Name another folder with --out.") from err
