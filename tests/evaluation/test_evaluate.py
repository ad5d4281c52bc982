"""Evaluation: rollouts, results, what is refused, and what blows up."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import (
    Corrector,
    Dataset,
    Experiment,
    ForcedAdvection,
    Generator,
    HybridSolver,
    InputError,
    MissingError,
    Solver,
    evaluate,
    metrics,
)
from phi_sol.evaluation.baselines import Starts, plain_solvers
from phi_sol.evaluation.groups import Group, group_runs, trained_alike
from phi_sol.evaluation.illustrate import kept_frames, write_pictures
from phi_sol.evaluation.measures import Measures
from phi_sol.evaluation.records import Record, run_solver
from phi_sol.evaluation.report import facts
from phi_sol.evaluation.results import add_costs, group_results, reference_results, solver_results
from phi_sol.evaluation.verdicts import verdicts
from phi_sol.storage.dataset import find_simulations
from phi_sol.storage.files import read_json, write_json


@pytest.fixture(scope="module")
def test_set(tiny, tiny_data):
    return Dataset(tiny.pair, find_simulations(tiny_data, "test"))


def test_rollout_errors_by_hand(tiny, test_set):
    run = run_solver(tiny.pair.source, test_set, 5, [2, 5])
    arrays = {n: tf.constant(a) for n, a in test_set.frame(0).items()}
    parameters = {"reynolds": tf.constant([300.0])}
    for i in range(1, 6):
        arrays = tiny.pair.source.compiled(arrays, parameters, tf.constant(1.0))
        errors = [np.abs(arrays[n][0] - test_set.arrays[n][0, i]).mean() for n in ("velocity.y", "velocity.x")]
        assert run.mae[i - 1, 0] == pytest.approx(np.mean(errors), rel=1e-4)
    assert run.mae[4, 0] > run.mae[0, 0] > 0
    np.testing.assert_array_equal(run.kept[5]["velocity.x"], arrays["velocity.x"])
    assert set(run.kept) == {2, 5} and run.blow_ups == 0 and run.ms_per_step > 0
    assert run.mean(5) == pytest.approx(run.mae[:5].mean())


class Exploding(Solver):
    """A solver whose velocity grows by a factor of 5 in every step."""

    def __init__(self, flow):
        self.flow, self.dt = flow, flow.dt

    def advance(self, arrays, parameters, dt):
        return {n: 5 * a for n, a in arrays.items()}


def test_blow_ups_are_counted_and_never_averaged_away(tiny, test_set, tmp_path):
    """In step 3, with 125 times the velocity; all measures end there, and the pictures are made all the same."""
    measures = Measures(test_set, 5, ("velocity", "marker"))
    run = run_solver(Exploding(tiny.pair.source), test_set, 5, kept_frames(5), measures=measures, timed=False)
    assert run.blow_ups == 1 and run.blew_up_at == [3] and run.mean(5) is None and run.mean_per_simulation(5) == [None]
    assert np.isfinite(run.mae[:2]).all() and run.mean(2) > 1
    for name, values in run.series.items():
        assert np.isfinite(values[:2]).all() and np.isnan(values[2:]).all(), name
    entry = solver_results(run, 5, 1.0, measures)
    assert (
        entry["mae"] == {"5": None}
        and entry["blow_ups"] == 1
        and entry["vorticity_correlation"]["time_to_0.8"]["per_parameter"] == [3.0 - 1]
    )
    assert entry["spectral_error"] is entry["wake"]["drag_error"] is entry["fields"]["marker"]["mae"] is None
    assert entry["over_time"]["mae"][2:] == [None] * 3 and entry["over_time"]["mae"][1] == pytest.approx(
        run.mae[1, 0], rel=1e-5
    )
    json.dumps(entry, allow_nan=False)
    source = run_solver(tiny.pair.source, test_set, 5, kept_frames(5), measures=measures, timed=False)
    source.ms_per_step = run.ms_per_step = 1.0
    groups = [Group("SRC", {"SRC": source}), Group("bad", {"bad": run}, "sol", 2)]
    assert group_results(groups, 5, 1.0)["bad"]["mean"] is None
    entries = {"SRC": solver_results(source, 5, 1.0, measures), "bad": entry, "REF": reference_results(measures, 2.0)}
    results = {"scene": "tiny", "frames": 5, "dt": 1.0, "solvers": entries, "numerics": None, "groups": {}}
    results |= {"parameters": [{}], "correctors": {"bad": {}}}
    add_costs(results, {"SRC": source, "bad": run})
    assert entry["speedup"] is entry["mae_shared"] is None and entry["error_at_equal_cost_of"] == "SRC"
    assert verdicts(results) == ["bad blew up in 1 of 1 rollouts."]
    files = write_pictures(groups, measures, results, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f.name for f in files) and "marker.png" in {
        f.name for f in files
    }


def test_a_corrector_that_blows_up_at_once(tiny, tiny_run, test_set):
    corrector = Corrector.load(tiny_run)
    corrector.network.layers[-1].bias.assign([1e9, 0.0])
    run = run_solver(HybridSolver(tiny.pair.source, corrector), test_set, 6, [], timed=False)
    assert run.blew_up_at == [1] and run.mean(6) is None


def test_measures_of_the_reference_and_of_a_solver(tiny, test_set):
    """Blocks of frames give what one frame gives; the reference is what it is compared with."""
    measures = Measures(test_set, 12)
    run = run_solver(tiny.pair.source, test_set, 12, [7], measures=measures, timed=False)
    flow, seven = tiny.pair.source, test_set.frame(7)
    assert run.series["kinetic_energy"].shape == (12, 1)
    assert measures.reference["kinetic_energy"][6] == pytest.approx(metrics.kinetic_energy(flow, seven))
    assert measures.reference["drag"][6] == pytest.approx(
        metrics.force(flow, seven, np.array([1 / 30]))["y"] / 10
    )  # ½ U² D
    assert run.series["correlation"][6] == pytest.approx(metrics.vorticity_correlation(flow, run.kept[7], seven))
    assert run.series["relative_l2"][6] == pytest.approx(metrics.relative_l2(run.kept[7], seven, measures.compared))
    assert (run.series["divergence"] < 1e-5).all()
    perfect = measures.block(measures.recorded(1, 12), measures.recorded(1, 12))
    assert (perfect["mae"] == 0).all() and perfect["correlation"] == pytest.approx(1)
    entry = solver_results(Record(perfect["mae"], {}, 1.0, perfect), 12, 1.0, measures)
    assert entry["spectral_error"] == entry["kinetic_energy_error"] == entry["wake"]["mean_profile_error"] == 0
    assert entry["vorticity_correlation"]["time_to_0.95"] == {
        "mean": 12.0,
        "per_parameter": [None],
        "reached_the_end": 1,
    }


def test_the_source_on_a_finer_grid(tmp_path):
    """It starts from the restricted reference, and what is compared is its restriction."""
    seeds = dict(seed=(100, 101), viscosity=(0.1,), amplitude=(0.15,))
    experiment = Experiment(
        "waves", ForcedAdvection, dict(y=8, x=8), train=dict(seeds, seed=(1,)), test=seeds, warmup=0, frames=2
    )
    Generator(experiment, "test", tmp_path / "test").run()
    data = Dataset.load(experiment.pair, tmp_path, "test")
    known = plain_solvers(experiment, data.simulations, 2)
    assert [n for n, p in known.items() if p.named] == ["SRC-MC", "SRC-2x"]
    assert known["SRC-MC"].solver.flow.advection == "mac_cormack"
    finer = known["SRC-2x"].solver
    assert finer.flow.resolution == {"y": 16, "x": 16}
    start, fine = Starts(data).of(finer), data.reference_frame(1, 0)["velocity.y"]
    np.testing.assert_allclose(start["velocity.y"][1], fine[::2].reshape(16, 16, 2).mean(2), rtol=1e-5, atol=1e-6)
    run = run_solver(finer, data, 2, [1], start=start, timed=False)
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    stepped = finer.flow.compiled({n: tf.constant(a) for n, a in start.items()}, parameters, tf.constant(0.1))[
        "velocity.x"
    ].numpy()
    np.testing.assert_allclose(
        run.kept[1]["velocity.x"], stepped[:, :, ::2].reshape(2, 8, 2, 8).mean(2), rtol=1e-5, atol=1e-6
    )


def test_no_finer_grid_between_source_and_reference(tiny):
    known = plain_solvers(tiny, tiny.simulations("test"), 12)
    assert [n for n, p in known.items() if p.named] == ["SRC-MC"]  # ratio 2


def test_results(tiny_evaluation, tiny_data, tiny_run):
    out = tiny_evaluation.files[0].parent
    content = read_json(out / "results.json")
    assert content == tiny_evaluation.results
    assert content["scene"] == "tiny" and content["frames"] == 10 and content["parameters"] == [{"reynolds": 300.0}]
    names, numerics = list(content["solvers"]), list(content["numerics"])
    assert names == ["SRC", *numerics, "sol_seed0", "sol_seed1", "REF"] and numerics[0] == "SRC-MC"
    assert content["command"] == "made by a test" and content["dt"] == 1 and content["time_ratio"] == 1
    for name in ("SRC", "SRC-MC", "sol_seed0"):
        entry = content["solvers"][name]
        assert entry["mae"]["10"] == pytest.approx(entry["mae_per_parameter"][0]) and entry["blow_ups"] == 0
        components = [entry["fields"][f"velocity.{d}"]["mae"] for d in "yx"]
        assert entry["mae"]["10"] == pytest.approx(np.mean(components)) and entry["wake"]["strouhal"] == [
            None
        ]  # less than three periods
    for name in names:
        entry = content["solvers"][name]
        assert entry["ms_per_time"] == pytest.approx(entry["ms_per_step"] / entry["dt"]) and entry["ms_per_time"] > 0
        assert ("speedup" in entry) == name.startswith("sol"), name
    assert {e["solver"] for e in content["envelope"]} <= {"SRC", *numerics}
    assert content["solvers"]["REF"]["ms_per_step"] > 0 and content["solvers"]["REF"]["wake"]["drag"][0] > 0
    group = content["groups"]["sol"]
    assert group["runs"] == ["sol_seed0", "sol_seed1"] and group["std"] == pytest.approx(0, abs=1e-9)
    assert [c["seed"] for c in content["correctors"].values()] == [0, 1] and content["paper"] is None
    assert len(content["data"]["sha256"]) == 64 and content["grids"].keys() == {"SRC", "REF", *numerics}
    assert content["grids"]["SRC-MC"] == {"y": 24, "x": 12} and content["grids"]["REF"] == {"y": 48, "x": 24}
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in tiny_evaluation.files)


def test_groups():
    """Deviations are those of a sample, over runs that differ in the seed only."""
    runs = {
        n: Record(np.full((4, 2), v), {}, 1.0)
        for n, v in {"SRC": 9.0, "a_seed0": 1.0, "a_seed1": 2.0, "b": 3.0}.items()
    }
    facts = {"method": "sol", "unroll": 4, "network": "small", "data": ["x"]}
    descriptions = {"a_seed0": facts | {"seed": 0}, "a_seed1": facts | {"seed": 1}, "b": facts | {"unroll": 8}}
    groups = group_runs(runs, descriptions)
    assert [(g.label, list(g.runs)) for g in groups] == [("SRC", ["SRC"]), ("a", ["a_seed0", "a_seed1"]), ("b", ["b"])]
    assert groups[1].statistics(4) == (1.5, pytest.approx(np.sqrt(0.5))) and groups[2].statistics(4) == (3.0, None)
    assert list(group_results(groups, 4, 1.0)) == ["a", "b"]


def test_two_correctors_of_one_training_are_no_seeds():
    """The best and the last one of each of two seeds: two groups; the same one twice: each alone."""
    best, last = ({"method": "sol", "chosen": {"kind": k}} for k in ("best on validation", "last"))
    facts = {f"{n}_seed{s}": d | {"seed": s} for s in (0, 1) for n, d in (("best", best), ("last", last))}
    assert trained_alike(facts, facts) == {"best": ["best_seed0", "best_seed1"], "last": ["last_seed0", "last_seed1"]}
    twice = {"a": best | {"seed": 0}, "b": best | {"seed": 0}}
    assert trained_alike(twice, twice) == {"a": ["a"], "b": ["b"]}


@pytest.mark.slow
def test_without_a_run_and_in_memory(tiny, tiny_run, tiny_data, few_numerics):
    """SRC and the numerics alone; then a corrector and a solver that are in no folder. Nothing is written."""
    alone = evaluate(tiny, [], tiny_data, frames=3)
    assert list(alone.results["solvers"])[:2] == ["SRC", "SRC-MC"] and alone.files == []
    source, advice = verdicts(alone.results)
    assert source.startswith("SRC: velocity MAE") and "over 3 units of time" in source
    assert advice == "No corrector was evaluated: train one with 'phi-sol train tiny'."
    corrector = Corrector.load(tiny_run)
    own = {"mine": corrector, "solver": HybridSolver(tiny.pair.source, corrector), "folder": tiny_run}
    solvers = evaluate(tiny, own, tiny_data, frames=3, numerics=False).results["solvers"]
    assert list(solvers) == ["SRC", "mine", "solver", "folder", "REF"]
    assert solvers["mine"]["mae"] == solvers["solver"]["mae"] == solvers["folder"]["mae"]
    with pytest.raises(InputError, match="'SRC-2x' means something else in an evaluation"):
        evaluate(tiny, {"SRC-2x": corrector}, tiny_data, frames=3)
    with pytest.raises(InputError, match="other: rollouts of .* are not on the source grid of tiny"):
        evaluate(tiny, {"other": tiny.pair.reference}, tiny_data, frames=3)


def test_networks_in_16_bits(tiny, tiny_run, tiny_data, tiny_evaluation):
    """The option of an evaluation does what is done by hand; nearly the same rollout, and the results say so."""
    low = Corrector.load(tiny_run).in_precision("mixed_bfloat16")
    own = {"low": low, "solver": HybridSolver(tiny.pair.source, low)}
    results = evaluate(tiny, own, tiny_data, frames=3, numerics=False).results
    chosen = evaluate(tiny, [tiny_run], tiny_data, frames=3, numerics=False, precision="mixed_bfloat16").results
    by_hand, low = (results["solvers"][n]["mae"]["3"] for n in own)
    exact = tiny_evaluation.runs["sol_seed0"].mean(3)  # of the same weights
    name = tiny_run.name
    assert chosen["solvers"][name]["mae"]["3"] == by_hand == low
    assert 0 < abs(by_hand - exact) < 0.01 * exact
    assert chosen["correctors"][name]["precision"] == "mixed_bfloat16"
    assert ("Precision of networks", f"{name} mixed_bfloat16") in facts(chosen)
    assert not any(n == "Precision of networks" for n, _ in facts(tiny_evaluation.results))
    with pytest.raises(InputError, match=r"Unknown precision 'bfloat16'. Did you mean 'mixed_bfloat16'\?"):
        evaluate(tiny, [], tiny_data, precision="bfloat16")
    with pytest.raises(InputError, match="solver is a solver: choose the precision where you make it"):
        evaluate(tiny, own, tiny_data, precision="mixed_bfloat16", frames=1)


def test_refused(tiny, tiny_run, tiny_data, tmp_path):
    with pytest.raises(InputError, match="13 frames are asked for"):
        evaluate(tiny, [tiny_run], tiny_data, tmp_path / "out", frames=13)
    with pytest.raises(InputError, match="at least 1"):
        evaluate(tiny, [tiny_run], tiny_data, tmp_path / "out", frames=0)
    with pytest.raises(InputError, match=r"corrector was trained on \(sim_000000, sim_000001\)"):
        evaluate(tiny, [tiny_run], tiny_data / "train", tmp_path / "out")
    (tmp_path / "empty" / "test").mkdir(parents=True)
    with pytest.raises(MissingError, match="There are no simulations"):
        evaluate(tiny, [tiny_run], tmp_path / "empty", tmp_path / "out")
    shutil.copytree(tiny_data / "test", tmp_path / "damaged")
    frame = tmp_path / "damaged" / "sim_000000" / "velocity_000004.npz"
    frame.write_bytes(frame.read_bytes()[:200])
    with pytest.raises(InputError, match="velocity_000004.npz is damaged"):
        evaluate(tiny, [tiny_run], tmp_path / "damaged", tmp_path / "out")
    frame.unlink()
    with pytest.raises(MissingError, match="velocity_000004.npz is missing"):
        evaluate(tiny, [tiny_run], tmp_path / "damaged", tmp_path / "out")
    shutil.copytree(tiny_run, tmp_path / "other")
    description = read_json(tiny_run / "corrector.json")
    description["flow"]["radius"] = 12.0
    write_json(tmp_path / "other" / "corrector.json", description)
    with pytest.raises(
        InputError, match="other: The corrector was trained for another flow: radius is 12.0 instead of 10.0"
    ):
        evaluate(tiny, [tmp_path / "other"], tiny_data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file is a file, not a folder"):
        evaluate(tiny, [tiny_run], tiny_data, tmp_path / "file" / "out")
