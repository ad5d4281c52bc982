"""Networks that another version of Keras saved: entries of their configuration that this one does not know."""

import inspect
import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import keras

CONFIG = "config.json"


def load(path: Path, config: dict) -> keras.Model:
    """
    Loads a network with another configuration than that of its file, see `without_unknown`. Raises what Keras raises.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with ZipFile(path) as file, ZipFile(copy, "w") as written:
            for name in file.namelist():
                content = json.dumps(config).encode() if name == CONFIG else file.read(name)
                written.writestr(name, content)
        return keras.models.load_model(copy, compile=False, safe_mode=True)


def without_unknown(config: Any) -> Any:
    """
    A configuration of Keras without the entries that are None and that the classes they are for do not take: newer
    versions write options that they have added even where they are not used.
    """
    if isinstance(config, list):
        return [without_unknown(c) for c in config]
    if not isinstance(config, dict):
        return config
    config = {n: without_unknown(c) for n, c in config.items()}
    known = _options(config.get("module"), config.get("class_name"))
    if known and isinstance(config.get("config"), dict):
        config["config"] = {n: v for n, v in config["config"].items() if v is not None or n in known}
    return config


def _options(module: Any, name: Any) -> set[str]:
    """What a class of Keras and its bases take by name; nothing for other classes, which may take anything."""
    if not isinstance(module, str) or module.partition(".")[0] != "keras":
        return set()
    try:
        cls = getattr(import_module(module), name)
        return {n for c in cls.__mro__ for n in inspect.signature(c.__init__).parameters}
    except (ImportError, AttributeError, TypeError, ValueError):
        return set()
