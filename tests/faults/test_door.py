"""
At the door: whatever is given to a public constructor or call in the place of one of its arguments ends in an
InputError of one line, before anything is computed; never in another error, and never in nothing.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import phi_sol
from phi_sol import InputError
from phi_sol.errors import quoted


class Odd:
    """Something that is nothing that anyone expects."""

    def __repr__(self):
        raise RuntimeError("no words for it")


NAN, INF, NONE = float("nan"), float("inf"), type(None)
MANY = (np.ndarray, list)
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
    "fraction": [*NO_NUMBER, *TOO_LARGE, None, 1.5, -1, -1e-3],
    "flag": ["yes", "", 2, 1.0, NAN, [], {}, Odd(), None, b"1"],
    "thing": [True, 5, -1, NAN, "what", "", b"1", [5], {"a": 5}, Odd(), int, 10**400],
    "choice": [True, 5, NAN, "nothing of the kind", "", "\x1b[31m", b"1", [5], {"a": 5}, Odd(), int, "x" * 10_000],
    "word": [True, 5, NAN, "nothing of the kind", "\x1b[31m", b"1", [5], {"a": 5}, Odd(), int, "x" * 10_000],
    "name": ["", ".", "..", "../../x", "/tmp/x", "a/b", "a\\b", "a\nb", "a b", "\x1b[31mred", "x" * 300, "\udcff", "é",
             "a:b", "a\0b", 5, None, b"a", [], Odd()],
    "path": [5, NAN, True, b"x", [], {}, Odd(), int, "", "a\0b", "x" * 300, "a/" * 3000, "\udcff", "a\nb", "\x1b[2J"],
    "table": [5, "a", [], [1], {1: 2}, {"what": 5}, {"\x1b[31m": 5}, NAN, Odd(), int, True],
    "list": [5, "a", b"1", NAN, Odd(), int, True, [Odd()], [None], 10**400],
}  # fmt: skip
COUNTS = ("count", "count or none", "natural", "natural or none")
NEGATIVE = st.integers(max_value=-1) | st.floats(-1e30, -1e-30)
HUGE = st.integers(min_value=2**129)
TEXTS, BYTES = st.text(max_size=20).map(lambda t: f"?{t}"), st.binary(max_size=5)
LISTS = st.lists(st.none() | st.booleans() | st.text(max_size=3) | BYTES, min_size=1, max_size=3)
TABLES = st.dictionaries(TEXTS | BYTES | st.integers(), st.none() | TEXTS | st.integers(), min_size=1, max_size=3)
NO_NUMBERS = TEXTS | BYTES | LISTS | TABLES | st.booleans() | st.complex_numbers(allow_infinity=False)
GENERATED: dict[str, st.SearchStrategy] = {
    **dict.fromkeys(
        ("count", "count or none", "natural", "natural or none"), NO_NUMBERS | NEGATIVE | HUGE | st.floats()
    ),
    **dict.fromkeys(("positive", "positive or none", "weight", "fraction"), NO_NUMBERS | NEGATIVE | HUGE),
    "flag": st.integers() | st.floats() | TEXTS | BYTES | LISTS | TABLES,
    "thing": NEGATIVE | HUGE | TEXTS | BYTES | TABLES,
    **dict.fromkeys(("choice", "word"), NEGATIVE | HUGE | TEXTS | BYTES | TABLES),
    "name": TEXTS | NEGATIVE | HUGE | BYTES | LISTS | TABLES,
    "path": NEGATIVE | HUGE | BYTES | TABLES | st.booleans(),
    "table": NEGATIVE | HUGE | TEXTS | BYTES | LISTS | TABLES | st.booleans(),
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


@pytest.fixture
def calls(monkeypatch, tiny, tiny_train, tiny_data, tiny_run, tmp_path_factory) -> dict[str, Call]:
    """Every public constructor and call, by name."""
    from phi_sol.evaluation.export import Exporter
    from phi_sol.storage.dataset import find_simulations
    from phi_sol.tasks.guess.experiment import PoissonExperiment

    folder = tmp_path_factory.mktemp("door")
    monkeypatch.chdir(folder)
    flow, grid = tiny.pair.source, {"y": 24, "x": 12}
    state, task = flow.initial_state(reynolds=200.0), phi_sol.Correction(tiny_train, "sol", "small")
    plan = phi_sol.Plan(phi_sol.curriculum(2), batch=2, learning_rate=1e-3, steps=4)
    rollout = flow.rollout(state, 2, progress=False)
    corrector = phi_sol.Corrector.load(tiny_run)
    wake = {"flow": phi_sol.WakeFlow, "source": grid, "ratio": 2}
    scene = {"name": "tiny", **wake, "train": {"reynolds": (150.0, 600.0)}, "test": {"reynolds": (300.0,)}}
    box = {"name": "box", "flow": phi_sol.SmokeBox, "source": {"y": 16, "x": 16}}
    box |= {"train": {"seed": (1, 2), "buoyancy": (0.5,)}, "test": {"seed": (3,), "buoyancy": (0.5,)}}
    size = {"size": "table", "dt": "positive or none", "advection": "choice"}
    of_scene = {"name": "name", "flow": "thing", "source": "table", "ratio": "count", "time_ratio": "count"}
    of_scene |= {"train": "table", "test": "table", "reference_options": "table", "warmup": "natural"}
    of_scene |= {"frames": "count", "keep_reference_every": "count", "correct": "list", "schedule": "thing"}
    of_scene |= {"paper": "thing", "options": "table", "task": "thing"}
    return {
        "WakeFlow": Call(
            phi_sol.WakeFlow,
            {**grid},
            {**size, "y": "count", "x": "count", "obstacle": "choice", "speed": "positive or none",
             "radius": "positive or none", "center": "table", "walls": "choice", "inlet": "thing", "inflow": "table",
             "obstacles": "thing"},
            {"inlet": (type, int)},
        ),
        "BuoyantPlume": Call(
            phi_sol.BuoyantPlume, {**grid},
            {**size, "y": "count", "top": "choice", "inflow": "weight", "source": "table", "obstacles": "thing"},
            {"inflow": (NONE,)},
        ),
        "ForcedAdvection": Call(phi_sol.ForcedAdvection, {**grid}, {**size, "speed": "positive or none"}),
        "SmokeBox": Call(phi_sol.SmokeBox, {"y": 16, "x": 16}, {**size, "x": "count"}),
        "initial_state": Call(flow.initial_state, {"reynolds": 200.0}, {"reynolds": "positive"}, {"reynolds": MANY}),
        "seed": Call(phi_sol.SmokeBox(y=16, x=16).initial_state, {"seed": 1}, {"seed": "natural"}, {"seed": MANY}),
        "step": Call(flow.step, {"state": state}, {"state": "thing", "dt": "positive or none"}),
        "rollout": Call(
            flow.rollout, {"state": state, "steps": 2, "progress": False},
            {"state": "thing", "steps": "count", "keep_every": "count", "progress": "flag", "restart": "thing"},
        ),
        "phi_sol.rollout": Call(
            phi_sol.rollout, {"solver": flow, "state": state, "steps": 2, "progress": False},
            {"solver": "thing", "state": "thing", "steps": "count", "keep_every": "count", "progress": "flag"},
        ),
        "SolverPair": Call(
            phi_sol.SolverPair, {**wake},
            {"flow": "thing", "source": "table", "ratio": "count", "time_ratio": "count", "dt": "positive or none",
             "reference_options": "table"},
        ),
        "restrict": Call(tiny.pair.restrict, {"state": state}, {"state": "thing"}),
        "prolong": Call(tiny.pair.prolong, {"state": state}, {"state": "thing"}),
        "Experiment": Call(phi_sol.Experiment, scene, of_scene),
        "PoissonExperiment": Call(
            PoissonExperiment, box,
            {**of_scene, "tolerance": "positive", "samples": "count", "simulation_steps": "count"},
        ),
        "simulations": Call(tiny.simulations, {"split": "train"}, {"split": "choice", "parameters": "table"}),
        "load_experiment": Call(phi_sol.load_experiment, {"scene": "karman_2d"}, {"scene": "path"}),
        "Schedule": Call(
            phi_sol.Schedule, {},
            {"network": "choice", "unroll": "count", "steps": "count", "batch": "count", "learning_rate": "positive",
             "decay": "choice", "ramp": "fraction", "clip": "positive or none", "relative": "flag",
             "curriculum": "flag", "loss": "choice", "optimizer": "choice"},
            {"network": (type,), "decay": (type,), "optimizer": (type,), "loss": (type,)},
        ),
        "Stage": Call(phi_sol.Stage, {"unroll": 2, "until": 1.0}, {"unroll": "count", "until": "fraction",
                                                                   "anew": "flag"}),
        "curriculum": Call(phi_sol.curriculum, {"unroll": 8}, {"unroll": "count", "shares": "list"}),
        "Plan": Call(
            phi_sol.Plan, {"stages": phi_sol.curriculum(2), "batch": 2, "learning_rate": 1e-3, "steps": 4},
            {"stages": "list", "batch": "count", "learning_rate": "positive", "steps": "count", "final": "positive",
             "decay": "choice", "ramp": "fraction", "clip": "positive or none", "ema": "fraction",
             "precision": "choice", "optimizer": "choice", "budget": "positive"},
            {"ema": (NONE,), "decay": (type,), "budget": (NONE,)},
        ),
        "Validation": Call(
            phi_sol.Validation, {},
            {"simulations": "natural or none", "frames": "count", "every": "count or none",
             "patience": "count or none"},
        ),
        "Loss": Call(
            phi_sol.Loss, {},
            {"fields": "list", "values": "weight", "gradient": "weight", "spectral": "weight", "steps": "choice",
             "relative": "flag", "extra": "list"},
            {"steps": (list,), "extra": (type,)},
        ),
        "Method": Call(
            phi_sol.Method, {"name": "sol", "unroll": 2},
            {"name": "choice", "unroll": "count", "truncate": "count or none", "push_forward": "natural",
             "noise": "weight", "placement": "choice", "project": "flag", "loss": "choice", "temporal": "weight",
             "seed": "natural", "looped": "flag"},
            {"looped": (NONE,), "loss": (type,)},
        ),
        "PoissonMethod": Call(phi_sol.PoissonMethod, {"name": "sol"}, {"name": "choice", "unroll": "count"}),
        "Correction": Call(
            phi_sol.Correction, {"data": tiny_train},
            {"data": "thing", "method": "choice", "network": "choice", "correct": "list", "remat": "flag"},
            {"remat": (NONE,), "network": (type,)},
        ),
        "Trainer": Call(
            phi_sol.Trainer, {"task": task, "plan": plan, "folder": folder / "run"},
            {"task": "thing", "plan": "thing", "folder": "path", "seed": "natural", "scene": "thing",
             "resume": "flag", "validation": "thing", "strategy": "thing"},
            {"scene": (str,)},
        ),
        "Dataset": Call(
            phi_sol.Dataset, {"pair": tiny.pair, "folders": find_simulations(tiny_data, "train")},
            {"pair": "thing", "folders": "list", "frames": "count or none"},
        ),
        "Generator": Call(
            phi_sol.Generator, {"experiment": tiny, "split": "train", "folder": folder / "data"},
            {"experiment": "thing", "split": "choice", "folder": "path", "parameters": "table",
             "frames": "count or none", "warmup": "natural or none", "batch": "count or none", "start": "thing"},
        ),
        "HybridSolver": Call(
            phi_sol.HybridSolver, {"solver": flow, "corrector": corrector},
            {"solver": "thing", "corrector": "thing", "remat": "flag", "strict": "flag"},
        ),
        "FinerSource": Call(phi_sol.FinerSource, {"pair": tiny.pair, "solver": tiny.pair.reference},
                            {"pair": "thing", "solver": "thing"}),
        "IterativeFlow": Call(
            phi_sol.IterativeFlow, {"flow": phi_sol.SmokeBox(y=16, x=16)},
            {"flow": "thing", "guess": "choice", "tolerance": "positive", "max_iterations": "count"},
        ),
        "Restart": Call(phi_sol.Restart, {"folder": folder / "restart"}, {"folder": "path", "every": "count"}),
        "load_state": Call(phi_sol.load_state, {"path": folder / "none.npz", "solver": flow},
                           {"path": "path", "solver": "thing"}),
        "state.save": Call(state.save, {"path": folder / "state.npz"}, {"path": "path"}),
        "pretrained": Call(phi_sol.pretrained, {"scene": "karman_2d"}, {"scene": "choice"}),
        "plot": Call(
            lambda states, **how: phi_sol.plot(states, **how), {"states": state, "flow": flow},
            {"states": "thing", "field": "word", "quantity": "word", "reference": "word", "across": "choice",
             "position": "fraction", "flow": "thing"},
            {},
        ),
        "write": Call(
            phi_sol.write, {"frames": rollout, "path": folder / "film.html", "fps": 5},
            {"frames": "thing", "path": "path", "field": "word", "quantity": "word", "fps": "positive"},
        ),
        "Exporter": Call(
            Exporter, {"data": tiny_train, "trained": {}, "out": folder / "exported"},
            {"data": "thing", "trained": "table", "out": "path", "kind": "choice", "frames": "count or none",
             "every": "count"},
        ),
        "evaluate": Call(
            phi_sol.evaluate, {"experiment": tiny, "runs": [], "data": tiny_data, "frames": 1, "numerics": False,
                               "progress": False},
            {"experiment": "thing", "runs": "thing", "data": "path", "out": "path", "frames": "count or none",
             "numerics": "flag", "precision": "choice", "anyway": "flag", "reference_error": "flag",
             "reference_simulations": "count or none", "metrics": "list", "series": "flag", "probes": "list",
             "progress": "flag"},
        ),
    }  # fmt: skip


def is_fine(call: Call, name: str, value: Any) -> bool:
    """Whether a call may take a value after all."""
    return isinstance(value, call.fine.get(name, ()))


def report(found: Counter, wrong: list[str]):
    """Prints the figures, and fails where there is anything but InputErrors."""
    figures = ", ".join(f"{n} {k}" for k, n in sorted(found.items()))
    print(f"\n{sum(found.values())} calls with hostile arguments: {figures}")
    assert not wrong, f"{len(wrong)} of {sum(found.values())}:\n" + "\n".join(wrong)


def tried(calls: dict[str, Call], every: int = 1) -> tuple[Counter, list[str]]:
    """Every hostile value in the place of every argument, or every so many of these."""
    found, wrong, number = Counter(), [], 0
    for name, call in calls.items():
        for argument, kind in call.kinds.items():
            for value in HOSTILE[kind]:
                number += 1
                if number % every or is_fine(call, argument, value):
                    continue
                outcome = call.outcome(argument, value)
                found[outcome if outcome in ("InputError", "accepted") else "others"] += 1
                if outcome != "InputError":
                    wrong.append(f"{name}({argument}={quoted(value)[:50]}): {outcome}")
    return found, wrong


def test_some_hostile_values_of_every_argument_are_refused_in_one_line(calls):
    report(*tried(calls, every=7))


@pytest.mark.slow
def test_all_hostile_values_of_every_argument_are_refused_in_one_line(calls):
    report(*tried(calls))


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
        if is_fine(calls[name], argument, value):
            return
        outcome = calls[name].outcome(argument, value)
        found[outcome if outcome in ("InputError", "accepted") else "others"] += 1
        if outcome != "InputError":
            wrong.append(f"{name}({argument}={quoted(value)[:50]}): {outcome}")

    draw()
    return found, wrong


def test_some_drawn_values_are_refused_in_one_line(calls):
    report(*generated(calls, 200))


@pytest.mark.slow
def test_many_drawn_values_are_refused_in_one_line(calls):
    report(*generated(calls, 3000))
