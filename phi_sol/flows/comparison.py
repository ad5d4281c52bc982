"""Configurations on disk against those of now. Whoever compares two of them does it here."""

import logging
from functools import cache

DEFINITION, CODE = "definition", "code"  # entries of a flow's configuration, see `phi_sol.flows.definition`
OWN_WORDS = ("options", "attributes")  # of a definition: their entries are named without these words
ADDED = (DEFINITION,)  # entries that configurations did not have in version 0.1
LOG = logging.getLogger(__name__)


def known_to(stored: dict, current: dict) -> dict:
    """
    `current` without the entries that came with later versions of phi_sol (`ADDED`) where `stored` does not know them:
    they are not compared.
    """
    result = {}
    for key, value in current.items():
        if key in ADDED and key not in stored:
            continue
        inner = stored.get(key)
        result[key] = known_to(inner, value) if isinstance(value, dict) and isinstance(inner, dict) else value
    return result


def first_difference(stored: dict, current: dict) -> str:
    """
    Names the first entry in which a configuration on disk differs from the one of now, as 'radius is 0.25 instead of
    0.45'; empty if there is none. Code that was changed is no difference, but is said, once.
    """
    difference = _difference(stored, known_to(stored, current), "")
    if not difference:
        for flow, methods in _changed_code(stored, current):
            _say_changed(flow, methods)
    return difference


def same_config(stored: dict, current: dict) -> bool:
    """Whether a configuration on disk is the one of now, by the rules of `first_difference`; nothing is said."""
    return not _difference(stored, known_to(stored, current), "")


def _difference(a: dict, b: dict, path: str) -> str:
    for key in [*b, *[k for k in a if k not in b]]:
        here = "" if key == DEFINITION else path if not path and key in OWN_WORDS else f"{path}{key}"
        if key == CODE:
            continue
        if isinstance(a.get(key), dict) and isinstance(b.get(key), dict):
            inner = _difference(a[key], b[key], f"{here}." if here else "")
            if inner:
                return inner
        elif a.get(key) != b.get(key):
            old, new = (group.get(key, "missing") for group in (a, b))
            return f"{here} is {old} instead of {new}"
    return ""


def _changed_code(a: dict, b: dict) -> list[tuple[str, str]]:
    """(flow, methods) of all definitions in which the code of methods differs."""
    found = []
    if isinstance(a.get(DEFINITION), dict) and isinstance(b.get(DEFINITION), dict):
        old, new = (group[DEFINITION].get(CODE, {}) for group in (a, b))
        changed = sorted(n for n in {*old, *new} if old.get(n) != new.get(n))
        found += [(str(b.get("type")), ", ".join(changed))] if changed else []
    for key in b:
        if isinstance(a.get(key), dict) and isinstance(b[key], dict):
            found += _changed_code(a[key], b[key])
    return found


@cache
def _say_changed(flow: str, methods: str):
    LOG.warning(
        "The code of %s (%s) has changed since this was made: where that changes results, make it anew.", flow, methods
    )
