"""Signals that wait for the end of an iteration."""

import os
import signal

import pytest

from phi_sol.training.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_waits_and_the_second_acts(number, caplog):
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.getsignal(signal.SIGTERM)
    reached = []
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
        interruption.check()
        os.kill(os.getpid(), number)
        reached.append("after the first")
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
        assert not interruption.forced
        os.kill(os.getpid(), number)
        reached.append("after the second")
    assert reached == ["after the first"] and interruption.forced
    assert "a second Ctrl-C" in caplog.text
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (
        signal.default_int_handler,
        before[1],
    )
    signal.signal(signal.SIGINT, before[0])


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        interruption.check()
    signal.signal(signal.SIGINT, before)
