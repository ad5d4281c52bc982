"""Networks on disk."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import keras

from ..errors import InputError, MissingError
from ..flows import Flow
from ..storage.files import first_difference

Trained = TypeVar("Trained")


def save_network(network: keras.Model, path: Path):
    """Writes a Keras file atomically; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    network.save(part)
    os.replace(part, path)


def load_network(path: Path, description: Path, kind: str, custom_objects: dict | None = None) -> keras.Model:
    """
    Reads what `save_network` wrote. Nothing in the file is executed (Keras's safe mode).

    Args:
        path: The Keras file.
        description: The JSON file that belongs to it.
        kind: What the two are, for messages.
        custom_objects: Layers, models and functions of one's own that the network is made of, by name, unless they are
            registered (`keras.saving.register_keras_serializable`).

    Raises:
        MissingError: if one of the two files is missing.
        InputError: if the Keras file is damaged, or needs a class or function that is not known.
    """
    if not path.is_file() or not description.is_file():
        raise MissingError(
            f"There is no {kind} in {path.parent}: train one first ('phi-sol train'), or name another folder."
        )
    try:
        return keras.models.load_model(path, custom_objects, compile=False, safe_mode=True)
    except Exception as err:  # Keras raises whatever the unzipping, JSON or HDF5 library raises
        unknown = re.search(r"Could not locate (\w+) '([^']+)'", str(err))
        if unknown:
            kind, name = unknown.groups()
            raise InputError(
                f"{path} needs the {kind} {name!r}, which is not registered: import what registers it, or load it in "
                f"Python with load(folder, custom_objects={{{name!r}: {name}}})."
            ) from err
        reason = str(err).strip().partition("\n")[0]
        raise InputError(f"{path} is damaged ({reason}): train again.") from err


def check_trained_for(flow: Flow, description: dict, kind: str):
    """
    Args:
        flow: The flow that a network is to be used with.
        description: Of the network, with the `flow` that it was trained for.
        kind: What it is, for the message.

    Raises:
        InputError: if it was trained for another flow or grid.
    """
    difference = first_difference(description["flow"], flow.config())
    if difference:
        raise InputError(f"The {kind} was trained for another flow: {difference}.")


def load_runs(
    runs: list[Path], load: Callable[[Path], Trained], flow: Flow, is_taken: Callable[[str], bool]
) -> dict[str, Trained]:
    """
    What was trained in some runs, by the name of the folder, or by the path where this name is not free.

    Args:
        runs: Folders.
        load: Reads one; its result has a method `check_flow`.
        flow: What all must have been trained for.
        is_taken: Whether a name means something else.

    Raises:
        InputError: if one was trained for another flow, or is damaged.
        MissingError: if there is none.
    """
    result: dict[str, Trained] = {}
    for run in runs:
        name = Path(run).resolve().name
        trained: Any = load(run)
        try:
            trained.check_flow(flow)
        except InputError as err:
            raise InputError(f"{run}: {err}") from err
        result[str(run) if name in result or is_taken(name) else name] = trained
    return result
