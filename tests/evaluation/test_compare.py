"""Two evaluations side by side."""

import json

import pytest

from phi_sol.errors import InputError, MissingError
from phi_sol.tasks import compare, read_results


def results(**groups) -> dict:
    """An evaluation of one simulation over 20 frames with groups of (mean, deviation, seeds)."""
    entries = {
        n: {"mean": m, "std": s, "runs": [f"{n}{i}" for i in range(seeds)]} for n, (m, s, seeds) in groups.items()
    }
    solvers = (
        {"SRC": {"mae": {"20": 0.2}}}
        | {r: {"mae": {"20": g["mean"]}} for g in entries.values() for r in g["runs"]}
        | {"REF": {}}
    )
    return {"scene": "tiny", "frames": 20, "parameters": [{"reynolds": 100.0}], "solvers": solvers, "groups": entries}


def test_differences_beyond_the_deviation_are_marked():
    """
    Standard error of the difference of means of three: sqrt(2 · 0.003² / 3) = 0.00245, so that twice of it lies between
    0.004 and 0.006.
    """
    a = results(
        near=(0.05, 0.003, 3), far=(0.05, 0.003, 3), single=(0.05, None, 1), bad=(0.05, 0.003, 3), only_a=(0.1, 0.01, 2)
    )
    b = results(near=(0.054, 0.003, 3), far=(0.044, 0.003, 3), single=(0.01, None, 1), bad=(None, None, 3))
    rows = {r[0]: r[1:] for r in compare(a, b).rows}
    assert rows["SRC"] == ["0.2000", "0.2000", "+0.0 %", ""]
    assert rows["near"] == ["0.0500 ± 0.0030", "0.0540 ± 0.0030", "+8.0 %", "within the deviation"]
    assert (
        rows["far"][2:] == ["-12.0 %", "*"]
        and rows["single"][3] == "one seed"
        and rows["bad"][3] == "* blows up in one"
    )
    assert rows["only_a"] == ["0.1000 ± 0.0100", "-", "", ""]


def guesses(**groups) -> dict:
    """An evaluation of guesses with groups of (mean iterations, deviation over seeds, seeds)."""

    def counted(mean, deviation):
        return {"iterations": {"0.001": {"mean": mean, "std": deviation}}}

    entries = {n: counted(m, s) | {"runs": [f"{n}{i}" for i in range(seeds)]} for n, (m, s, seeds) in groups.items()}
    solvers = {"zero guess": counted(120.0, 10.0), "direct solve": {}} | {
        r: counted(1.0, 9.0) for g in entries.values() for r in g["runs"]
    }
    shared = {"scene": "poisson", "frames": 100, "parameters": [], "tolerance": 1e-3}
    return shared | {"guesses": {}, "solvers": solvers, "groups": entries}


def test_guesses_by_their_iterations(tmp_path):
    a, b = guesses(far=(20.0, 1.0, 2), single=(30.0, None, 1)), guesses(far=(25.0, 1.0, 2), single=(15.0, None, 1))
    table = compare(a, b)
    assert table.title == "poisson: iterations to 0.001"
    assert table.rows == [
        ["zero guess", "120.0", "120.0", "+0.0 %", ""],
        ["far", "20.0 ± 1.0", "25.0 ± 1.0", "+25.0 %", "*"],
        ["single", "30.0", "15.0", "-50.0 %", "one seed"],
    ]
    assert "test data of the two differ" not in table.note
    assert (
        "test data of the two differ"
        in compare(a | {"data": {"fingerprints": ["1"]}}, b | {"data": {"fingerprints": ["2"]}}).note
    )
    with pytest.raises(InputError, match="different tolerances: 0.001 and 0.01"):
        compare(a, b | {"tolerance": 1e-2})
    (tmp_path / "results.json").write_text(json.dumps(a))
    assert read_results(tmp_path) == a


def test_refused(tmp_path, tiny_evaluation):
    folder = tiny_evaluation.files[0].parent
    assert compare(read_results(folder), read_results(folder / "results.json")).rows[-1][-1] == "within the deviation"
    with pytest.raises(InputError, match="different numbers of frames: 20 and 30"):
        compare(results(), results() | {"frames": 30})
    with pytest.raises(InputError, match="different time steps between frames: 1 and 2"):
        compare(results() | {"dt": 1.0}, results() | {"dt": 2.0, "solvers": {"SRC": {"mae": {"40": 0.2}}, "REF": {}}})
    with pytest.raises(InputError, match="different scenes: tiny and other"):
        compare(results(), results() | {"scene": "other"})
    with pytest.raises(MissingError, match="There is no evaluation in"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text(json.dumps({"frames": 3}))
    with pytest.raises(InputError, match="does not hold the results of an evaluation"):
        read_results(tmp_path)
