"""The variables of a running script that a viewer shows, followed by the objects that they hold."""

from collections.abc import Callable
from types import FrameType
from typing import Any

from phi.field import Field

from ..errors import InputError, printable, quoted
from ..pictures.values import HIDDEN, Values
from ..stepping.state import State


class Variables:
    """What is shown of a script, by its frame or that of the function that asked for the viewer."""

    def __init__(self, frame: FrameType):
        self.frame = frame
        self.sources: dict[str, Callable[[dict], object]] = {}  # each finds a field among all variables

    @property
    def all(self) -> dict:
        return {**self.frame.f_globals, **self.frame.f_locals}

    def read(self) -> dict[str, Values | str]:
        """The values that all sources have now, or why there are none."""
        variables = self.all if self.sources else {}
        return {name: shown(source(variables)) for name, source in self.sources.items()}

    def set(self, name: str, value):
        """Sets a variable of a script (PhiFlow's controls are such); those of functions can't be set."""
        if name in self.frame.f_globals and self.frame.f_locals is self.frame.f_globals:
            self.frame.f_globals[name] = value

    def follow(self, item):
        """Adds a state or field, names of variables (InputError if unknown), or a dictionary of fields or functions."""
        if isinstance(item, str):
            for name in map(str.strip, item.split(",")):
                if name not in self.all:
                    raise InputError(f"There is no variable {name!r} to view.")
                self._add(name, self.all[name])
        elif isinstance(item, dict):
            for name, value in item.items():
                check_shown("The name of what is viewed", name)
                is_function = callable(value) and not hasattr(value, "shape")
                self.sources[name] = (lambda _, f=value: f()) if is_function else source(self._holder(value), value)
        elif isinstance(item, State | Field | Values):
            self._add(self._holder(item), item)
        else:
            kinds = "states, PhiFlow fields, names of variables, or dictionaries of fields or functions"
            raise InputError(f"What is viewed are {kinds}, not {quoted(item)}.")

    def _holder(self, item) -> str:
        return next((n for n, v in self.all.items() if v is item and not n.startswith("_")), "")

    def _add(self, variable: str, value):
        find = source(variable, value)
        if not isinstance(value, State):
            self.sources[variable or f"field {len(self.sources) + 1}"] = find
            return
        taken = set(self.sources)
        for name in parts(value):
            title = f"{variable} {name}".strip() if name in taken else name
            self.sources[title] = lambda v, n=name: parts(find(v)).get(n)  # type: ignore[misc]


def check_shown(what: str, name: Any):
    """Raises InputError for a name that can't be shown."""
    if not (isinstance(name, str) and name and name == printable(name)):
        raise InputError(f"{what} must be a text without control characters, not {quoted(name)}.")


def source(variable: str, value) -> Callable[[dict], object]:
    """Looks up the variable that holds a value; without one it stays what it is."""
    return (lambda variables: variables.get(variable)) if variable else (lambda _: value)


def parts(item: Any) -> dict[str, object]:
    """The fields of a state or dictionary by name."""
    fields = item.fields if isinstance(item, State) else item
    return {n: v for n, v in fields.items() if n not in HIDDEN}


def shown(value) -> Values | str:
    """Values of a field, the first of a batch, or why there are none."""
    try:
        first = {d: 0 for d in value.shape.batch.names} if isinstance(value, Field) else None
        return value if isinstance(value, Values) else Values.of_field(value, first)
    except InputError as err:
        return str(err)
