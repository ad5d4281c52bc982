"""The errors that a user can cause and mend, and what finds them. Commands print them as one line, exit code 2."""

import re
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

SCENE_MODULE = "phi_sol_scene_"  # begins the names of the modules that scene files and their neighbours are


LONGEST = 1500  # characters of a message
LARGEST, SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)  # what float32 holds
MOST = 2**31 - 1  # what the counters of compiled loops hold
NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def printable(text: object) -> str:
    """A text without what a terminal would obey, or can't show: control characters and the like are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


class InputError(ValueError):
    """
    A wrong argument, option or file content. The message says what is wrong, where, and what would be right, in one
    line.

    Examples:
        >>> ps.WakeFlow(y=16, z=8)
        Traceback (most recent call last):
            ...
        phi_sol.errors.InputError: ...
    """

    def __init__(self, message: object = ""):
        line = printable(" ".join(str(message).split()))
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}")


class MissingError(InputError, FileNotFoundError):
    """
    A file or folder that should be there is not.

    Examples:
        >>> ps.load_state("nowhere.npz", flow)
        Traceback (most recent call last):
            ...
        phi_sol.errors.MissingError: ...
    """

    def __str__(self):  # OSError would format its arguments as an errno
        return str(self.args[0])


class DivergedError(ArithmeticError):
    """
    A simulation or a training no longer has finite values.

    Examples:
        >>> issubclass(ps.DivergedError, ArithmeticError)  # a training whose loss is not finite raises it
        True
    """


class FailedError(RuntimeError):
    """
    Some of the work that was given to several processes failed; all else is done. The message names each of them.

    Examples:
        >>> issubclass(ps.FailedError, RuntimeError)  # a sweep of which some trainings failed raises it
        True
    """


def interrupted(err: KeyboardInterrupt, what: str, so_far: Any) -> KeyboardInterrupt:
    """
    An interruption (Ctrl-C, a notebook's stop button) that has what there was by then as `so_far`: notebooks and
    consoles keep it as `sys.last_value`.
    """
    vars(err)["so_far"] = so_far
    err.args = (f"{what}: sys.last_value.so_far",)
    return err


def suggestion(name: Any, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` with the nearest known name, or nothing if none is near."""
    close = get_close_matches(name, list(known), 1, 0.4) if isinstance(name, str) else None
    return f" Did you mean {close[0]!r}?" if close else ""


def plain(value: Any) -> Any:
    """A NumPy number, also as an array without axes, as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value


def integer(what: str, value: Any, least: int, most: int = MOST) -> int:
    """An integer of Python or NumPy; raises InputError if it is none, smaller than `least` or larger than `most`."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise InputError(f"{what} must be an integer of at least {least}, not {quoted(number)}.")
    if number > most:
        raise InputError(f"{what} must be at most {most}, not {quoted(number)}.")
    return number


def is_real(value: Any) -> bool:
    """Whether a value is a finite number of Python or NumPy, in the range of float32, which all is computed in."""
    number = plain(value)
    return not isinstance(number, bool) and isinstance(number, int | float) and abs(number) <= LARGEST


def real(what: str, value: Any) -> float:
    """A finite number, as a float; raises InputError for others."""
    if not is_real(value):
        raise InputError(f"{what} must be a finite number, not {quoted(value)}.")
    return float(plain(value))


def is_positive(value: Any) -> bool:
    """Whether a value is a positive number that float32 tells from zero and infinity."""
    return is_real(value) and plain(value) >= SMALLEST


def positive(what: str, value: Any) -> float:
    """A positive number, as a float; raises InputError for others, and for one that float32 does not hold."""
    if not is_positive(value):
        number = plain(value)
        kind = "positive and finite"
        if isinstance(number, bool) or not isinstance(number, int | float):
            kind = "a number, positive and finite"
        elif 0 < number < float("inf"):
            kind = f"between {SMALLEST:.3g} and {LARGEST:.3g} (float32)"
        raise InputError(f"{what} must be {kind}, not {quoted(number)}.")
    return float(plain(value))


def flag(what: str, value: Any) -> bool:
    """True or False; raises InputError for anything else."""
    if not isinstance(plain(value), bool):
        raise InputError(f"{what} must be True or False, not {quoted(value)}.")
    return plain(value)


def instance(what: str, value: Any, kind: Any, words: str) -> Any:
    """A value of a kind, which `words` name; raises InputError for others."""
    if not isinstance(value, kind):
        raise InputError(f"{what} must be {words}, not {quoted(value)}.")
    return value


def sequence(what: str, value: Any, words: str) -> list:
    """The content of a list or something like it that is no text and no dictionary; raises InputError for others."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InputError(f"{what} must be {words}, not {quoted(value)}.")
    return list(value)


def check_name(what: str, name: Any) -> str:
    """A name of which files and folders can be made, whatever the system; raises InputError for others."""
    if not (isinstance(name, str) and NAME.fullmatch(name) and name not in (".", "..")):
        rule = "a name of at most 100 letters (a-z), digits, '_', '-' and '.'"
        raise InputError(f"{what} must be {rule}, not {quoted(name)}.")
    return name


def is_file_name(text: str) -> bool:
    """Whether a file of this name can be in a folder: no way out of it, and nothing that can't be shown."""
    return text not in ("", ".", "..") and not {"/", "\\"} & set(text) and text == printable(text) and len(text) <= 200


def quoted(value: Any) -> str:
    """Any value for a message, shortened."""
    try:
        text = repr(value)
    except Exception:  # what is shown may be anything of the user's; also integers of 5,000 digits can't be
        text = f"something of the type {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:180]} ..."


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


def check_takes_named(function: Callable, options: Iterable[str]):
    """The same for arguments by their names."""
    try:
        signature(function).bind(**dict.fromkeys(options))
    except TypeError as err:
        raise InputError(f"{getattr(function, '__name__', function)}: {err}.") from None
    except ValueError:
        pass


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


def article(noun: str) -> str:
    """`a corrector`, `an initial guess`."""
    return f"a{'n' if noun[:1] in 'aeiou' else ''} {noun}"
