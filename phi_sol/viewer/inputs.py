"""What callbacks may be given: the kind of every value that a page sends, and nothing else."""

import math
import re
from collections.abc import Callable, Collection
from typing import Any

from phi.vis._vis_base import Control, VisModel, is_log_control, value_range

from ..errors import InputError
from .pages.parts import FIXED, PER_FRAME, SHOW

Kind = Callable[[Any], Any]  # gives the value as callbacks take it; raises InputError for what is none of this kind

TEXT = 4096  # characters
ENTRIES = 200  # of a list
DEPTH = 8  # levels of what a page stores for itself
SEEDS = 2**31 - 1
STEPS = 1000  # that one request may ask for


def whole(least: int, most: int, optional: bool = True) -> Kind:
    """An integer, also one that JavaScript wrote with a point."""

    def check(value):
        if value is None and optional:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"must be an integer from {least} to {most}")
        return value

    return check


def number(lower: float, upper: float, optional: bool = False) -> Kind:
    """A finite number between two, which may be exceeded by rounding."""

    def check(value):
        if value is None and optional:
            return None
        margin = 1e-6 * max(abs(lower), abs(upper))
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError("must be a number")
        if not lower - margin <= value <= upper + margin:
            raise InputError(f"must be a number from {lower:g} to {upper:g}")
        return value

    return check


def text(value) -> str | None:
    """A text that can be sent back, or nothing."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT or any("\ud800" <= c <= "\udfff" for c in value):
        raise InputError(f"must be a text of at most {TEXT} characters")
    return value


def one_of(names: Callable[[], Collection[str]], optional: bool = False) -> Kind:
    """One of some texts, which are looked up when a value comes in."""

    def check(value):
        if (value is None and optional) or (isinstance(value, str) and value in names()):
            return value
        raise InputError("must be one of the values that the page offers")

    return check


def some_of(*names: str) -> Kind:
    """What is ticked of these boxes."""

    def check(value):
        if not isinstance(value, list) or len(value) > len(names) or any(v not in names for v in value):
            raise InputError("must be a list of values that the page offers")
        return value

    return check


def texts(value) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > ENTRIES:
        raise InputError(f"must be a list of at most {ENTRIES} texts")
    return [v for v in map(text, value) if v is not None]


def steps(value) -> str:
    """The text of PhiFlow's field for a number of steps; what is no number of steps is none, as an empty field."""
    digits = value.strip() if isinstance(value, str) else ""
    return str(min(int(digits), STEPS)) if re.fullmatch("[0-9]{1,9}", digits) and int(digits) else ""


def nothing(value) -> None:
    """A value that only says that something has happened."""


def stored(value, depth: int = DEPTH):
    """What a page stores, to be compared with what would be drawn."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth == 0:
        raise InputError(f"must have at most {DEPTH} levels")
    for v in inside:
        stored(v, depth - 1)
    return value


def tick(value) -> dict | None:
    """A beat of a page's clock."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InputError("must be a beat of a clock")
    return {"n": whole(0, 2**53, False)(value.get("n"))}


def shown_if(*names: str) -> Kind:
    return one_of(lambda: names)


COUNT = whole(0, 2**53)
KINDS: dict[str, Kind] = {  # by pattern of ID.PROPERTY
    r".*\.(n_clicks|n_intervals)": COUNT,
    r"url\.(pathname|search)": text,
    # PhiFlow's pages
    r"(step-complete\.children|play-button\.style)": nothing,
    r"step-count\.value": steps,
    r"\w+_projection-select\.value": nothing,
    r"\w+_component-slider\.value": whole(0, 4, False),
    r"(home|sbs|quad)_select_\w+\.value": whole(0, 2**31, False),
    r"refresh-rate\.value": whole(0, 3),
    r"smooth-slider\.value": whole(1, 10),
    r"subplots-checkbox\.value": some_of("subplots"),
    r"log-graph-checkbox\.value": some_of("x", "y"),
    r"auto-refresh-checkbox\.value": some_of("refresh"),
    # those of phi_sol
    r"\w+-tick\.data": tick,
    r"(cmp-drawn|live-shown)\.data": stored,
    r"cmp-(sim|run)\.value|cmp-wanted-run\.data": text,
    r"(cmp|live)-(field|quantity|across)\.value": text,
    r"(cmp|live)-show\.value": shown_if(*SHOW),
    r"(cmp|live)-scale\.value": shown_if(FIXED, PER_FRAME),
    r"(cmp|live)-position\.value": number(0, 1, True),
    r"cmp-frame\.value": whole(0, 2**53),
    r"live-full\.value": some_of("full"),
    r"live-gain\.value": number(0, 1),
    r"live-(corrector|start)\.value": text,
    r"train-runs\.value": texts,
}


def of_control(control: Control) -> Kind:
    """What a control of PhiFlow's pages sends."""
    if control.control_type is bool:
        return lambda value: some_of(control.name)([] if value is None else value)
    if control.control_type is str:
        known = value_range(control)[1]
        return one_of(lambda: known) if known else text
    lower, upper = value_range(control)
    if control.control_type is int:
        return whole(lower, upper, False)
    return number(math.log10(lower), math.log10(upper)) if is_log_control(control) else number(lower, upper)


def of_parameter(control: Control) -> Kind:
    """What the page Live sends of a parameter: as its control, but a seed may be any, and an empty field is nothing."""
    kind = whole(0, SEEDS) if control.control_type is int else of_control(control)
    return lambda value: None if value is None else kind(value)


def kind_of(model: VisModel, id: str | dict, property: str) -> Kind | None:
    """The kind of a property that callbacks listen to; None if there is no such property."""
    controls = {c.name: c for c in model.controls}
    if isinstance(id, dict):
        name, known = id.get("name"), id.get("type") == "live-parameter"
        control = controls.get(name) if known and isinstance(name, str) else None
        return of_parameter(control) if control is not None else None
    if property == "value" and id.endswith("-field-select"):
        return one_of(lambda: (*model.field_names, "None"), True)
    found = next((k for pattern, k in KINDS.items() if re.fullmatch(pattern, f"{id}.{property}")), None)
    return of_control(controls[id]) if found is None and property == "value" and id in controls else found
