"""The benchmarks of the periodic box on tiny cases: what they compare is compared rightly, and files are written."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import mosaic
import turbulence
import turbulence_means
import turbulence_sides


def test_restricted_faces_carry_the_same_flow():
    u = np.random.default_rng(0).normal(size=(3, 8, 8))
    y, x = (turbulence_sides.restricted(u, d, 4) for d in "yx")
    np.testing.assert_allclose(y[1, 2, 3], u[1, 4, 6:8].mean())
    np.testing.assert_allclose(x[1, 2, 3], u[1, 4:6, 6].mean())


def test_a_solver_that_is_the_reference_has_no_error():
    frames = {d: np.random.default_rng(1).normal(size=(10, 2, 64, 64)) for d in "yx"}
    same = turbulence.compared(frames, frames)
    assert same["error_1"] == same["error_2"] == 0 and same["reached_0.95"] == 2 and same["time_to_0.95"] == 2.0
    other = {d: f + (np.arange(10) >= 5)[:, None, None, None] * np.roll(f, 9, 2) for d, f in frames.items()}
    found = turbulence.compared(other, frames)
    assert found["error_1"] == 0 and found["error_2"] == pytest.approx(1, abs=1e-6)
    assert 1 < found["time_to_0.95"] < 1.2 and found["correlation"][9] == pytest.approx(0.5**0.5, abs=0.05)


def test_cost_at_equal_error_is_interpolated_between_grids_only():
    rows = [{"solver": "a", "error_1": e, "ms_per_unit": 1 / e} for e in (0.2, 0.02)] + [
        {"solver": "s", "error_1": 0.0}
    ]
    table = turbulence.at_equal_error(rows)["ms_per_unit_at_error_1"]
    assert table["0.06"] == {"a": pytest.approx(1 / 0.06, rel=1e-3)} and table["0.01"] == {"a": None}


def test_all_solvers_start_alike_and_stay_alike_for_a_while():
    """phi_sol against the spectral solver by the benchmark's own ways; JAX-CFD and exponax where they are installed."""
    start = turbulence_means.starts(64, (0,), True)
    reference = turbulence.spectral_frames(64, 10, True, start, 1)
    for solver in turbulence_sides.BUILD:
        try:
            cases = turbulence_sides.build(solver, True, 1e-3, start, 20, 0.2, 1)
        except ModuleNotFoundError:
            continue
        found = cases["frames"]()
        error = mosaic.relative([found[d] for d in "yx"], [reference[d] for d in "yx"])
        print(solver, error)
        assert error < (3e-4 if solver == "exponax" else 0.04)


def test_peak_of_a_curve():
    times = np.arange(1, 11) * 0.2
    found = turbulence_means.curves(times, times, 1 - (times - 1.13) ** 2)
    assert found["peak_time"] == pytest.approx(1.13) and found["peak"] == pytest.approx(1)


def test_tasks_write_their_own_entries_and_say_what_is_left_out(tmp_path, capsys):
    out = tmp_path / "mosaic.json"
    mosaic.main(["vortices", "cylinder", "--quick", "--data", str(tmp_path / "none"), "--out", str(out)])
    results = json.loads(out.read_text())
    assert list(results) == ["vortices"]
    assert "skipped cylinder: the reference fields are not in" in capsys.readouterr().out
    grids = [r["central"] for r in results["vortices"]["by_grid"]]
    assert grids[0] / grids[1] > 3.8
    with pytest.raises(SystemExit):
        mosaic.main(["nonsense"])
