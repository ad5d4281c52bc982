"""Options of the form NAME=VALUE: every command reads them here."""

from ..errors import InputError


def pairs(given: list[str] | None, option: str, example: str) -> list[tuple[str, str]]:
    """`["reynolds=200"]` -> `[("reynolds", "200")]`; InputError for another form."""
    found = []
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise InputError(f"--{option} {text!r} must have the form NAME=VALUE, e.g. {example}.")
        found.append((name.strip(), value.strip()))
    return found


def once(given: list[str] | None, option: str, example: str) -> list[tuple[str, str]]:
    """The same, each name once."""
    found = pairs(given, option, example)
    names = [name for name, _ in found]
    if twice := {n for n in names if names.count(n) > 1}:
        raise InputError(f"--{option} says twice what {min(twice)} is.")
    return found


def number(name: str, value: str, option: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"--{option} {name}={value}: {value!r} is no number.") from None


def numbers(given: list[str] | None, option: str, example: str) -> dict[str, float]:
    """`["reynolds=200"]` -> `{"reynolds": 200.0}`."""
    return {name: number(name, value, option) for name, value in once(given, option, example)}


def intervals(given: list[str] | None, option: str, example: str) -> dict[str, tuple[float, float]]:
    """`["reynolds=100:1000"]` -> `{"reynolds": (100.0, 1000.0)}`."""
    found = {}
    for name, value in once(given, option, example):
        low, colon, high = value.partition(":")
        if not colon:
            raise InputError(f"--{option} {name}={value} must have the form {name}=FROM:TO.")
        found[name] = number(name, low, option), number(name, high, option)
    return found


def points(given: list[str] | None) -> list[dict[str, float]]:
    """Of `--probe`: `["y=100,x=50"]` -> `[{"y": 100.0, "x": 50.0}]`."""
    return [numbers(text.split(","), "probe", "y=100,x=50") for text in given or []]


def lists(given: list[str] | None, option: str, example: str) -> dict[str, list[float]]:
    """`["reynolds=250,900"]`, or both one by one -> `{"reynolds": [250.0, 900.0]}`."""
    result: dict[str, list[float]] = {}
    for name, values in pairs(given, option, example):
        try:
            found = [float(v) for v in values.split(",")]
        except ValueError:
            words = f"{values!r} is not a comma-separated list of numbers"
            raise InputError(f"--{option} {name}={values}: {words}.") from None
        result.setdefault(name, []).extend(found)
    return result
