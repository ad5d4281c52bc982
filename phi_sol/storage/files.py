"""Files and JSON: sealed, read, checked, compared, fingerprinted."""

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..errors import InputError
from ..files import PARTIAL, reading, write_atomic
from ..version import __version__
from .schemas import Schema

SEAL = "checksum"  # entry of a JSON file
__all__ = ["PARTIAL", "fingerprint", "read_json", "versions", "write_atomic", "write_json"]


def fingerprint(config: dict) -> str:
    """Short hash of JSON-ready data, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of everything that may change a result."""
    result = {"python": platform.python_version(), "phi_sol": __version__}
    for package in ("phiflow", "phiml", "tensorflow", "keras", "numpy"):
        try:
            result[package] = version(package)
        except PackageNotFoundError:
            result[package] = "not installed"
    return result


def write_json(path: Path, content: dict):
    """Writes JSON-ready data atomically, with a checksum of all of it as its last entry."""
    content = json.loads(json.dumps(content))
    sealed = content | {SEAL: fingerprint(content)}
    write_atomic(path, (json.dumps(sealed, indent=2) + "\n").encode())


def read_json(path: Path, schema: Schema | None = None) -> dict:
    """
    The content of a JSON file; one that `write_json` wrote without its checksum, which must be that of the content.

    Raises:
        MissingError: if there is no such file.
        InputError: if it can't be read, is not a JSON object, was changed, or is not what the schema says.
    """
    advice = f": {schema.advice}" if schema else ""
    with reading(path, advice):
        content = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged (it holds no JSON object){advice}.")
    if SEAL in content and content.pop(SEAL) != fingerprint(content):
        raise InputError(f"{path} was changed after it was written (its checksum is another one){advice}.")
    if schema and schema.marks - content.keys():
        raise InputError(f"{path} was not written by {schema.maker}.")
    if schema and (wrong := schema.violation(content)):
        raise InputError(f"{path} is damaged ({wrong}){advice}.")
    return content
