"""Metrics of one's own, and the evaluation of a flow without a velocity: a heat equation."""

import json

import numpy as np
import pytest
from phi import math
from phi.math.extrapolation import ZERO_GRADIENT
from phi.physics import diffuse

from phi_sol import Dataset, Experiment, Flow, Generator, InputError, State, metrics
from phi_sol.evaluation.baselines import plain_solvers
from phi_sol.evaluation.groups import Group
from phi_sol.evaluation.measures import Measures
from phi_sol.evaluation.records import Record, run_solver
from phi_sol.evaluation.results import add_costs, group_results, reference_results, solver_results
from phi_sol.evaluation.tables import tables
from phi_sol.evaluation.verdicts import verdicts
from phi_sol.metrics import METRICS, Metric


class Heat(Flow):
    """∂T/∂t = κ ∇²T in an insulated box [0, 1]²; first order in time, second in space."""

    fields, staggered, parameters = ("temperature",), (), ("diffusivity",)
    incompressible = False
    size = {"y": 1.0, "x": 1.0}

    @property
    def boundaries(self):
        return {"temperature": ZERO_GRADIENT}

    def initial_state(self, diffusivity):
        parameters = self.parameter_tensors({"diffusivity": diffusivity})
        bump = self.field("temperature", lambda p: 1 + math.exp(-20 * math.vec_squared(p - 0.3)))
        return State({"temperature": math.expand(bump, parameters["diffusivity"].shape)}, parameters)

    def physics(self, state, dt):
        return state.with_fields(temperature=diffuse.explicit(state.temperature, state.diffusivity, dt))


def hottest(flow, arrays, parameters):
    return arrays["temperature"].max((1, 2))


def worst(flow, arrays, reference, names):
    return np.max([np.abs(arrays[n] - reference[n]).max((1, 2)) for n in names], 0)


HOTTEST = Metric("hottest", hottest, unit="K", column="hottest", applies=lambda flow: "temperature" in flow.fields)
WORST = Metric("worst", compare=worst, unit="K", column="largest error")


@pytest.fixture(scope="module")
def heat():
    values = dict(diffusivity=(0.05, 0.1))
    options = dict(correct=("temperature",), options=dict(dt=0.002), warmup=0, frames=4)
    return Experiment("heat", Heat, dict(y=8, x=8), train=values, test=values, **options)


@pytest.fixture(scope="module")
def data(heat, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heat")
    Generator(heat, "test", folder / "test").run()
    return Dataset.load(heat.pair, folder, "test")


@pytest.fixture(scope="module")
def measures(data):
    return Measures(data, 4, extra=[HOTTEST, WORST])


@pytest.fixture(scope="module")
def record(heat, data, measures):
    record = run_solver(heat.pair.source, data, 4, [4], measures=measures, timed=False)
    record.ms_per_step = 0.5
    return record


@pytest.fixture(scope="module")
def results(record, measures):
    runs = ("sol_seed0", "sol_seed1")
    groups = [Group("sol", {n: record for n in runs}, "sol", 2)]
    results = {
        "scene": "heat",
        "frames": 4,
        "dt": 0.002,
        "numerics": None,
        "parameters": measures.data.simulations,
        "solvers": {n: solver_results(record, 4, 0.002, measures) for n in ("SRC", *runs)}
        | {"REF": reference_results(measures, 2.0)},
        "groups": group_results(groups, 4, 0.002),
        "correctors": {"sol_seed0": {}, "sol_seed1": {}},
        "grids": {"SRC": {"y": 8, "x": 8}},
        "metrics": measures.facts,
    }
    add_costs(results, {n: record for n in ("SRC", *runs)})
    return results


def test_a_flow_without_velocity_is_compared_in_its_fields(data, measures, record):
    assert measures.fields == ("temperature",) and measures.compared == measures.names == ["temperature"]
    error = np.abs(record.kept[4]["temperature"] - data.arrays["temperature"][:, 4])
    np.testing.assert_allclose(record.mae[3], error.mean((1, 2)), rtol=1e-6)
    assert set(record.series) >= {"mae", "rmse", "relative_l2", "hottest", "worst"}
    assert not set(record.series) & {"correlation", "enstrophy", "kinetic_energy", "spectrum", "divergence", "drag"}
    plain = run_solver(measures.flow, data, 4, [], timed=False)
    np.testing.assert_array_equal(plain.mae, record.mae)


def test_results_of_a_flow_without_velocity_have_their_form(record, data, measures, results):
    entry = json.loads(json.dumps(results, allow_nan=False))["solvers"]["SRC"]
    assert entry["mae"]["0.008"] == pytest.approx(np.mean(entry["mae_per_parameter"]))
    assert entry["fields"] == {"temperature": {n: entry[n]["0.008"] for n in ("mae", "rmse", "relative_l2")}}
    assert not any("vorticity" in n or "energy" in n or n in ("divergence", "wake") for n in entry)


def test_entries_of_own_metrics(record, data, measures, results):
    entry, recorded = results["solvers"]["SRC"], data.arrays["temperature"][:, 1:].max((2, 3)).T
    expected = (np.abs(record.series["hottest"] - recorded).mean(0) / recorded.mean(0)).mean()
    assert entry["hottest_error"] == pytest.approx(expected) and expected > 0
    assert entry["worst"] == {"0.008": pytest.approx(record.series["worst"].mean())}
    assert len(entry["over_time"]["worst"]) == 4 and "worst" not in entry["fields"]["temperature"]
    assert results["metrics"]["worst"] == {
        "entry": "worst", "unit": "K", "better": "smaller", "note": "", "column": "largest error",
    }  # fmt: skip


def test_tables_say_what_is_compared_and_show_own_metrics(results):
    errors, seeds, _, measured = tables(json.loads(json.dumps(results)))
    assert errors.title.startswith("heat: temperature MAE") and seeds.title.startswith("Temperature MAE")
    assert measured.columns == ["solver", "relative L2", "hottest (K)", "largest error (K)"]
    entry = results["solvers"]["SRC"]
    assert measured.rows[0][2:] == [f"{entry['hottest_error']:.3g}", f"{entry['worst']['0.008']:.3g}"]
    assert [row[0] for row in measured.rows] == ["SRC", "sol_seed0", "sol_seed1"]
    assert measured.note == "Hottest: smaller is better. Largest error: smaller is better."
    assert verdicts(results)[0].startswith("sol: temperature MAE")


def test_a_simulation_that_blew_up_says_so(record, measures, results):
    series = {
        n: np.where(np.arange(4).reshape(-1, *[1] * (v.ndim - 1)) > 1, np.nan, v) for n, v in record.series.items()
    }
    entry = solver_results(Record(series["mae"], {}, 1.0, series), 4, 0.002, measures)
    assert entry["worst"] == {"0.008": None} and entry["hottest_error"] is None
    shown = tables(results | {"solvers": results["solvers"] | {"bad": entry}})
    assert shown[3].rows[-1][0] == "bad" and shown[3].rows[-1][1:] == ["blew up"] * 3


def test_no_advection_to_improve(heat):
    known = plain_solvers(heat, heat.simulations("test"), 4)
    assert [n for n, p in known.items() if p.named] == ["SRC-2x"] and not [n for n in known if "MC" in n]


def test_own_metrics_of_a_flow_with_a_velocity(tiny, tiny_data):
    data = Dataset.load(tiny.pair, tiny_data, "test")
    fastest = Metric("fastest", lambda flow, a, p: np.abs(a["velocity.y"]).max((1, 2)), unit="length / time")
    chosen = Measures(data, 3, ["marker"], [fastest, HOTTEST])
    assert [m.name for m in chosen.metrics] == [
        *(n for n in METRICS if not n.endswith("_budget")),
        "fastest",
    ] and chosen.fields == ("velocity", "marker")
    assert chosen.compared == ["velocity.y", "velocity.x"] and chosen.reference["fastest"].shape == (3, 1)


def test_every_metric_says_what_it_is():
    for name, metric in METRICS.items():
        assert metric.name == name and metric.better in ("smaller", "larger") and metric.entry
    assert METRICS["correlation"].better == "larger" and METRICS["kinetic_energy"].entry == "kinetic_energy_error"
    assert metrics.METRICS is METRICS and METRICS["divergence"].unit == "1 / time"


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Metric("", hottest), "needs a name"),
        (lambda: Metric("x"), "needs one function"),
        (lambda: Metric("x", hottest, compare=worst), "needs one function"),
        (lambda: Metric("x", compute=3), "needs one function"),
        (lambda: Metric("x", hottest, better="bigger"), "'smaller' or 'larger', not 'bigger'"),
    ],
)
def test_metrics_check_themselves(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    "extra, message",
    [
        ([hottest], "must be a phi_sol.metrics.Metric"),
        ([Metric("mae", compare=worst)], "'mae' is taken"),
        ([Metric("wake", hottest)], "'wake' is taken"),
        ([Metric("blow_ups", compare=worst)], "'blow_ups' is taken"),
        ([Metric("kinetic_energy", hottest, entry="hot")], "'kinetic_energy' is taken"),
        ([HOTTEST, HOTTEST], "'hottest' is taken"),
        ([Metric("two", hottest, column={"a": str, "b": str})], "column of the metric 'two' must be a heading"),
    ],
)
def test_names_that_are_taken(data, extra, message):
    with pytest.raises(InputError, match=message):
        Measures(data, 4, extra=extra)


@pytest.mark.parametrize("wrong", [lambda *_: 3.0, lambda flow, arrays, *_: arrays["temperature"][:1]])
@pytest.mark.parametrize("kind", ["compute", "compare"])
def test_a_metric_gives_one_value_per_state(data, kind, wrong):
    measures = Measures(data, 4, extra=[Metric("wrong", **{kind: wrong})])
    with pytest.raises(InputError, match="The metric 'wrong' gave an array of shape .* for 8 states"):
        measures.block(measures.recorded(1, 4), measures.recorded(1, 4))


def test_two_metrics_of_one_name(data):
    measures = Measures(data, 4, extra=[HOTTEST, Metric("both", lambda f, a, p: {"hottest": hottest(f, a, p)})])
    with pytest.raises(InputError, match="'hottest' is measured by two metrics"):
        _ = measures.reference
