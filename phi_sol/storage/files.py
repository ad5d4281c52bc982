"""Files and JSON: read, compared, fingerprinted."""

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..errors import InputError, MissingError
from ..files import PARTIAL, write_atomic

__all__ = ["PARTIAL", "check_no_file_in_the_way", "fingerprint", "read_json", "versions", "write_atomic", "write_json"]


def check_no_file_in_the_way(folder: Path, advice: str):
    """
    Raises:
        InputError: if `folder` or a folder above it is a file.
    """
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file, not a folder. {advice}")


def fingerprint(config: dict) -> str:
    """Short hash of JSON-ready data, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of everything that may change a result."""
    result = {"python": platform.python_version()}
    for package in ("phi_sol", "phiflow", "phiml", "tensorflow", "keras", "numpy"):
        try:
            result[package] = version(package)
        except PackageNotFoundError:
            result[package] = "not installed"
    return result


def write_json(path: Path, content: dict):
    write_atomic(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path) -> dict:
    """
    Raises:
        MissingError: if there is no such file.
        InputError: if it is not a JSON object.
    """
    if not path.is_file():
        raise MissingError(f"{path} is missing.")
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError) as err:
        raise InputError(f"{path} is damaged: {err}") from err
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it holds no JSON object.")
    return content
