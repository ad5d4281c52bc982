"""Networks on disk."""

import os
from pathlib import Path

import keras

from ..data.store import first_difference
from ..errors import InputError, MissingError
from ..flows import Flow


def save_network(network: keras.Model, path: Path):
    """Writes a Keras file atomically; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    network.save(part)
    os.replace(part, path)


def load_network(path: Path, description: Path, kind: str) -> keras.Model:
    """
    Reads what `save_network` wrote. Nothing in the file is executed (Keras's safe mode).

    Args:
        path: The Keras file.
        description: The JSON file that belongs to it.
        kind: What the two are, for messages.

    Raises:
        MissingError: if one of the two files is missing.
        InputError: if the Keras file is damaged.
    """
    if not path.is_file() or not description.is_file():
        raise MissingError(f"There is no {kind} in {path.parent}: train one first ('phi-sol train'), or name another folder.")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as err:  # Keras raises whatever the unzipping, JSON or HDF5 library raises
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
