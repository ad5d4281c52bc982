"""Cost and accuracy: envelope, speed-ups, what is tried and what is run, and what is said about it."""

import json

import numpy as np
import pytest

from phi_sol.evaluation.baselines import Plain
from phi_sol.evaluation.cost import Point, advantage, envelope, excess
from phi_sol.evaluation.milestones import duration, end_key, milestones
from phi_sol.evaluation.records import Record
from phi_sol.evaluation.results import add_costs
from phi_sol.evaluation.tables import tables
from phi_sol.evaluation.trial import MOST, worth_running
from phi_sol.evaluation.verdicts import verdicts
from phi_sol.tasks import compare

REFERENCE = 10.0  # cost
PLAIN = {
    "SRC": Point(1.0, 0.10),
    "worse": Point(2.0, 0.20),
    "SRC-MC": Point(2.0, 0.05),
    "equal": Point(3.0, 0.05),
    "blown": Point(0.1, None),
    "REF-dt2": Point(5.0, 0.01),
    "SRC-2x": Point(20.0, 0.001),  # dearer than the reference, which has no error
}


def test_envelope_of_a_small_table():
    assert envelope(PLAIN, REFERENCE) == ["SRC", "SRC-MC", "REF-dt2"]
    assert envelope({"SRC": Point(11.0, 0.1)}, REFERENCE) == [] == envelope({}, REFERENCE)


@pytest.mark.parametrize(
    "hybrid, speedup, over, of_reference, equal, of",
    [
        (Point(2.5, 0.02), 2.0, "REF-dt2", 4.0, 0.05, "SRC-MC"),  # 5 / 2.5 and 10 / 2.5
        (Point(2.5, 0.005), 4.0, "REF", 4.0, 0.05, "SRC-MC"),  # nothing cheaper than the reference is as good
        (Point(0.5, 0.05), 4.0, "SRC-MC", 20.0, None, None),  # equal errors count as accurate; nothing is as cheap
        (Point(4.0, 0.07), 0.5, "SRC-MC", 2.5, 0.05, "SRC-MC"),  # a loss
        (Point(40.0, 0.02), 0.125, "REF-dt2", 0.25, 0.0, "REF"),  # the reference itself is cheaper
    ],
)
def test_what_a_hybrid_saves(hybrid, speedup, over, of_reference, equal, of):
    found = advantage(hybrid, PLAIN, REFERENCE)
    assert found["speedup"] == pytest.approx(speedup) and found["speedup_over"] == over
    assert found["speedup_reference"] == pytest.approx(of_reference)
    assert found["error_at_equal_cost"] == equal and found["error_at_equal_cost_of"] == of


def test_a_hybrid_that_blew_up_saves_nothing():
    found = advantage(Point(2.5, None), PLAIN, REFERENCE)
    assert found["speedup"] is found["speedup_over"] is found["speedup_reference"] is None
    assert found["error_at_equal_cost"] == 0.05


def test_distance_from_the_envelope():
    above = excess(PLAIN)
    assert above["SRC"] == above["SRC-MC"] == above["REF-dt2"] == above["equal"] == 1
    assert above["worse"] == pytest.approx(4) and above["blown"] == np.inf
    assert excess({"a": Point(1, 0.0), "b": Point(2, 0.0), "c": Point(2, 0.1)}) == {"a": 1, "b": 1, "c": np.inf}


def test_only_what_is_worth_it_is_rolled_out():
    """Named ones always; nothing that is dearer than the reference or far above the envelope is even tried."""
    costs = {"SRC": 1.0, "named": 30.0, "good": 2.0, "near": 2.1, "far": 3.0, "bad": 1.5, "dear": 11.0}
    errors = {"SRC": 1.0, "good": 0.5, "near": 0.6, "far": 0.7, "bad": None}
    plain = {n: Plain(None, 1, None, named=n == "named") for n in costs if n != "SRC"}
    tried = []
    chosen = worth_running(plain, costs, 10.0, lambda names: tried.extend(names) or {n: errors[n] for n in names})
    assert chosen == ["named", "good", "near"]
    assert set(tried) == {"SRC", "good", "near", "far", "bad"}
    many = {f"s{i:02}": 1 + 0.01 * i for i in range(30)}
    plain = {n: Plain(None, 1, None) for n in many}
    assert worth_running(plain, many, 10.0, lambda names: dict.fromkeys(names, 1.0)) == list(many)[:MOST]


def test_milestones_are_times():
    assert list(milestones(500)) == ["50", "100", "250", "500"] and milestones(120) == {
        "50": 50,
        "100": 100,
        "120": 120,
    }
    assert milestones(7) == {"7": 7}
    assert milestones(125, 4.0) == {"50": 12, "100": 25, "250": 62, "500": 125}  # frame 12 is at 48, frame 13 at 52
    assert milestones(200, 0.1) == {"5": 50, "10": 100, "20": 200}  # as many frames as ever, by the time
    assert milestones(4, 0.02) == {"0.08": 4} and milestones(1000, 0.5) == {
        "50": 100,
        "100": 200,
        "250": 500,
        "500": 1000,
    }
    assert milestones(10, 1000.0) == {"10000": 10}


def test_files_without_a_time_step_count_frames():
    assert end_key({"frames": 200, "dt": 0.1}) == "20" and end_key({"frames": 200}) == "200"
    assert duration({"frames": 200}) == "200 frames" and duration({"frames": 50, "dt": 4.0}) == "200 units of time"


def record(mae, cost: float, dt: float = 1.0, every: int = 1) -> Record:
    """Of one simulation, by its errors over time and its cost per unit of time."""
    return Record(np.array(mae, float)[:, None], {}, cost * dt, every=every, dt=dt, is_full=every == 1)


def evaluation(hybrid: Record, **more) -> dict:
    """Results over four frames of SRC, a solver with twice the time step, and a corrector."""
    records = {"SRC": record([1, 2, 3, 4], 1.0), "SRC-dt2": record([1, 1], 0.5, 2.0, 2), "sol": hybrid}
    entry = {n: {"mae": {"4": r.mean(4)}, "ms_per_step": r.ms_per_step, "dt": r.dt} for n, r in records.items()}
    for n, r in records.items():
        entry[n] |= {"ms_per_time": r.ms_per_time, "blow_ups": r.blow_ups} | ({"over_time": {}} if r.is_full else {})
    results = {
        "scene": "tiny",
        "frames": 4,
        "dt": 1.0,
        "parameters": [{"reynolds": 100.0}],
        "groups": {},
        "paper": None,
    }
    results |= {"solvers": entry | {"REF": {"ms_per_step": 10.0, "ms_per_time": 10.0, "dt": 1.0}}}
    results |= {"correctors": {"sol": {}}, "numerics": {"SRC-dt2": {"factor": 1, "advection": None, "dt": 2.0}}}
    results["grids"] = {n: {"y": 8, "x": 4} for n in ("SRC", "SRC-dt2", "REF")}
    add_costs(results, records)
    return json.loads(json.dumps(results | more, allow_nan=False))


def test_errors_are_compared_at_the_times_that_all_solvers_share():
    """Frames 2 and 4: the source has (2 + 4) / 2 there, and the corrector (0.2 + 0.4) / 2."""
    results = evaluation(record([0.1, 0.2, 0.3, 0.4], 2.0))
    solvers = results["solvers"]
    assert results["compared_every"] == 2 and solvers["SRC"]["mae"] == {"4": 2.5}
    assert [solvers[n]["mae_shared"] for n in ("SRC", "SRC-dt2", "sol")] == pytest.approx([3, 1, 0.3])
    assert results["envelope"] == [{"solver": "SRC-dt2", "ms_per_time": 0.5, "mae": 1.0}]
    assert solvers["sol"]["speedup"] == pytest.approx(5) and solvers["sol"]["speedup_over"] == "REF"
    assert solvers["sol"]["error_at_equal_cost"] == 1 and "speedup" not in solvers["SRC"]


def test_verdicts_say_what_was_won():
    (line,) = verdicts(evaluation(record([0.25] * 4, 2.0)))
    assert line == (
        "sol: velocity MAE 0.2500 over 4 units of time, 90 % below SRC, 5 times cheaper than the reference. No plain "
        "numerics that are cheaper than the reference are as accurate: speed-up 5. At equal cost, SRC-dt2 has 1.0000: "
        "4 times its error."
    )


def test_verdicts_say_what_was_lost():
    (line,) = verdicts(evaluation(record([5.0] * 4, 20.0)))
    assert "100 % above SRC, 2 times dearer than the reference. " in line
    assert "as accurate are SRC-dt2: speed-up 0.025, a loss. At equal cost there is the reference itself." in line
    (line,) = verdicts(evaluation(record([5.0] * 4, 0.1)))
    assert line.endswith("SRC-dt2: speed-up 5. Nothing plain is as cheap.")
    (line,) = verdicts(evaluation(record([2.0] * 4, 2.0)))
    assert line.endswith("At equal cost, SRC-dt2 has 1.0000: 2 times more accurate.")
    (line,) = verdicts(evaluation(record([0.97] * 4, 2.0)))
    assert line.endswith("At equal cost, SRC-dt2 has 1.0000: as accurate.")
    (line,) = verdicts(evaluation(record([1.0, 1.0, np.nan, np.nan], 2.0)))
    assert line == "sol blew up in 1 of 1 rollouts."


def test_the_reference_s_own_error_stands_beside_it():
    found = {"half dt": 0.0125, "twice the resolution": 0.5, "mac_cormack": None}
    facts = {"parameters": [{"reynolds": 100.0}], "dt": {"half dt": 0.5, "twice the resolution": 1, "mac_cormack": 1}}
    results = evaluation(record([0.25] * 4, 2.0), reference_error=found, reference_error_facts=facts)
    assert "0.0125 with half dt, 0.5000 with twice the resolution: a smaller error" in verdicts(results)[-1]
    (table,) = [t for t in tables(results) if "own error" in t.title]
    assert table.rows[0] == ["half dt", "0.5", "0.0125"] and table.rows[2] == ["mac_cormack", "1", "blew up"]


def test_the_verdict_says_which_schemes_were_run():
    (line, *_) = verdicts(evaluation(record([0.25] * 4, 2.0), schemes=["mac_cormack"]))
    assert "No plain numerics (mac_cormack) that are cheaper" in line


def test_without_plain_numerics_nothing_is_said_of_them():
    (line,) = verdicts(evaluation(record([0.25] * 4, 2.0), numerics=None))
    assert "Plain numerics were left out" in line and "No plain numerics that" not in line


def test_tables_of_cost_and_accuracy():
    results = evaluation(record([0.25] * 4, 2.0))
    errors, gain, plain, *_ = tables(results)
    assert errors.columns == ["solver", "t ≤ 4", "vs SRC", "ms / time", "times REF"]
    assert [row[0] for row in errors.rows] == ["SRC", "sol", "REF"] and errors.rows[1][2:] == ["-90 %", "2", "0.2"]
    assert gain.rows == [["sol", "0.2500", "2", "5", "REF", "5", "1.0000", "SRC-dt2"]]
    assert plain.rows == [
        ["SRC-dt2", "8x4", "2", "1.0000", "-67 %", "0.5", "0.05", "*"],
        ["SRC", "8x4", "1", "3.0000", "", "1", "0.1", ""],
    ]
    assert "Errors at every 2 units of time" in plain.note


def test_evaluations_of_version_0_2_are_read():
    """Keys are frames there, costs are per step, and there is no envelope."""
    entry = {"mae": {"2": 0.1, "4": 0.2}, "ms_per_step": 1.0, "blow_ups": 0}
    old = {"scene": "tiny", "frames": 4, "parameters": [{"reynolds": 100.0}], "groups": {}, "correctors": {"sol": {}}}
    old |= {"solvers": {"SRC": entry, "sol": entry, "REF": {"ms_per_step": 4.0}}, "grids": {}, "paper": None}
    errors = tables(old)[0]
    assert errors.columns == ["solver", "2 frames", "4 frames", "vs SRC", "ms / step", "times REF"]
    assert errors.rows[1] == ["sol", "0.1000", "0.2000", "+0 %", "1", "0.25"]
    rows = {row[0]: row[1:4] for row in compare(old, evaluation(record([0.25] * 4, 2.0))).rows}
    assert rows["SRC"] == ["0.2000", "2.5000", "+1150.0 %"] and rows["sol"] == ["0.2000", "0.2500", "+25.0 %"]
