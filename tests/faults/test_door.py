"""
At the door: whatever is given to a public constructor or call in the place of one of its arguments ends in an
InputError of one line, before anything is computed; never in another error, and never in nothing.
"""

import inspect
from collections.abc import Callable

import pytest
from hostile import Call, generated, report, tried
from public_boxes import calls_of_boxes
from public_calls import calls_of_parts, calls_of_scenes
from public_chains import calls_of_chains

import phi_sol


@pytest.fixture
def calls(monkeypatch, tiny, tiny_train, tiny_data, tiny_run, tmp_path_factory) -> dict[str, Call]:
    """Every public constructor and call, by name."""
    folder = tmp_path_factory.mktemp("door")
    monkeypatch.chdir(folder)
    given = folder, tiny, tiny_train, tiny_data, tiny_run
    return calls_of_scenes(*given) | calls_of_parts(*given) | calls_of_boxes(*given) | calls_of_chains(*given)


def is_tried(value: object) -> bool:
    """Whether something public is called by users, and not by what is derived from it."""
    is_error = isinstance(value, type) and issubclass(value, Exception)
    return isinstance(value, Callable) and not is_error and not inspect.isabstract(value)


def test_no_public_call_and_no_argument_is_forgotten(calls):
    public = {n for n in phi_sol.__all__ if is_tried(getattr(phi_sol, n))}
    assert not public - calls.keys()
    forgotten = {
        f"{name}({argument.name}=)"
        for name, call in calls.items()
        for argument in inspect.signature(call.function).parameters.values()
        if not (name == "State" and argument.name.endswith("_attrs"))  # what PhiML asks for
        and argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        and argument.name not in call.kinds
    }
    assert not forgotten


def test_some_hostile_values_of_every_argument_are_refused_in_one_line(calls):
    report(*tried(calls, every=7))


@pytest.mark.slow
def test_all_hostile_values_of_every_argument_are_refused_in_one_line(calls):
    report(*tried(calls))


def test_some_drawn_values_are_refused_in_one_line(calls):
    report(*generated(calls, 200))


@pytest.mark.slow
def test_many_drawn_values_are_refused_in_one_line(calls):
    report(*generated(calls, 3000))
