"""Configurations on disk against those of now. Whoever compares two of them does it here."""

import logging
from collections.abc import Iterator
from functools import cache

DEFINITION, CODE = "definition", "code"  # entries of a flow's configuration, see `phi_sol.flows.definition`
OWN_WORDS = ("options", "attributes")  # of a definition: their entries are named without these words
ADDED = (DEFINITION,)  # entries that configurations did not have in version 0.1
IMPLIED = {"time_ratio": 1, "reference_options": {}}  # entries of later versions, and what earlier ones did
LOG = logging.getLogger(__name__)


def known_to(stored: dict, current: dict) -> dict:
    """`current` without entries of later versions (`ADDED`) that `stored` does not know: they are not compared."""
    return {
        key: known_to(stored[key], value) if isinstance(value, dict) and isinstance(stored.get(key), dict) else value
        for key, value in current.items()
        if key in stored or key not in ADDED
    }


def first_difference(stored: dict, current: dict) -> str:
    """
    The first entry in which a configuration on disk differs from that of now ("radius is 0.25 instead of 0.45"), or
    nothing. Code that was changed is no difference, but is said, once.
    """
    difference = next(differences(stored, current), "")
    if not difference:
        for flow, methods in _changed_code(stored, current):
            _say_changed(flow, methods)
    return difference


def same_config(stored: dict, current: dict) -> bool:
    """Whether a configuration on disk is the one of now, by the rules of `first_difference`; nothing is said."""
    return not any(differences(stored, current))


def differences(stored: dict, current: dict) -> Iterator[str]:
    """All entries in which two configurations differ, one by one, by the rules of `first_difference`."""
    return _differences(stored, known_to(stored, current), "")


def _differences(a: dict, b: dict, path: str) -> Iterator[str]:
    a, b = ({n: v for n, v in IMPLIED.items() if n in {**a, **b}} | group for group in (a, b))
    for key in [k for k in (b | a) if k != CODE]:
        here = "" if key == DEFINITION else path if not path and key in OWN_WORDS else f"{path}{key}"
        if isinstance(a.get(key), dict) and isinstance(b.get(key), dict):
            yield from _differences(a[key], b[key], f"{here}." if here else "")
        elif a.get(key) != b.get(key):
            yield f"{here} is {a.get(key, 'missing')} instead of {b.get(key, 'missing')}"


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
