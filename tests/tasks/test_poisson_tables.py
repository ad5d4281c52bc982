"""Tables of an evaluation of guesses."""

import pytest

from phi_sol.tasks.guess.tables import iteration_table, seed_table, tables, time_table, verdicts


def counted(mean: float) -> dict:
    return {"0.01": {"mean": mean / 2, "std": 1.0}, "0.001": {"mean": mean, "std": 2.0}}


@pytest.fixture
def results() -> dict:
    run = {"steps": 7, "runs": 2, "iterations": 70.0, "seconds": 0.5, "drift": 1e-3}
    trained = {"method": "sol", "unroll": 5, "passes": 1, "seed": 0, "network": "deep-unet"}
    error = {"relative": 0.023, "checkerboard": 2.2}
    return {
        "samples": 100,
        "frames": 7,
        "tolerance": 1e-3,
        "residual_norm": "max |∇·(u* - ∇p)| over cells",
        "guesses": {"mine": trained, "mine, twice": trained | {"passes": 2}, "more": trained | {"unroll": 10}},
        "groups": {
            "mine": {"runs": ["mine"], "iterations": counted(30)},
            "more": {"runs": ["more_seed0", "more_seed1"], "iterations": counted(34)},
        },
        "solvers": {
            "zero guess": {"iterations": counted(120), "ms_per_solve": 4.0, "simulation": run},
            "mine": {"iterations": counted(30), "ms_per_solve": 8.0, "simulation": run, "error": error},
            "mine, twice": {"iterations": counted(6), "ms_per_solve": 12.0, "simulation": run, "error": error},
            "more": {"iterations": counted(36), "ms_per_solve": 9.0, "simulation": run, "error": error},
            "direct solve": {"ms_per_solve": 0.5, "simulation": run | {"iterations": 0.0, "drift": 0.0}},
        },
    }


def test_iterations_beside_the_published_ones(results):
    table = iteration_table(results)
    assert table.columns == ["start", "0.01", "0.001", "of zero", "published"]
    assert table.rows == [
        ["zero guess", "60.0 ± 1.0", "120.0 ± 2.0", "100 %", "121.6 ± 13.4"],
        ["mine", "15.0 ± 1.0", "30.0 ± 2.0", "25 %", "29.6 ± 14.8"],
        ["mine, twice", "3.0 ± 1.0", "6.0 ± 2.0", "5.0 %", ""],
        ["more", "18.0 ± 1.0", "36.0 ± 2.0", "30 %", ""],  # published is SOL-5
        ["direct solve", "-", "-", "-", ""],
    ]


def test_nothing_is_published_for_another_tolerance(results):
    assert {row[-1] for row in iteration_table(results | {"tolerance": 1e-2}).rows} == {""}


def test_times(results):
    rows = {row[0]: row[1:] for row in time_table(results).rows}
    assert rows["mine"] == ["8.00", "70", "0.50", "1.0e-03", "2.3 %", "2.2"]
    assert rows["direct solve"] == ["0.50", "0", "0.50", "0.0e+00", "", ""]


def test_verdicts_are_honest_about_time(results):
    best, fastest = verdicts(results)
    assert "mine, takes 25 % of the iterations from zero to 0.001 (published: 24 %)" in best
    assert (
        "0.5 ms with the fastest solver (direct solve), 4 ms from zero and 8 ms with the fastest guess (mine)"
        in fastest
    )


def test_seeds(results):
    table = seed_table(results)
    assert table.rows == [["more", "2", "17.0 ± 1.0", "34.0 ± 2.0"]]
    assert [t.columns[0] for t in tables(results)] == ["start", "trained alike", "start"]
    del results["groups"]["more"]
    assert [t.columns[0] for t in tables(results)] == ["start", "start"]
