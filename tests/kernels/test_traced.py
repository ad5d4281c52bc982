"""Functions that TensorFlow traces."""

import ast
import logging
from pathlib import Path

import pytest
import tensorflow as tf
from phi.math.extrapolation import PERIODIC

import phi_sol
from phi_sol import Flow, State
from phi_sol.kernels.settings import traced


class Decay(Flow):
    """A flow that takes little to compile."""

    fields, staggered, parameters, incompressible = ("heat",), (), (), False
    size = {"y": 1.0, "x": 1.0}

    @property
    def boundaries(self):
        return {"heat": PERIODIC}

    def initial_state(self):
        return State({"heat": self.field("heat", lambda p: p.vector["x"])}, {})

    def physics(self, state, dt):
        return state.with_fields(heat=state.heat * (1 - dt))


@pytest.fixture
def retracings(caplog, monkeypatch):
    """What TensorFlow says of retracing, whatever was set before."""
    logger = logging.getLogger("tensorflow")
    monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        yield lambda: [r for r in caplog.records if "retracing" in r.getMessage()]


def test_several_solvers_are_not_taken_for_retracing(retracings):
    """TensorFlow warns after five traces of functions with the same code, and solvers share theirs."""
    for n in range(6):
        flow = Decay(y=8 + 2 * n, x=8)
        state = flow.initial_state()
        flow.rollout(flow.step(state), 2)
    assert not retracings()


def test_real_retracing_is_still_said(retracings):
    function = traced(lambda x: x + 1, None)
    for n in range(1, 9):
        function(tf.zeros([n]))
    assert retracings()


def test_nothing_else_makes_functions_of_tensorflow():
    root, found = Path(phi_sol.__file__).parent, set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "function" and getattr(node.value, "id", "") == "tf":
                found.add(str(path.relative_to(root)))
    assert found == {"kernels/settings.py"}
