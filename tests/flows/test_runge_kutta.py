"""The Runge-Kutta methods on a state with a known way, and their limits of stability."""

import numpy as np
import pytest
from phi import math
from phi.field import CenteredGrid

from phi_sol import State
from phi_sol.flows.runge_kutta import METHODS, integrated


@pytest.fixture(autouse=True)
def double():
    with math.NUMPY, math.precision(64):
        yield


def state(**values):
    return State({n: CenteredGrid(float(v), 0, x=4) for n, v in values.items()})


def pendulum(s):
    """a' = b, b' = -sin(a); of t nothing is said, so that it stays."""
    a, b = s.fields["a"], s.fields["b"]
    return {"a": b, "b": a.with_values(-math.sin(a.values))}


def after(method, steps, time=1.0):
    s = state(a=1.0, b=0.5, t=7.0)
    for _ in range(steps):
        s = integrated(method, s, pendulum, time / steps)
    assert float(s.fields["t"].values.mean) == 7
    return np.array([float(s.fields[n].values.mean) for n in "ab"])


@pytest.mark.parametrize("method", METHODS)
def test_order(method):
    exact = after("rk4", 1000)
    errors = [np.abs(after(method, n) - exact).max() for n in (10, 20, 40)]
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    print(method, errors, slopes)
    assert slopes[-1] == pytest.approx(METHODS[method].order, abs=0.15)


TABLEAUS = {
    "heun": [[1], [1 / 2, 1 / 2]],
    "rk3": [[1], [1 / 4, 1 / 4], [1 / 6, 1 / 6, 2 / 3]],
    "rk4": [[1 / 2], [0, 1 / 2], [0, 0, 1], [1 / 6, 1 / 3, 1 / 3, 1 / 6]],
}
"""a_ij of the stages but the first, and the weights of the step, from the literature."""


def tableau(method):
    """`y_i = y_0 + dt Σ_j a_ij r_j` of the stages as they are declared."""
    rows = [np.zeros(len(METHODS[method].stages))]
    for i, (weights, share) in enumerate(METHODS[method].stages):
        rows.append(sum(w * r for w, r in zip(weights, rows, strict=True)) + share * np.eye(len(rows[0]))[i])
    return [r[:i] for i, r in enumerate(rows)][1:]


@pytest.mark.parametrize("method", METHODS)
def test_stages_are_those_of_the_butcher_tableau(method):
    assert all(sum(weights) == pytest.approx(1) for weights, _ in METHODS[method].stages)
    assert len(METHODS[method].stages) == len(TABLEAUS[method])
    for found, expected in zip(tableau(method), TABLEAUS[method], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize(("method", "kind"), [(m, k) for m in METHODS for k in ("imaginary", "real")])
def test_limits_of_stability_are_those_declared(method, kind):
    """Amplification of y' = λ y over a step, at the limit and beyond; Heun's grows by z⁴ / 8 on the imaginary axis."""
    limit, unit = getattr(METHODS[method], kind), {"imaginary": 1j, "real": -1}[kind]

    def amplification(z):
        y, found = 1, []
        for row in TABLEAUS[method]:
            found.append(z * y)
            y = 1 + sum(w * k for w, k in zip(row, found, strict=True))
        return abs(y)

    within = [amplification(unit * limit * x) for x in np.linspace(0.01, 1, 100)]
    if (method, kind) == ("heun", "imaginary"):
        z = limit * np.linspace(0.01, 1, 100)
        np.testing.assert_array_less(within, 1 + z**4 / 8 + 1e-12)
    else:
        assert max(within) < 1 + 1e-3
        assert amplification(unit * limit * 1.02) > 1 + 1e-3


def test_stages_go_through_the_constraint_and_the_correction_enters_the_last():
    seen = []

    def constrained(s):
        seen.append(float(s.fields["a"].values.mean))
        return s

    one = CenteredGrid(1.0, 0, x=4)
    s = integrated("heun", state(a=0.0, c=2.0), lambda s: {"a": one}, 0.5, constrained, {"a": one * 10, "c": one})
    assert seen == [0.5, 10.5]
    assert float(s.fields["c"].values.mean) == 3
