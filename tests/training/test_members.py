"""Whose turn it is in a training of several tasks."""

from itertools import islice

import numpy as np
import pytest

from phi_sol.training.members import Turns


def test_turns_come_by_weight():
    found = np.bincount(list(islice(Turns([1, 2, 5], 0).after(0), 8000)), minlength=3) / 8000
    np.testing.assert_allclose(found, [1 / 8, 2 / 8, 5 / 8], atol=0.02)


@pytest.mark.parametrize("start", [0, 1, 57, 1000])
def test_a_training_can_go_on_anywhere(start):
    """The order is the same from wherever it is taken up, and so is how often each had its turn."""
    turns = Turns([0.3, 1.0, 0.2], 7)
    whole = list(islice(turns.after(0), start + 200))
    assert list(islice(Turns([0.3, 1.0, 0.2], 7).after(start), 200)) == whole[start:]
    assert turns.before(start) == np.bincount(whole[:start], minlength=3).tolist()


def test_one_has_every_turn():
    assert set(islice(Turns([3.0], 1).after(5), 100)) == {0}


def test_seeds_differ():
    first, second = (list(islice(Turns([1, 1], s).after(0), 50)) for s in (0, 1))
    assert first != second
