"""Arguments of public calls, checked by their annotations: the door that everything of the user's comes in by."""

import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import cache, wraps
from inspect import Parameter, signature
from os import PathLike, fsencode, fspath
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import MOST, InputError, is_real, plain, quoted

Function = TypeVar("Function", bound=Callable)
WORDS: dict[Any, str] = {
    int: "an integer",
    float: "a finite number",
    bool: "True or False",
    str: "a text",
    Path: "a path that is not too long",
    type(None): "None",
    Callable: "a function",
    Mapping: "a dictionary",
    Iterable: "a list",
    type: "a class",
}


def checked(function: Function) -> Function:
    """
    A function or constructor that raises InputError where an argument is not of the kind that its annotation says: a
    line with its name, what it must be, and what was given. Numbers of NumPy are as good as Python's, integers as good
    as other numbers, any sequence is as good as another, and truth values are no numbers.
    """
    found = signature(function)

    @wraps(function)
    def call(*args, **options):
        try:
            given = found.bind(*args, **options).arguments
        except TypeError as err:
            raise InputError(f"{_owner(function)}: {err}.") from None
        check_arguments(function, given)
        return function(*args, **options)

    return call  # type: ignore[return-value]


def check_arguments(function: Callable, given: Mapping[str, Any]):
    """The same for what a function was called with, by name."""
    known, parameters = _kinds(function), signature(function).parameters
    for name, value in given.items():
        if name in known and parameters[name].kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            check(f"{name} of {_owner(function)}", value, known[name])


def _owner(function: Callable) -> str:
    return function.__qualname__.removesuffix(".__init__").rpartition(".")[2]


def check_fields(owner: Any):
    """The same for the fields of a dataclass, in its `__post_init__`."""
    known: dict[str, Any] = _kinds(type(owner))  # type: ignore[arg-type]
    for field in fields(owner):
        if field.name in known:
            check(f"{field.name} of {type(owner).__name__}", getattr(owner, field.name), known[field.name])


def check(what: str, value: Any, kind: Any):
    """Raises InputError if a value is not of the kind that an annotation says."""
    if not fits(value, kind):
        words = " or ".join(dict.fromkeys(filter(None, map(_words, _members(kind)))))
        raise InputError(f"{what} must be {words}, not {quoted(plain(value))}.")
    number = plain(value)
    if isinstance(number, int) and abs(number) > MOST:
        raise InputError(f"{what} must be at most {MOST}, not {quoted(number)}.")


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of the kind that an annotation says, as far as this can be told without going through it."""
    value = plain(value)
    members = _members(kind)
    for member in members:
        origin = get_origin(member) or member
        if origin is Any or isinstance(origin, TypeVar | str) or origin is object:
            return True
        if origin is float:
            ok = is_real(value)
        elif origin is int:
            ok = isinstance(value, int) and not isinstance(value, bool)
        elif origin is str and Path not in members:
            ok = isinstance(value, str)
        elif origin in (str, Path):
            ok = isinstance(value, str | PathLike) and is_path(fspath(value))
        elif origin is Callable or origin is _CALLABLE:
            ok = callable(value)
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            text = get_args(member)[:1] == (str,)
            ok = isinstance(value, Mapping) and (not text or all(isinstance(n, str) for n in value))
        elif isinstance(origin, type) and issubclass(origin, Iterable) and origin.__module__ in ABSTRACT:
            ok = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
        elif origin is type:
            ok = isinstance(value, type) and all(a is Any or issubclass(value, a) for a in get_args(member))
        else:
            ok = not isinstance(origin, type) or _is_instance(value, origin)
        if ok:
            return True
    return False


def is_path(text: str | bytes) -> bool:
    """Whether there can be a path of this text."""
    parts = text.split("/") if isinstance(text, str) else [""]
    return any(parts) and "\0" not in text and max(len(fsencode(p)) for p in [*parts]) <= 255 and len(text) < 4000


ABSTRACT = ("collections.abc", "builtins", "typing")
_CALLABLE = get_origin(Callable[[], None])


def _is_instance(value: Any, kind: type) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol that can't be asked
        return True


def _members(kind: Any) -> tuple:
    """The alternatives of an annotation."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(m for part in get_args(kind) for m in _members(part))
    return (kind,)


def _words(kind: Any) -> str:
    origin = get_origin(kind) or kind
    if origin is _CALLABLE:
        return WORDS[Callable]
    if origin in WORDS:
        return WORDS[origin]
    if isinstance(origin, type):
        if issubclass(origin, Mapping):
            return WORDS[Mapping]
        if issubclass(origin, Iterable) and origin.__module__ in ABSTRACT:
            return WORDS[Iterable]
    return f"a {getattr(origin, '__name__', origin)}"


@cache
def _kinds(owner: Any) -> dict[str, Any]:
    """Annotations by name; of those that only a type checker can read, none."""
    if isinstance(owner, type):
        return get_type_hints(owner)
    result = {}
    for name in owner.__annotations__:
        with suppress(NameError):
            single = types.SimpleNamespace(__annotations__={name: owner.__annotations__[name]})
            result |= get_type_hints(single, owner.__globals__)
    return result
