"""Python files of the user's: scene files, what lies beside them, and things in them by `file.py:name`."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import SCENE_MODULE, InputError, MissingError, is_user_file, one_line, suggestion, user_error
from .files import resolved


def load_file(path: str) -> ModuleType:
    """
    Executes a Python file, which may import files and packages beside it, as a script may, while it is executed.

    These imports are its own: files of the same name beside another scene are other modules. Where the folder is among
    Python's anyway (`sys.path`), as that of a script, they are those of all.

    Raises:
        MissingError: if there is no such file.
        InputError: if it can't be executed.
    """
    if not Path(path).is_file():
        raise MissingError(f"There is no scene file {path!r}.")
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"The scene file {path!r} must be a Python file (.py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look up what their annotations mean
    try:
        with _neighbours(resolved(path).parent, name):
            spec.loader.exec_module(module)
    except BaseException as err:
        del sys.modules[name]
        if isinstance(err, InputError):
            raise InputError(f"{path}: {err}") from err
        if isinstance(err, KeyboardInterrupt):
            raise
        raise user_error(err) or InputError(f"{path} can't be executed: {one_line(err)}.") from err
    return module


def load_object(text: str) -> Any:
    """
    What `file.py:name` stands for; a file that was loaded as a scene is not executed again. Raises InputError if the
    text has another form or there is nothing of the name, and the errors of `load_file`.
    """
    path, colon, name = text.rpartition(":")
    if not colon or not path.endswith(".py") or not name.isidentifier():
        raise InputError(f"{text!r} must have the form FILE.py:NAME, e.g. my_scene.py:build.")
    module = sys.modules.get(_module_name(path)) or load_file(path)
    if not hasattr(module, name):
        raise InputError(f"There is no {name!r} in {path}.{suggestion(name, vars(module))}")
    return getattr(module, name)


def _module_name(path: str) -> str:
    return f"{SCENE_MODULE}{Path(path).stem}_{sha256(str(resolved(path)).encode()).hexdigest()[:8]}"


@contextmanager
def _neighbours(folder: Path, owner: str) -> Iterator[None]:
    """
    Within it, files and packages of a folder can be imported by their names; afterwards they are modules of `owner`.
    """
    if any(resolved(p) == folder for p in sys.path):
        yield
        return
    names = {p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}

    def own() -> dict[str, ModuleType]:
        """Modules of the user's with names of the folder's files."""
        found = {n: m for n, m in list(sys.modules.items()) if n.partition(".")[0] in names}
        return {n: m for n, m in found.items() if is_user_file(getattr(m, "__file__", None) or "<")}

    others = own()
    for name in others:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        for name, module in own().items():
            del sys.modules[name]
            sys.modules[f"{owner}.{name}"] = module
        sys.modules.update(others)
