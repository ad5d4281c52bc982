"""The errors that a user can cause and mend. Commands print them as one line and exit with code 2."""

import sysconfig
import traceback
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

SCENE_MODULE = "phi_sol_scene_"  # begins the names of the modules that scene files and their neighbours are


class InputError(ValueError):
    """A wrong argument, option or file content. The message says what is wrong, where, and what would be right."""


class MissingError(InputError, FileNotFoundError):
    """A file or folder that should be there is not."""

    def __str__(self):  # OSError would format its arguments as an errno
        return str(self.args[0])


class DivergedError(ArithmeticError):
    """A simulation or a training no longer has finite values."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` with the nearest known name, or nothing if none is near."""
    close = get_close_matches(name, list(known), 1, 0.4)
    return f" Did you mean {close[0]!r}?" if close else ""


def plain(value: Any) -> Any:
    """A NumPy number, also as an array without axes, as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value


def integer(what: str, value: Any, least: int) -> int:
    """An integer of Python or NumPy; raises InputError if it is none, or smaller than `least`."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise InputError(f"{what} must be an integer of at least {least}, not {number!r}.")
    return number


def is_real(value: Any) -> bool:
    """Whether a value is a finite number of Python or NumPy."""
    number = plain(value)
    return not isinstance(number, bool) and isinstance(number, int | float) and bool(np.isfinite(number))


def check_takes(what: str, function: Callable, *arguments: str, advice: str = ""):
    """Raises InputError if a function of the user's can't be called with so many arguments, by their positions."""
    try:
        found = signature(function)
    except (TypeError, ValueError):  # a builtin that doesn't say
        return
    try:
        found.bind(*arguments)
    except TypeError:
        name = getattr(function, "__name__", type(function).__name__)
        raise InputError(f"{what} is a function of ({', '.join(arguments)}), not {name}{found}.{advice}") from None


def is_user_file(name: str) -> bool:
    """Whether a source file (`co_filename`) is neither phi_sol's nor that of a library."""
    if name.startswith("<"):
        return name.startswith(("<stdin", "<ipython"))
    path, places = Path(name).resolve(), sysconfig.get_paths()
    libraries = [Path(__file__).parent, *(Path(places[n]) for n in ("stdlib", "platstdlib", "purelib", "platlib"))]
    inside = any(path.is_relative_to(folder.resolve()) for folder in libraries)
    return not inside and not {"site-packages", "dist-packages"} & set(path.parts)


def one_line(err: BaseException) -> str:
    """Kind and reason of an error in one line."""
    text = " ".join(str(err.msg if isinstance(err, SyntaxError) else err).split())
    return f"{type(err).__name__}: {text[:300]}" if text else type(err).__name__


def user_error(err: BaseException) -> InputError | None:
    """An exception that went through code of the user (a scene file, a flow), as one line; None if it did not."""
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(err.__traceback__) if is_user_file(f.filename)]
    if isinstance(err, SyntaxError) and err.filename and is_user_file(err.filename):
        frames.append((err.filename, err.lineno))
    if not frames:
        return None
    (file, line), here = frames[-1], Path.cwd()
    file = str(Path(file).relative_to(here)) if Path(file).is_relative_to(here) else file
    return InputError(f"{file}, line {line}: {one_line(err)}")
