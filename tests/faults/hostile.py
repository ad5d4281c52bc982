"""Hostile values by the kind of the argument that they take the place of, and what comes of them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phi_sol import InputError
from phi_sol.errors import quoted


class Odd:
    """Something that is nothing that anyone expects."""

    def __repr__(self):
        raise RuntimeError("no words for it")


NAN, INF = float("nan"), float("inf")
NO_NUMBER = [True, "1", "", b"1", [], [1], {}, {"y": 1}, NAN, INF, -INF, Odd(), int, lambda: 1, np.ones(2), 1j]
TOO_LARGE = [10**400, 1e39, np.float64(1e300)]
HOSTILE: dict[str, list] = {
    "count": [*NO_NUMBER, *TOO_LARGE, None, 0, -1, 1.5, 10**12, np.int64(-3), np.float32(2.5)],
    "count or none": [*NO_NUMBER, *TOO_LARGE, 0, -1, 1.5, 10**12, np.int64(-3)],
    "natural": [*NO_NUMBER, *TOO_LARGE, None, -1, 1.5, 10**12],
    "natural or none": [*NO_NUMBER, *TOO_LARGE, -1, 1.5, 10**12],
    "positive": [*NO_NUMBER, *TOO_LARGE, None, 0, 0.0, -1, -1e-3, 1e-320, np.float32(0)],
    "positive or none": [*NO_NUMBER, *TOO_LARGE, 0, 0.0, -1, -1e-3, 1e-320],
    "weight": [*NO_NUMBER, *TOO_LARGE, None, -1, -1e-3],
    "real": [*NO_NUMBER, *TOO_LARGE, None],
    "fraction": [*NO_NUMBER, *TOO_LARGE, None, 1.5, -1, -1e-3],
    "flag": ["yes", "", 2, 1.0, NAN, [], {}, Odd(), None, b"1"],
    "thing": [True, 5, -1, NAN, "what", "", b"", b"1", [5], {}, {"a": 5}, Odd(), int, 10**400],
    "choice": [True, 5, NAN, "nothing of the kind", "", "\x1b[31m", b"1", [5], {"a": 5}, Odd(), int, "x" * 10_000],
    "word": [True, 5, NAN, "nothing of the kind", "\x1b[31m", b"1", [5], {"a": 5}, Odd(), int, "x" * 10_000],
    "text": [True, 5, NAN, b"1", [5], {"a": 5}, Odd(), int, 10**400, 1j],
    "function": [True, 5, NAN, "a", "", b"1", [5], {"a": 5}, Odd(), 10**400, 1j, None],
    "name": ["", ".", "..", "../../x", "/tmp/x", "a/b", "a\\b", "a\nb", "a b", "\x1b[31mred", "x" * 300, "\udcff", "é",
             "a:b", "a\0b", 5, None, b"a", [], Odd()],
    "path": [5, NAN, True, b"x", [], {}, Odd(), int, "", "a\0b", "x" * 300, "a/" * 3000, "\udcff", "a\nb", "\x1b[2J"],
    "table": [5, "a", [], [1], {1: 2}, {"what": 5}, {"\x1b[31m": 5}, NAN, Odd(), int, True],
    "names": [5, "a", [], [1], {1: 2}, {"\x1b[31m": 5}, {"": 5}, NAN, Odd(), int, True],
    "axes": [5, "a", b"1", NAN, Odd(), int, [Odd()], [None], [True], ["a", "b"], 10**400],
    "list": [5, "a", b"1", NAN, Odd(), int, True, [Odd()], [None], 10**400],
}  # fmt: skip
HOSTILE["runs"] = [v for v in HOSTILE["thing"] if v != {}]
NEGATIVE = st.integers(max_value=-1) | st.floats(-1e30, -1e-30)
HUGE = st.integers(min_value=2**129)
TEXTS, BYTES = st.text(max_size=20).map(lambda t: f"?{t}"), st.binary(max_size=5)
LISTS = st.lists(st.none() | st.booleans() | st.text(max_size=3) | BYTES, min_size=1, max_size=3)
TABLES = st.dictionaries(TEXTS | BYTES | st.integers(), st.none() | TEXTS | st.integers(), min_size=1, max_size=3)
NO_NUMBERS = TEXTS | BYTES | LISTS | TABLES | st.booleans() | st.complex_numbers(allow_infinity=False)
NO_COUNTS = st.floats().filter(lambda v: not v.is_integer())  # 1.0 is one
GENERATED: dict[str, st.SearchStrategy] = {
    **dict.fromkeys(("count", "count or none", "natural", "natural or none"), NO_NUMBERS | NEGATIVE | HUGE | NO_COUNTS),
    **dict.fromkeys(("positive", "positive or none", "weight", "fraction"), NO_NUMBERS | NEGATIVE | HUGE),
    "real": NO_NUMBERS | HUGE,
    "flag": st.integers() | st.floats() | TEXTS | BYTES | LISTS | TABLES,
    **dict.fromkeys(("thing", "runs"), NEGATIVE | HUGE | TEXTS | BYTES | TABLES),
    **dict.fromkeys(("choice", "word"), NEGATIVE | HUGE | TEXTS | BYTES | TABLES),
    "function": NEGATIVE | HUGE | TEXTS | BYTES | LISTS | TABLES | st.booleans(),
    "text": NEGATIVE | HUGE | BYTES | TABLES | LISTS | st.booleans(),
    "name": TEXTS | NEGATIVE | HUGE | BYTES | LISTS | TABLES,
    "path": NEGATIVE | HUGE | BYTES | TABLES | st.booleans(),
    "table": NEGATIVE | HUGE | TEXTS | BYTES | LISTS | TABLES | st.booleans(),
    "names": NEGATIVE | HUGE | TEXTS | BYTES | LISTS | st.booleans(),
    "axes": NEGATIVE | HUGE | TEXTS | BYTES | TABLES,
    "list": NEGATIVE | HUGE | TEXTS | BYTES | TABLES | st.booleans(),
}


@dataclass
class Call:
    """A public call with arguments that it takes, and of what kind those are that are replaced."""

    function: Callable
    arguments: dict[str, Any]
    kinds: dict[str, str]
    fine: dict[str, tuple] = field(default_factory=dict)  # kinds of hostile values that an argument may have

    def outcome(self, name: str, value: Any) -> str:
        """`InputError`, `accepted`, or what else came of it."""
        try:
            self.function(**self.arguments | {name: value})
        except InputError as err:
            line = str(err)
            return "InputError" if line and line.isprintable() and len(line) < 2000 else f"several lines: {line!r}"
        except Exception as err:
            return f"{type(err).__name__}: {str(err)[:80]}"
        return "accepted"


def lines_of(capsys) -> list[str]:
    """What a command has said."""
    return capsys.readouterr().err.strip().split("\n")


def report(found: Counter, wrong: list[str], what: str = "calls with hostile arguments"):
    """Prints the figures, and fails where anything is wrong."""
    figures = ", ".join(f"{n} {k}" for k, n in sorted(found.items()))
    print(f"\n{sum(found.values())} {what}: {figures}")
    assert not wrong, f"{len(wrong)} of {sum(found.values())}:\n" + "\n".join(wrong)


def tried(calls: dict[str, Call], every: int = 1) -> tuple[Counter, list[str]]:
    """Every hostile value in the place of every argument, or every so many of these."""
    found, wrong, number = Counter(), [], 0
    for name, call in calls.items():
        for argument, kind in call.kinds.items():
            for value in HOSTILE[kind]:
                number += 1
                if number % every or isinstance(value, call.fine.get(argument, ())):
                    continue
                outcome = call.outcome(argument, value)
                found[outcome if outcome in ("InputError", "accepted") else "others"] += 1
                if outcome != "InputError":
                    wrong.append(f"{name}({argument}={quoted(value)[:50]}): {outcome}")
    return found, wrong


def generated(calls: dict[str, Call], examples: int) -> tuple[Counter, list[str]]:
    """So many values that are drawn, each in the place of an argument that is drawn."""
    found, wrong = Counter(), []
    places = [(name, argument) for name, call in calls.items() for argument in call.kinds]

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(places).flatmap(lambda p: st.tuples(st.just(p), GENERATED[calls[p[0]].kinds[p[1]]])))
    def draw(drawn):
        (name, argument), value = drawn
        if isinstance(value, calls[name].fine.get(argument, ())):
            return
        outcome = calls[name].outcome(argument, value)
        found[outcome if outcome in ("InputError", "accepted") else "others"] += 1
        if outcome != "InputError":
            wrong.append(f"{name}({argument}={quoted(value)[:50]}): {outcome}")

    draw()
    return found, wrong
