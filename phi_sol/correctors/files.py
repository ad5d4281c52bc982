"""What was trained, on disk: a network and its description, which belong together."""

import json
import logging
import os
import pickle
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZipFile

import keras
import numpy as np

from ..errors import InputError, MissingError, quoted, user_error
from ..files import check_unpacked, checksum, reading, replacing, resolved
from ..flows import Flow
from ..flows.comparison import first_difference
from ..networks.timing import architecture
from ..storage.files import fingerprint, read_json, write_json
from ..storage.schemas import Schema
from . import other_keras
from .objects import find, needed, objects_of

Trained = TypeVar("Trained")
WEIGHTS, BEFORE = "weights", "before"  # entries of descriptions
COMPILED = "compiled"  # the attribute of what is made anew wherever it is needed
TRIES, PAUSE = 4, 0.2  # seconds, for those who read while a pair is being written
LOG = logging.getLogger(__name__)
LARGEST = 1 << 29  # bytes that a network's file may unpack to: 134 million parameters


def save_pair(network: keras.Model, path: Path, description: Path, content: dict):
    """
    Writes a Keras file and, beside it, its description with a checksum of the weights; their folder is made.

    Each is written atomically, the description first, which then still has that of the network before. So whoever
    reads, and whenever the process ends, finds the description of the network that is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content | {WEIGHTS: weights_checksum(network)}
    try:
        before = {n: v for n, v in read_json(description).items() if n != BEFORE} if path.is_file() else {}
    except InputError:  # it is replaced
        before = {}
    with replacing(path) as part:
        network.save(part)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        if before:
            write_json(description, content | {BEFORE: before})
    write_json(description, content)


def load_pair(
    path: Path, description: Path, schema: Schema, kind: str, custom_objects: dict | None = None
) -> tuple[keras.Model, dict]:
    """
    A network that `save_pair` wrote, and the content of its description; see `Corrector.load`. Raises InputError if the
    description is that of another network.
    """
    for name, value in (custom_objects or {}).items():
        if not callable(value):
            raise InputError(f"custom_objects are classes and functions by name, not {quoted(name)}: {quoted(value)}.")
    for _ in range(TRIES):
        network, content = load_network(path, description, kind, custom_objects), read_json(description, schema)
        if WEIGHTS not in content:
            LOG.warning("%s has no checksum (from an earlier version) to verify its network by.", description)
            return network, content
        found = weights_checksum(network)
        for described in (content, content.get(BEFORE, {})):
            if described.get(WEIGHTS) == found:
                return network, {n: v for n, v in described.items() if n not in (WEIGHTS, BEFORE)}
        time.sleep(PAUSE)
    advice = "copy both files of a run once more, or train again"
    raise InputError(f"{path} is not the network that {description.name} beside it describes: {advice}.")


def weights_checksum(network: keras.Model) -> str:
    """Short hash of all weights of a network, with their types and shapes."""
    return checksum({f"{i:06d}": np.asarray(w) for i, w in enumerate(network.get_weights())})


def load_network(path: Path, description: Path, kind: str, custom_objects: dict | None = None) -> keras.Model:
    """Reads the Keras file of a pair, both files of which must be there; see `Corrector.load`."""
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
            return _load(path, config)
    except Exception as err:  # whatever Keras or code of the user's raises
        said = str(err).rpartition("Exception encountered: ")[2]  # behind all of the configuration
        reason = user_error(err) or " ".join(said.split())[:300]
        facts = f"saved with Keras {version}, here is {keras.version()}; classes of one's own may have changed since"
        raise InputError(f"{path} is whole, but can't be loaded ({facts}): {reason}") from err


def _load(path: Path, config: dict) -> keras.Model:
    """Raises what Keras raises of the network as it is, unless it can be loaded as another version's."""
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception:
        if (known := other_keras.without_unknown(config)) != config:
            with suppress(Exception):
                return other_keras.load(path, known)
        raise


def _read_config(path: Path) -> tuple[dict, str]:
    """
    A network's configuration and the version of Keras that saved it. Raises InputError for a damaged file, and, before
    anything is unpacked, for one that unpacks to more than `LARGEST` bytes.
    """
    with reading(path, ": copy it once more, or train again"), ZipFile(path) as file:
        check_unpacked(file, LARGEST, f"{path} is too large for a network")
        damaged = file.testzip()
        config, facts = (json.loads(file.read(f"{n}.json")) for n in ("config", "metadata"))
    if damaged:
        raise InputError(f"{path} is damaged (in {damaged}): copy it once more, or train again.")
    return config, facts.get("keras_version", "?")


class Sent:
    """
    What has a network, for `copy`, `deepcopy` and `pickle`: classes and functions of the user's that the network is
    made of go along by their names, registered or not, so that the module that they are in is all another process
    needs. What is compiled stays behind.
    """

    def __copy__(self):
        """One that shares the network."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        network = self.__dict__["network"]
        kept = {n: v for n, v in self.__dict__.items() if n != COMPILED}
        return kept | {"network": pickle.dumps(network), "objects": objects_of(network)}

    def __setstate__(self, state: dict[str, Any]):
        with keras.saving.custom_object_scope(state.pop("objects")):
            self.__dict__.update(state, network=pickle.loads(state["network"]))


def in_short(network: keras.Model, description: dict) -> tuple[str, str]:
    """A network and the flow that it was trained for, in some words each."""
    flow = description.get("flow", {})
    cells = "x".join(str(n) for n in flow.get("resolution", {}).values())
    named = f"{description.get('network', network.name)}, {network.count_params()} parameters"
    return named, f"{flow.get('type', '')} {cells}"


def network_fingerprint(network: keras.Model, facts: dict) -> str:
    """Short hash of the layers of a network, all of its weights, and JSON-ready facts."""
    return fingerprint({"network": architecture(network), "weights": weights_checksum(network)} | facts)


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
        name = resolved(run).name
        trained: Any = load(run)
        try:
            if strict:
                trained.check_flow(flow)
        except InputError as err:
            raise InputError(f"{run}: {err}") from err
        result[str(run) if name in result or is_taken(name) else name] = trained
    return result
