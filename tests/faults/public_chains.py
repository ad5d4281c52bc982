"""More of the table of public calls: chains of solvers, and controls of their parameters."""

from pathlib import Path

import keras
from hostile import Call
from public_calls import MANY, NONE

import phi_sol


def calls_of_chains(folder: Path, tiny, tiny_train, tiny_data, tiny_run) -> dict[str, Call]:
    """Chains, controls, and what they are made of."""
    box = phi_sol.PeriodicBox(y=8, x=8)
    link = phi_sol.Link("a", "b", lambda a, b: {})
    chain = phi_sol.Chain({"a": box, "b": box}, link)
    start = chain.state(a=box.initial_state(), b=box.initial_state())
    probes = phi_sol.Probes("velocity", [{"y": 1.0, "x": 2.0}])
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    controlled = phi_sol.Controlled(box, {"viscosity": [0.1]})
    return {
        "Link": Call(
            phi_sol.Link, {"source": "a", "target": "b", "function": lambda a, b: {}},
            {"source": "word", "target": "word", "function": "function", "rates": "flag", "lagged": "flag",
             "weights": "list"},
            {"source": (str,), "target": (str,)},  # the chain knows its solvers
        ),
        "Chain": Call(
            phi_sol.Chain, {"solvers": {"a": box, "b": box}, "links": link}, {"solvers": "table", "links": "list"},
        ),
        "Chain.state": Call(
            lambda a: chain.state(a=a, b=box.initial_state()), {"a": box.initial_state()}, {"a": "thing"},
        ),
        "Chain.part": Call(chain.part, {"name": "a", "of": start}, {"name": "word", "of": "thing"}),
        "Controlled": Call(
            phi_sol.Controlled, {"solver": box, "controls": {"viscosity": [0.1]}},
            {"solver": "thing", "controls": "thing", "first": "natural"},
        ),
        "Controlled.step": Call(
            controlled.step, {"state": box.initial_state(), "number": 0},
            {"state": "thing", "dt": "positive or none", "number": "natural or none"},
        ),
        "TimeTable": Call(
            phi_sol.TimeTable, {"values": [0.1, 0.2]},
            {"values": "thing", "times": "list", "logarithms": "flag"}, {"values": MANY},
        ),
        "FunctionControl": Call(
            phi_sol.FunctionControl, {"function": lambda time, state: {}}, {"function": "function", "weights": "list"},
        ),
        "NeuralControl": Call(
            phi_sol.NeuralControl, {"model": model, "ranges": {"viscosity": (0.1, 1.0)}, "sees": probes},
            {"model": "thing", "ranges": "table", "sees": "thing"},
            {"sees": (str, list)},  # the flow knows its fields: `Controlled` says it
        ),
        "Motion": Call(
            phi_sol.Motion, {"body": "disc", "y": lambda t: 50 + t}, {"body": "name", "y": "function"},
        ),
        "Probes": Call(
            phi_sol.Probes, {"fields": "velocity", "points": [{"y": 1.0, "x": 2.0}]},
            {"fields": "names", "points": "list"}, {"fields": (str, NONE)},
        ),
    }  # fmt: skip
