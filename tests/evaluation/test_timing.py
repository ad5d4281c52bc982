"""Timing in turns, with a clock that only steps move."""

import tensorflow as tf

from phi_sol.evaluation.timing import LONGEST, ROUNDS, TRIES, runner, time_alternately
from phi_sol.solvers.time_step import WithTimeStep


class Clock:
    """Solvers by name that take so many seconds to compile and per step, and what was asked of them."""

    def __init__(self, **solvers: tuple[float, float]):
        self.now, self.calls, self.solvers, self.compiled = 0.0, [], solvers, set()

    def run(self, name):
        def steps(count):
            first, each = self.solvers[name]
            self.now += count * each + (0.0 if name in self.compiled else first)
            self.compiled.add(name)
            self.calls.append((name, count))

        return steps

    def time(self, seconds):
        runs = {n: self.run(n) for n in self.solvers}
        return time_alternately(runs, seconds, clock=lambda: self.now)


def test_solvers_take_turns_after_all_are_compiled():
    clock = Clock(fast=(7.0, 1e-4), slow=(30.0, 0.05), slowest=(1.0, 100.0))
    found = clock.time(3.0)
    assert {n: round(ms, 9) for n, ms in found.items()} == {"fast": 0.1, "slow": 50.0, "slowest": 1e5}
    names = [n for n, _ in clock.calls]
    assert names[:3] == ["fast", "slow", "slowest"]  # compiled, with one step
    tried = [n for n in clock.solvers for _ in range(TRIES + 1)]  # how long turns are
    assert names[3:] == tried + ["fast", "slow", "slowest"] * ROUNDS[0]  # as few rounds as there may be
    lengths = {n: count for n, count in clock.calls[3 + len(tried) :]}
    assert lengths == {"fast": LONGEST, "slow": 3, "slowest": 1}  # of a sixth of a second a turn


def test_fast_solvers_get_more_turns_within_the_time():
    clock = Clock(a=(1.0, 1e-5), b=(1.0, 1e-4))
    clock.time(6.0)
    assert len(clock.calls) == 2 * (2 + TRIES + ROUNDS[1]) and clock.now < 6.0


def test_a_first_call_that_waits_does_not_shorten_turns():
    """Threads that wake up, say: with turns of one step the call would be timed, not the step."""
    clock = Clock(a=(1.0, 1e-4))
    steps = clock.run("a")

    def run(count):
        steps(count)
        clock.now += 1e-3 + (1.0 if len(clock.calls) in (2, 3) else 0.0)  # a call has a cost, too

    found = time_alternately({"a": run}, 1.0, clock=lambda: clock.now)
    assert clock.calls[-1] == ("a", LONGEST) and found["a"] < 0.1 * (1 + 0.03)


def test_a_stall_of_the_machine_does_not_count():
    """One turn in which all takes a thousand times as long leaves the median where it is."""
    clock = Clock(a=(0.0, 1e-3), b=(0.0, 2e-3))
    stalled = clock.run("a")

    def run(count):
        stalled(count)
        clock.now += 5.0 if len(clock.calls) == 13 else 0.0

    found = time_alternately({"a": run, "b": clock.run("b")}, 60.0, clock=lambda: clock.now)
    assert round(found["a"], 9) == 1.0 and round(found["b"], 9) == 2.0


def test_steps_of_a_state_in_the_compiled_loop(tiny):
    """So many steps of its own length, of a state that stays as it is."""
    flow = tiny.pair.source
    arrays, taken = {"velocity.y": tf.constant([[1.0]])}, []

    class Loop:
        def steps(self, arrays, parameters, dt, steps):
            taken.append((float(dt), steps))
            return arrays

    solver = WithTimeStep(flow, 0.25)
    solver.solver = type("Solver", (), {"loop": Loop(), "begin": lambda self, arrays: arrays})()
    run = runner(solver, arrays, {})
    assert run(3) == [[1.0]] and run(5) == [[1.0]] and taken == [(0.25, 3), (0.25, 5)]
