"""Networks on disk."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import keras

from ..errors import InputError, MissingError
from ..flows import Flow
from ..flows.comparison import first_difference

Trained = TypeVar("Trained")


def save_network(network: keras.Model, path: Path):
    """Writes a Keras file atomically; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    network.save(part)
    os.replace(part, path)


def load_network(path: Path, description: Path, kind: str, custom_objects: dict | None = None) -> keras.Model:
    """Reads what `save_network` wrote, beside which there must be its description; see `Corrector.load`."""
    if not path.is_file() or not description.is_file():
        advice = "train one first ('phi-sol train'), or name another folder"
        raise MissingError(f"There is no {kind} in {path.parent}: {advice}.")
    try:
        return keras.models.load_model(path, custom_objects, compile=False, safe_mode=True)
    except Exception as err:  # Keras raises whatever the unzipping, JSON or HDF5 library raises
        if unknown := re.search(r"Could not locate (\w+) '([^']+)'", str(err)):
            kind, name = unknown.groups()
            raise InputError(
                f"{path} needs the {kind} {name!r}, which is not registered: import what registers it, or load it in "
                f"Python with load(folder, custom_objects={{{name!r}: {name}}})."
            ) from err
        reason = str(err).strip().partition("\n")[0]
        raise InputError(f"{path} is damaged ({reason}): train again.") from err


def check_trained_for(flow: Flow, description: dict, kind: str, advice: str = ""):
    """Raises InputError if what is described was trained for another flow or grid than `flow`."""
    if difference := first_difference(description["flow"], flow.config()):
        raise InputError(f"The {kind} was trained for another flow: {difference}.{advice}")


def load_runs(
    runs: list[Path],
    load: Callable[[Path], Trained],
    flow: Flow,
    is_taken: Callable[[str], bool],
    strict: bool = True,
) -> dict[str, Trained]:
    """
    What was trained in some runs, as `load` reads it, by the name of the folder, or by the path where this name is
    taken. Raises MissingError if there is none, InputError if one is damaged or (if `strict`) was trained for another
    flow.
    """
    result: dict[str, Trained] = {}
    for run in runs:
        name = Path(run).resolve().name
        trained: Any = load(run)
        try:
            if strict:
                trained.check_flow(flow)
        except InputError as err:
            raise InputError(f"{run}: {err}") from err
        result[str(run) if name in result or is_taken(name) else name] = trained
    return result
