"""The benchmark suite: its table and files, and parts of it on tiny grids. No times are asserted."""

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import common
import course
import families
import methods
import networks
import pressure
import run
import sides

KEYS = ["name", "size", "batch", "median_ms", "baseline", "baseline_ms", "ratio"]
TINY = sides.Effort(seconds=0.0, block=0.0, rounds=1)


def row(name: str, ms: float = 2.0, **further) -> dict:
    return common.row(name, "64x32", 1, ms, "peer", 3.0, **further)


def test_rows_have_the_keys_of_the_contract_first():
    assert list(row("a")) == KEYS
    assert list(row("a", peak_mb=1.0, note="n")) == [*KEYS, "peak_mb", "note"]
    assert row("a")["ratio"] == 1.5
    assert row("a", 1 / 3)["median_ms"] == 0.33333


def test_a_part_replaces_its_own_rows(tmp_path):
    path = tmp_path / "results.json"
    common.save(path, "pressure", [row("p")])
    common.save(path, "step", [row("a"), row("b")])
    common.save(path, "step", [row("c")])
    rows = json.loads(path.read_text())
    assert [(r["part"], r["name"]) for r in rows] == [("step", "c"), ("pressure", "p")]
    assert list(rows[0]) == [*KEYS, "part"]
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_table_with_keys_that_only_some_rows_have(capsys):
    common.show("training", [row("a"), row("b", 1234.5, first_s=7.25)])
    printed = capsys.readouterr().out
    for text in ("training", *KEYS, "first_s", "7.25", "1.5"):
        assert text in printed, text


def without_jax_cfd() -> dict[str, sides.Case]:
    raise ModuleNotFoundError("No module named 'jax_cfd'", name="jax_cfd")


def faulty() -> dict[str, sides.Case]:
    raise ModuleNotFoundError("No module named 'phi_sol.gone'", name="phi_sol.gone")


def environment() -> dict[str, sides.Case]:
    import os

    return {"threads": lambda: {"n": int(os.environ.get("OPENBLAS_NUM_THREADS", 0))}}


def test_environment_of_a_side(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with sides.Side(environment, OPENBLAS_NUM_THREADS="1") as one, sides.Side(environment) as other:
        one.prepare()
        other.prepare()
        assert (one.value("threads")["n"], other.value("threads")["n"]) == (1, 0)


def slow() -> dict[str, sides.Case]:
    import time

    return {"slow": lambda: time.sleep(60)}


def test_missing_peers_and_slow_cases_are_skipped_and_errors_are_not():
    with sides.Side(without_jax_cfd) as side, pytest.raises(sides.SkippedError, match="^jax_cfd is not installed$"):
        side.prepare()
    with sides.Side(faulty) as side, pytest.raises(RuntimeError, match=r"phi_sol\.gone"):
        side.prepare()
    with sides.Side(slow, timeout=1.0) as side:
        with pytest.raises(sides.SkippedError, match="more than 1 s"):
            side.prepare()
        with pytest.raises(sides.SkippedError, match="has ended"):
            side.prepare()


def test_a_part_from_end_to_end_without_one_peer(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pressure, "PROBLEMS", [pressure.Problem(dict(y=16, x=8), radius=20.0)])
    monkeypatch.setattr(pressure, "pyamg_cases", without_pyamg)
    monkeypatch.setattr(run, "Effort", lambda: TINY)
    assert run.main(["pressure", "--out", str(tmp_path / "results.json")]) == 0
    rows = json.loads((tmp_path / "results.json").read_text())
    assert {r["baseline"] for r in rows} == {"scipy cg", "scipy splu", "phi_sol"}
    for r in rows:
        assert list(r)[:7] == KEYS
        assert (r["size"], r["batch"], r["part"]) == ("16x8", 1, "pressure")
        assert r["median_ms"] > 0
        assert r["ratio"] == pytest.approx(r["baseline_ms"] / r["median_ms"], rel=1e-3)
    machine = json.loads((tmp_path / "machine.json").read_text())
    assert machine["parts"]["pressure"]["versions"]["phi_sol"]
    assert "skipped pressure solve, 16x8: pyamg is not installed" in capsys.readouterr().out


def without_pyamg(problem) -> dict[str, sides.Case]:
    raise ModuleNotFoundError("No module named 'pyamg'", name="pyamg")


def test_networks_against_the_small_one(monkeypatch):
    monkeypatch.setattr(networks, "Side", lambda build: contextlib.nullcontext(sides._Cases(build)))  # in this process
    monkeypatch.setattr(networks, "VARIANTS", {"periodic": dict(periodic=True)})
    rows = networks.run(TINY, dict(y=8, x=8), batch=1, names=["convnet", "small"])
    assert [r["name"] for r in rows] == ["gradient, convnet", "gradient, small", "gradient, small, periodic"]
    assert {(r["size"], r["baseline"], r["baseline_ms"]) for r in rows} == {("8x8", "small", rows[1]["median_ms"])}
    assert rows[1]["ratio"] == 1


def test_a_wrong_solution_is_an_error():
    problem = pressure.Problem(dict(y=16, x=8))
    A, b = problem.system()
    import scipy.sparse.linalg

    p = scipy.sparse.linalg.spsolve(A, b)
    pressure.check(problem, {pressure.OURS: p, "same": p * (1 + 1e-6)})
    with pytest.raises(RuntimeError, match="other, 16x8"):
        pressure.check(problem, {pressure.OURS: p, "other": p * 1.01})


def test_failed_part_leaves_the_file_as_it_is(tmp_path, monkeypatch, capsys):
    out = tmp_path / "results.json"
    common.save(out, "pressure", [row("before")])

    def fails(effort):
        raise RuntimeError("no result")

    monkeypatch.setattr(pressure, "run", fails)
    assert run.main(["pressure", "--out", str(out)]) == 1
    assert "no result" in capsys.readouterr().err
    assert [r["name"] for r in json.loads(out.read_text())] == ["before"]


def interrupted_after(rows: list[dict], err: BaseException):
    """A part that is ended after it has measured some rows."""

    def measure(effort):
        course.measuring("something")
        course.measured(rows)
        course.measuring("something else")
        raise err

    return measure


def test_what_is_measured_is_said_as_it_comes_and_kept_when_it_is_interrupted(tmp_path, monkeypatch, capsys):
    out = tmp_path / "results.json"
    common.save(out, "step", [row("other part")])
    common.save(out, "pressure", [row("a"), row("b"), row("c")])
    common.write_json(tmp_path / "machine.json", {"parts": {"pressure": {"seconds": 600, "quick": False}}})
    monkeypatch.setattr(pressure, "run", interrupted_after([row("b", 1.0), row("new", 1.0)], KeyboardInterrupt()))
    assert run.main(["pressure", "--out", str(out)]) == 130
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "1 part: pressure; about 10 min, as the last time"
    (first, second) = [line for line in said if " something" in line]
    assert re.fullmatch(r"  \d\d:\d\d:\d\d something, about 10 min left", first)
    assert second.endswith("something else, about 10 min left")
    between = said[said.index(first) + 1 : said.index(second)]
    assert between == [f"    {n}, 64x32, batch 1: 1 ms, peer 3 ms: 3x" for n in ("b", "new")]
    assert said[-1] == f"pressure: interrupted; 2 rows are kept in {out}"
    rows = json.loads(out.read_text())
    names = [(r["part"], r["name"], r["median_ms"]) for r in rows]
    kept = [("pressure", "a", 2.0), ("pressure", "b", 1.0), ("pressure", "c", 2.0), ("pressure", "new", 1.0)]
    assert names == [("step", "other part", 2.0), *kept] and list(rows[1]) == [*KEYS, "part"]


def test_rows_of_a_part_that_fails_are_kept_and_the_last_time_is_not_known_for_another_effort(
    tmp_path, monkeypatch, capsys
):
    out = tmp_path / "results.json"
    monkeypatch.setattr(pressure, "run", interrupted_after([row("a")], RuntimeError("no more")))
    common.write_json(tmp_path / "machine.json", {"parts": {"pressure": {"seconds": 600, "quick": True}}})
    assert run.main(["pressure", "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert "left" not in said.out and "no more" in said.err
    assert [r["name"] for r in json.loads(out.read_text())] == ["a"]


def test_unknown_part(capsys):
    with pytest.raises(SystemExit):
        run.main(["pressures"])
    assert "unknown part 'pressures'" in capsys.readouterr().err


def test_methods_are_averaged_over_seeds_and_those_that_blow_up_are_said(tmp_path):
    solvers: dict = {"SRC": {"mae": {"50": 0.1, "500": 0.2}}}
    for name in methods.METHODS:
        for kind in ("steps",) if name == "SOL" else ("steps", "time"):
            for seed in range(2):
                run_name = f"{name.lower()}_{kind}_seed{seed}"
                (tmp_path / run_name).mkdir()
                (tmp_path / run_name / "log.csv").write_text(f"step,seconds\n50,1\n100,{60 * (seed + 1)}\n")
                late = {} if name == "PURE" and seed else {"500": 0.03 + 0.01 * seed}
                solvers[run_name] = {"mae": {"50": 0.01} | late, "blow_ups": int(not late)}
    rows = methods.rows_of(solvers, tmp_path, 2)
    assert rows[0] == {"method": "SRC", "limit": "", "up to t = 50": 0.1, "up to t = 500": 0.2}
    assert [(r["method"], r["limit"]) for r in rows[1:]] == [
        (m, f"equal {limit}") for limit in ("iterations", "time") for m in methods.METHODS
    ]
    sol, pure = rows[4], rows[6]
    assert sol["iterations"] == 100 and sol["minutes"] == 1.5
    assert sol["up to t = 50"] == "0.0100 ± 0.0000" and sol["up to t = 500"] == "0.0350 ± 0.0071"
    assert pure["up to t = 500"] == "blows up in 1 of 2" and pure["blow_ups"] == 1


def test_families_are_averaged_and_a_pinn_outside_is_the_one_trained_there(tmp_path):
    def entry(error, **later):
        return {"mae": {"4": error} | later, "ms_per_time": 2.0, "blow_ups": 0, "mae_per_parameter": [error, 2 * error]}

    parts = {n: {"SRC": entry(0.2, **({"12": 0.3} if n == "longer" else {}))} for n in ("inside", "longer", "outside")}
    parts["inside"] |= {"SRC-2x": entry(0.05), "REF": {"ms_per_time": 9.0}}
    for k, name in enumerate(families.FAMILIES):
        for seed in range(2):
            for part in parts:
                run = families.runs_of(name, tmp_path, 2, part)[seed]
                later = {"12": None} if (name, part) == ("PURE", "longer") else {"12": 0.4} if part == "longer" else {}
                parts[part][run.name] = entry(0.01 * (k + 1 + seed), **later)
                parts[part][run.name] |= {"error_at_equal_cost_of": "SRC-2x"} if part == "inside" else {}
                run.mkdir(exist_ok=True)
                (run / "log.csv").write_text(f"step,seconds\n{100 * (seed + 1)},60\n")
    strange = [{"viscosity": 0.1}, {"viscosity": 0.2}]
    results = {n: {"solvers": s, "parameters": strange} for n, s in parts.items()}
    assert "pinn_outside_seed1" in parts["outside"] and "pinn_seed1" not in parts["outside"]
    rows = families.rows_of(results, tmp_path, 2)
    assert [r["family"] for r in rows] == ["SRC", "plain, SRC-2x", "SOL", "PURE", "NODE", "PINN", "REF"]
    assert rows[1] == {"family": "plain, SRC-2x", "up to t = 4": "0.0500", "ms per unit of time": 2.0}
    assert rows[2]["up to t = 4"] == "0.0150 ± 0.0071" and rows[2]["viscosity 0.2"] == "0.0300 ± 0.0141"
    assert rows[2]["iterations"] == 150 and rows[2]["training minutes"] == 1
    assert rows[3]["up to t = 12"] == "blows up in 2 of 2" and rows[-1]["ms per unit of time"] == 9
