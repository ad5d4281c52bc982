"""`phi_sol.toml` in the current folder: what the options of commands are where the command line does not say it."""

import os
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..errors import InputError, printable, quoted, suggestion
from ..files import read_toml

FILE = "phi_sol.toml"
ONCE = ("help", "resume", "dry_run")  # what is said for one call only
EXCLUSIVE = (  # options of which a command takes one only: one on the command line displaces another one of the file
    ("steps", "budget"),
    ("unroll", "stages"),
    ("start", "network"),
    ("closure", "placement"),
    ("workers", "strategy"),
    ("workers", "scheduler", "cluster", "part"),
    ("region", "probe"),
)
PLANNED = (  # options of `train` that a run keeps as it was begun with them: with --resume only the command line counts
    *("steps", "budget", "batch", "learning_rate", "decay", "ramp", "clip", "ema", "precision", "optimizer"),
    *("validation", "validation_frames", "validate_every", "patience", "curriculum"),
)
WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a text, in quotes"}


@dataclass(frozen=True)
class Setting:
    """
    An option, as the file has it.

    Attributes:
        name: Of the argument of the command's function.
        kind: bool, int, float or str.
        several: Whether it is a list.
    """

    name: str
    kind: type
    several: bool

    @staticmethod
    def of(name: str, annotation: Any) -> "Setting":
        """From the annotation of the argument, such as `list[Path] | None`."""
        parts = [a for a in get_args(annotation) if a is not types.NoneType]
        if get_origin(annotation) in (Union, types.UnionType):
            (annotation,) = parts
        several = get_origin(annotation) is list
        kind = get_args(annotation)[0] if several else annotation
        return Setting(name, kind if kind in WORDS else str, several)

    @property
    def words(self) -> str:
        """What it must be."""
        return f"a list of texts, or {WORDS[str]}" if self.several else WORDS[self.kind]

    def fits(self, value: Any) -> bool:
        """Whether a value is what it must be."""
        if self.several and isinstance(value, list):
            return all(self._fits(v) for v in value)
        return self._fits(value)

    def _fits(self, value: Any) -> bool:
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if isinstance(value, str) and value != printable(value):
            return False
        return isinstance(value, (int, float) if self.kind is float else self.kind)

    def value(self, value: Any) -> Any:
        """As the command line would give it."""
        return [value] if self.several and not isinstance(value, list) else value


@dataclass(frozen=True)
class Known:
    """A command: its function, and the options that it has by the names of its arguments."""

    function: Callable
    options: Mapping[str, list[str]]

    @cached_property
    def settings(self) -> dict[str, Setting]:
        """By every name that an option has, without its dashes and with `_` between words."""
        hints = get_type_hints(self.function)
        return {
            opt.lstrip("-").replace("-", "_"): Setting.of(name, hints[name])
            for name, opts in self.options.items()
            if name not in ONCE
            for opt in opts
            if opt.startswith("--")
        }

    @cached_property
    def names(self) -> list[str]:
        """One name of each option."""
        return list({s.name: n for n, s in reversed(self.settings.items())}.values())[::-1]


def read_defaults(folder: Path, commands: Mapping[str, Known]) -> dict[str, dict[str, Any]]:
    """
    What `phi_sol.toml` in a folder says: by command and argument; nothing where there is no such file.

    Raises:
        InputError: if it can't be read, or names a command or an option that there is not, or a value of another kind.
    """
    path = folder / FILE
    if not os.path.lexists(path):
        return {}
    result: dict[str, dict[str, Any]] = {}
    for command, table in read_toml(path).items():
        if not isinstance(table, dict):
            where = f"write it below the command that it is for, e.g. [train] and {command} = {_written(table)}"
            raise InputError(f"{FILE}: {command} = {_written(table)} stands in no table: {where}.")
        if command not in commands:
            raise InputError(f"{FILE}: there is no command {quoted(command)}.{_known(command, commands)}")
        known, own = commands[command], result.setdefault(command, {})
        for key, value in table.items():
            setting = known.settings.get(key.replace("-", "_"))
            if setting is None:
                hint = _known(key, known.names)
                raise InputError(f"{FILE}: [{command}] has no option {quoted(key)} that can be set.{hint}")
            if not setting.fits(value):
                raise InputError(f"{FILE}: [{command}] {key} must be {setting.words}, not {_written(value)}.")
            if setting.name in own:
                raise InputError(f"{FILE}: [{command}] says twice what {key} is.")
            own[setting.name] = setting.value(value)
    return result


def in_force(defaults: Mapping[str, Any], given: Iterable[str], command: str) -> dict[str, Any]:
    """
    Those defaults of a command that count beside what the command line has given: the option itself, another one that
    excludes it, or a run that is resumed, which keeps its plan, come first.
    """
    given = set(given)
    gone = given | {n for group in EXCLUSIVE if given & set(group) for n in group}
    gone |= set(PLANNED) if command == "train" and "resume" in given else set()
    return {n: v for n, v in defaults.items() if n not in gone}


def in_words(taken: Mapping[str, Any]) -> str:
    """What was taken from the file, in a line."""
    return f"from {FILE}: {', '.join(f'{n} = {_written(v)}' for n, v in taken.items())}"


def _known(name: str, known: Iterable[str]) -> str:
    names = list(known)
    return f"{suggestion(name, names)} Known: {', '.join(names)}."


def _written(value: Any) -> str:
    """As TOML has it, more or less, and not too long."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value).lower() if isinstance(value, bool) else quoted(value)
