"""How a loop is compiled: measured once, remembered, and the same result either way."""

import json

import numpy as np
import pytest
import tensorflow as tf

from phi_sol.kernels import choices
from phi_sol.kernels.loops import Loop


@pytest.fixture
def memory(tmp_path, monkeypatch, nothing_measured):
    """A cache folder, and the memory of a process that has just started."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(choices, "_known", {})
    monkeypatch.setattr(Loop, "choose", nothing_measured)
    return tmp_path / "phi_sol" / "loops.json"


ARGUMENTS = {"x": tf.ones([2, 3])}, {}, tf.constant(0.5)


def halving(measured="halving"):
    return Loop(lambda arrays, parameters, dt: {"x": dt * arrays["x"]}, None, lambda a, p: a, measured)


def forced(loop, monkeypatch, xla: float, plain: float) -> list:
    """Makes a measurement say so many seconds; returns what was measured."""
    seen = []
    monkeypatch.setattr(loop, "_seconds", lambda way, *_: seen.append(way) or {True: xla, None: plain}[way])
    return seen


@pytest.mark.parametrize("xla, plain, way", [(1.0, 2.0, True), (2.0, 1.0, None), (1.02, 1.0, True)])
def test_the_faster_way_is_measured_once(memory, monkeypatch, xla, plain, way):
    """XLA is taken where both are equal; a later process does not measure again."""
    loop = halving()
    seen = forced(loop, monkeypatch, xla, plain)
    assert loop.choose(*ARGUMENTS) is way and seen == [True, None]
    assert loop.choose(*ARGUMENTS) is way and len(seen) == 2
    monkeypatch.setattr(choices, "_known", {})
    later = halving()
    assert forced(later, monkeypatch, 9.0, 9.0) == [] and later.choose(*ARGUMENTS) is way
    assert list(json.loads(memory.read_text()).values()) == [bool(way)]


def test_both_ways_compute_the_same(memory, monkeypatch):
    for xla, plain in ((1.0, 2.0), (2.0, 1.0)):
        monkeypatch.setattr(choices, "_known", {})
        memory.unlink(missing_ok=True)
        loop = halving()
        with monkeypatch.context() as patch:
            forced(loop, patch, xla, plain)
            loop.choose(*ARGUMENTS)
        np.testing.assert_array_equal(loop.steps(*ARGUMENTS, 3)["x"], np.full([2, 3], 0.125))
        last, kept = loop.frames(*ARGUMENTS, 2, 2, 4)
        np.testing.assert_array_equal(last["x"], np.full([2, 3], 0.5**4))
        np.testing.assert_array_equal(kept["x"][:2, 0, 0], [0.25, 0.5**4])
        assert {way for _, way in loop._functions} == {True if xla < plain else None}


def test_a_measurement_takes_time(memory):
    assert 0 < halving().seconds(*ARGUMENTS) < 1


def test_other_sizes_and_computations_are_measured_anew(memory, monkeypatch):
    loop = halving()
    seen = forced(loop, monkeypatch, 1.0, 2.0)
    for rows in (2, 5):
        loop.choose({"x": tf.ones([rows, 3])}, {}, tf.constant(0.5))
    other = halving("another")
    elsewhere = forced(other, monkeypatch, 1.0, 2.0)
    other.choose(*ARGUMENTS)
    assert len(seen) == 4 and len(elsewhere) == 2 and len(json.loads(memory.read_text())) == 3


def test_nothing_is_measured_where_nothing_can_be_chosen(memory, monkeypatch):
    fixed = halving(None)
    whole = Loop(lambda a, p, dt: a, True, lambda a, p: a, "whole")
    for loop, way in ((fixed, None), (whole, True)):
        seen = forced(loop, monkeypatch, 1.0, 2.0)
        assert loop.choose(*ARGUMENTS) is way and not seen
    assert not memory.exists()


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"a": ', "\x00\x01"])
def test_a_damaged_memory_is_measured_anew(memory, content):
    memory.parent.mkdir()
    memory.write_text(content)
    assert choices.remembered("a") is None
    assert choices.remember("a", True) is True
    assert json.loads(memory.read_text()) == {"a": True}


def test_what_another_process_chose_stays(memory):
    memory.parent.mkdir()
    memory.write_text('{"a": false, "b": "yes"}')
    assert choices.remember("a", True) is False and choices.remembered("a") is False
    assert choices.remembered("b") is None  # no answer


def test_without_a_place_to_write_it_is_kept_in_the_process(memory, monkeypatch):
    memory.parent.parent.joinpath("file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(memory.parent.parent / "file"))
    assert choices.remember("a", True) is True and choices.remembered("a") is True
