"""Networks on disk."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZipFile

import keras
import numpy as np

from ..errors import InputError, MissingError, one_line, user_error
from ..files import checksum
from ..flows import Flow
from ..flows.comparison import first_difference
from ..networks.timing import architecture
from ..storage.files import fingerprint
from .objects import find, needed

Trained = TypeVar("Trained")
LARGEST = 1 << 29  # bytes that a network's file may unpack to: 134 million parameters


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
    config, version = _read_config(path)
    if "__lambda__" in json.dumps(config):
        rule = "which is never executed: build the network of layer classes and named functions"
        raise InputError(f"{path} holds Python code (a Lambda layer), {rule}.")
    objects = {name: find(name, custom_objects or {}) for _, name in needed(config)}
    if missing := sorted({(k, n.rpartition(">")[2]) for k, n in needed(config) if objects[n] is None}):
        what = " and ".join(f"the {k} {n!r}" for k, n in missing)
        given = ", ".join(f"{n!r}: {n}" for _, n in missing)
        are = "are" if len(missing) > 1 else "is"
        words = f"{path} needs {what}, which {are} not registered; the file itself is whole"
        command = "in a command, name the scene file that has or imports it"
        python = f"in Python, import what registers it, or load with load(folder, custom_objects={{{given}}})"
        raise InputError(f"{words}: {command}; {python}.")
    try:
        with keras.saving.custom_object_scope(objects):
            return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as err:  # whatever Keras or code of the user's raises
        said = str(err).rpartition("Exception encountered: ")[2]  # behind all of the configuration
        reason = user_error(err) or " ".join(said.split())[:300]
        facts = f"saved with Keras {version}, here is {keras.version()}; classes of one's own may have changed since"
        raise InputError(f"{path} is whole, but can't be loaded ({facts}): {reason}") from err


def _read_config(path: Path) -> tuple[dict, str]:
    """
    A network's configuration and the version of Keras that saved it. Raises InputError for a damaged file, and, before
    anything is unpacked, for one that unpacks to more than `LARGEST` bytes.
    """
    try:
        with ZipFile(path) as file:  # no entry is read beyond the size that is said here
            if (size := sum(entry.file_size for entry in file.infolist())) > LARGEST:
                limit = f"the bound for networks is {LARGEST >> 20} MB"
                raise InputError(f"{path} is no network to be read: it unpacks to {size >> 20} MB, {limit}.")
            damaged = file.testzip()
            config, facts = (json.loads(file.read(f"{n}.json")) for n in ("config", "metadata"))
    except InputError:
        raise
    except Exception as err:  # whatever the unzipping or JSON library raises
        raise InputError(f"{path} is damaged ({one_line(err)}): copy it once more, or train again.") from err
    if damaged:
        raise InputError(f"{path} is damaged (in {damaged}): copy it once more, or train again.")
    return config, facts.get("keras_version", "?")


def in_short(network: keras.Model, description: dict) -> tuple[str, str]:
    """A network and the flow that it was trained for, in some words each."""
    flow = description.get("flow", {})
    cells = "x".join(str(n) for n in flow.get("resolution", {}).values())
    named = f"{description.get('network', network.name)}, {network.count_params()} parameters"
    return named, f"{flow.get('type', '')} {cells}"


def network_fingerprint(network: keras.Model, facts: dict) -> str:
    """Short hash of the layers of a network, all of its weights, and JSON-ready facts."""
    weights = {f"{i:06d}": np.asarray(w) for i, w in enumerate(network.get_weights())}
    return fingerprint({"network": architecture(network), "weights": checksum(weights)} | facts)


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
