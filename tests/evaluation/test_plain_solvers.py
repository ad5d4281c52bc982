"""Plain numerics: which there are, where they start, and where they land on frames."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import (
    Dataset,
    Experiment,
    Flow,
    ForcedAdvection,
    Generator,
    InputError,
    SolverPair,
    WakeFlow,
    evaluate,
)
from phi_sol.evaluation.baselines import Starts, plain_solvers
from phi_sol.evaluation.measures import Measures
from phi_sol.evaluation.records import landing, run_solver
from phi_sol.evaluation.trial import mae_record, trial_errors
from phi_sol.solvers.time_step import WithTimeStep

WAVES = dict(seed=(100, 101), viscosity=(0.1,), amplitude=(0.15,))


def waves(**options) -> Experiment:
    own = dict(train=dict(WAVES, seed=(1,)), test=WAVES, warmup=1, frames=4, options=dict(dt=0.2)) | options
    return Experiment("waves", ForcedAdvection, dict(y=8, x=8), **own)


@pytest.fixture(scope="module")
def long_steps(tmp_path_factory):
    """A source whose steps are four of the reference, which has a scheme of its own; and its test data."""
    experiment = waves(time_ratio=4, reference_options=dict(advection="mac_cormack"))
    folder = tmp_path_factory.mktemp("waves")
    Generator(experiment, "test", folder / "test").run()
    return experiment, Dataset.load(experiment.pair, folder, "test")


def lookups(names) -> set[str]:
    """Names without those of schemes of fluxes."""
    return {n for n in names if "central" not in n and "van_leer" not in n}


def test_schemes_grids_and_time_steps(long_steps):
    """dt = 0.2 of the source, 0.05 of the reference: halves down to it, and twice and four times as long ones."""
    experiment, data = long_steps
    known = plain_solvers(experiment, data.simulations, 4)
    grids, steps = ("", "-2x"), ("", "-dt0.05", "-dt0.1", "-dt0.4", "-dt0.8")
    expected = {f"SRC{g}{s}{d}" for g in (*grids, "-4x") for s in ("", "-MC") for d in steps} - {"SRC"}
    expected -= {f"SRC-4x-MC{d}" for d in steps}  # which are the reference, with its own scheme,
    expected |= {f"REF-dt{d}" for d in ("0.1", "0.2", "0.4", "0.8")}  # and another time step
    assert lookups(known) == expected
    facts = known["SRC-2x-MC-dt0.4"].facts
    assert facts == {"factor": 2, "advection": "mac_cormack", "dt": 0.4}
    assert known["REF-dt0.1"].solver.flow is experiment.pair.reference
    assert known["SRC-4x"].solver.flow.advection == "semi_lagrangian"
    assert [n for n, p in known.items() if p.named] == ["SRC-MC", "SRC-2x"]


def test_schemes_may_be_chosen(long_steps):
    experiment, data = long_steps
    known, all_of_them = (plain_solvers(experiment, data.simulations, 4, s) for s in (["mac_cormack"], None))
    assert set(known) == {n for n, p in all_of_them.items() if p.advection == "mac_cormack"}
    with pytest.raises(InputError, match="Unknown advection scheme 'upwind' in schemes. Known: semi_lagrangian, mac_"):
        plain_solvers(experiment, data.simulations, 4, ["upwind"])
    with pytest.raises(InputError, match="give numerics=False"):
        plain_solvers(experiment, data.simulations, 4, [])


def test_schemes_of_fluxes_with_the_time_steps_that_are_stable(long_steps):
    """At the flow's speed limit of 6.85 and cells of 4, 2, 1: dt <= 1.73 h / 6.85, with van Leer's limiter h / 6.85."""
    experiment, data = long_steps
    known = plain_solvers(experiment, data.simulations, 4)
    longest = {
        (scheme, factor): max(p.solver.dt for p in known.values() if (p.advection, p.factor) == (scheme, factor))
        for scheme in ("central", "van_leer")
        for factor in (1, 2, 4)
    }
    assert longest == pytest.approx({
        ("central", 1): 0.8, ("central", 2): 0.4, ("central", 4): 0.2,
        ("van_leer", 1): 0.4, ("van_leer", 2): 0.2, ("van_leer", 4): 0.1,
    })  # fmt: skip
    assert not any(p.named for p in known.values() if p.advection in ("central", "van_leer"))


def test_loops_are_shared_by_all_time_steps_of_a_grid_and_scheme(long_steps):
    experiment, data = long_steps
    known = plain_solvers(experiment, data.simulations, 4)
    loops = {id(p.solver.loop) for p in known.values()} | {id(experiment.pair.source.loop)}
    assert len(loops) == 12 and known["SRC-dt0.4"].solver.loop is experiment.pair.source.loop


def test_none_is_longer_than_the_rollout_and_none_is_unstable(long_steps):
    """ν dt (1/dx² + 1/dy²) <= 1/2 with ν = 5 and 16x16 cells of 2: dt <= 0.2; with 8x8 cells of 4: dt <= 0.8."""
    experiment, data = long_steps
    assert not [n for n in plain_solvers(experiment, data.simulations, 3) if n.endswith("dt0.8")]
    viscous = [d | {"viscosity": 5.0} for d in data.simulations]
    known = plain_solvers(experiment, viscous, 4)
    twice = {n for n in lookups(known) if n.startswith("SRC-2x") and "MC" not in n}
    assert twice == {"SRC-2x-dt0.05", "SRC-2x-dt0.1", "SRC-2x"}
    assert {"SRC-dt0.4", "SRC-dt0.8"} <= set(known) and "SRC-4x-dt0.1" not in known


def test_second_order_sources_are_compared_with_first_order_ones():
    known = plain_solvers(waves(options=dict(advection="mac_cormack", dt=0.1)), [], 1)
    assert {"SRC-SL", "SRC-2x", "SRC-2x-SL", "SRC-4x-SL"} == lookups(known)
    assert [n for n, p in known.items() if p.named] == ["SRC-2x"]


def test_no_scheme_without_a_velocity_and_no_time_step_below_the_reference(tiny):
    class Heat(Flow):
        fields, staggered, incompressible, size = ("temperature",), (), False, {"y": 1.0, "x": 1.0}
        boundaries = initial_state = physics = None

    heat = Experiment("heat", Heat, dict(y=8, x=8), ratio=6)
    names = set(plain_solvers(heat, [], 8))
    assert names == {f"SRC-{f}x{d}" for f in (2, 3) for d in ("", "-dt2", "-dt4")} | {
        *("SRC-dt2", "SRC-dt4", "REF-dt2", "REF-dt4")
    }
    pair = SolverPair(WakeFlow, dict(y=16, x=8), 1, time_ratio=3)
    assert pair.fine.dt == pytest.approx(1.0)
    assert lookups(plain_solvers(tiny, tiny.simulations("test"), 1)) == {"SRC-MC", "SRC-2x-MC"}


def test_starts_are_the_restricted_reference(long_steps):
    experiment, data = long_steps
    known, starts = plain_solvers(experiment, data.simulations, 4), Starts(data)
    fine = data.reference_frame(1, 0)["velocity.y"]  # one layer of faces per cell: the flow is periodic
    np.testing.assert_array_equal(starts.of(known["REF-dt0.2"].solver)["velocity.y"][1], fine)
    half = fine[::2].reshape(16, 16, 2).mean(2)
    np.testing.assert_allclose(starts.of(known["SRC-2x-MC"].solver)["velocity.y"][1], half, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(starts.of(known["SRC-MC"].solver)["velocity.y"], data.frame(0)["velocity.y"])
    coarse = half[::2].reshape(8, 8, 2).mean(2)
    np.testing.assert_allclose(data.frame(0)["velocity.y"][1], coarse, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name, steps, every", [("SRC-dt0.05", 4, 1), ("SRC-2x-dt0.4", 1, 2), ("SRC", 1, 1)])
def test_errors_where_steps_land_on_frames(long_steps, name, steps, every):
    """Stepped one by one with the flow's own compiled step, both ways of measuring agree with it."""
    experiment, data = long_steps
    plain = plain_solvers(experiment, data.simulations, 4)
    solver = experiment.pair.source if name == "SRC" else plain[name].solver
    assert landing(solver, 0.2) == (steps, every)
    measures, starts = Measures(data, 4), Starts(data)
    full = run_solver(solver, data, 4, [2, 3], measures=measures, start=starts.of(solver), timed=False)
    alone = mae_record(solver, measures, starts)
    arrays = {n: tf.constant(a) for n, a in starts.of(solver).items()}
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    for frame in range(every, 5, every):
        for _ in range(steps):
            arrays = solver.flow.compiled(arrays, parameters, tf.constant(solver.dt))
        errors = []
        for c, axis in (("y", 2), ("x", 1)):
            values = arrays[f"velocity.{c}"].numpy()
            if values.shape[1] == 16:
                values = np.take(values, range(0, 16, 2), 3 - axis)
                values = values.reshape(2, 8, 8, 2).mean(3) if axis == 2 else values.reshape(2, 8, 2, 8).mean(2)
            errors.append(np.abs(values - data.arrays[f"velocity.{c}"][:, frame]).mean((1, 2)))
        for found in (full, alone):
            np.testing.assert_allclose(found.mae[frame // every - 1], np.mean(errors, 0), rtol=2e-4)
    assert len(full.mae) == len(alone.mae) == 4 // every and full.every == every
    assert set(full.kept) == ({2} if every == 2 else {2, 3})
    assert full.mean(4) == pytest.approx(full.mae.mean()) and full.mean(2) == pytest.approx(
        full.mae[: 2 // every].mean()
    )


def test_reference_with_its_own_step_has_no_error(long_steps):
    experiment, data = long_steps
    solver = plain_solvers(experiment, data.simulations, 4)["REF-dt0.1"].solver.solver
    alone = mae_record(solver, Measures(data, 4), Starts(data))
    assert (alone.mae < 1e-6).all() and not alone.is_full


def test_errors_of_the_short_run_are_those_of_one_simulation_at_shared_times(long_steps):
    experiment, data = long_steps
    known = plain_solvers(experiment, data.simulations, 4)
    solvers = {"SRC": experiment.pair.source, "long": known["SRC-dt0.4"].solver}
    measures, starts = Measures(data, 4), Starts(data)
    found = trial_errors(solvers, dict.fromkeys(solvers, 1.0), measures, starts)
    mae = mae_record(solvers["SRC"], measures, starts).mae[:, 1]
    assert found["SRC"] == pytest.approx((mae[1] + mae[3]) / 2)
    short = trial_errors(solvers, dict.fromkeys(solvers, 1e9), measures, starts)  # as dear as can be: once
    assert short["SRC"] == pytest.approx(mae[1])
    bad = WithTimeStep(known["SRC-dt0.4"].solver.solver, 0.2)
    bad.__dict__["solver"] = type("Exploding", (), {"loop": Exploding(), "keep": None, "begin": dict})()
    assert trial_errors({"bad": bad}, {"bad": 1.0}, measures, starts) == {"bad": None}


class Exploding:
    def steps(self, arrays, parameters, dt, steps):
        return {n: a * np.float32(1e9) for n, a in arrays.items()}

    def kept(self, arrays, parameters):
        return arrays


def test_an_evaluation_in_units_of_time(long_steps, tmp_path):
    """Of long source steps, with a solver of one's own whose steps are still longer; its pictures are made, too."""
    experiment, data = long_steps
    own = {"own": WithTimeStep(experiment.pair.source, 0.4), "short": WithTimeStep(experiment.pair.source, 0.05)}
    found = evaluate(experiment, own, data.folders[0].parent, tmp_path / "out", numerics=False)
    results, solvers = found.results, found.results["solvers"]
    assert results["dt"] == 0.2 and results["time_ratio"] == 4 and results["frames"] == 4
    assert list(solvers["SRC"]["mae"]) == ["0.8"] == list(solvers["own"]["mae"]) == list(solvers["short"]["mae"])
    assert solvers["REF"]["dt"] == pytest.approx(0.05)
    for entry in solvers.values():
        assert entry["ms_per_time"] == pytest.approx(entry["ms_per_step"] / entry["dt"])
    errors = found.runs["SRC"].mae.mean(1)
    every = results["compared_every"]
    assert every == 2 and solvers["SRC"]["mae_shared"] == pytest.approx(errors[every - 1 :: every].mean())
    alone = mae_record(own["own"], Measures(data, 4), Starts(data))
    assert solvers["own"]["mae"]["0.8"] == pytest.approx(alone.mae.mean(), rel=1e-4)
    assert "over_time" in solvers["short"] and "over_time" not in solvers["own"] and "speedup" in solvers["own"]
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"cost.png", "error_curves.png", "fields.png", "film.gif", "report.html"} <= names
    text = (tmp_path / "out" / "report.md").read_text()
    assert "evaluation over 0.8 units of time" in text and "| t ≤ 0.8 |" in text and "- own: velocity MAE" in text
    with pytest.raises(InputError, match="own has a state every 2 frames only: compare at least so many, not 1"):
        evaluate(experiment, own, data.folders[0].parent, frames=1)
    odd = {"odd": WithTimeStep(experiment.pair.source, 0.2 * 0.7310585)}
    with pytest.raises(InputError, match="odd: .*its steps of 0.146212 miss them"):
        evaluate(experiment, odd, data.folders[0].parent)
    with pytest.raises(InputError, match="'REF-dt4' means something else"):
        evaluate(experiment, {"REF-dt4": own["own"]}, data.folders[0].parent)


def test_steps_that_miss_the_frames_are_refused(long_steps):
    experiment, data = long_steps
    odd = WithTimeStep(experiment.pair.source, 0.2 * 0.7310585)
    with pytest.raises(InputError, match=r"its steps of 0.146212 miss them"):
        run_solver(odd, data, 4, [])
    assert landing(WithTimeStep(experiment.pair.source, 0.3), 0.2) == (2, 3)
    with pytest.raises(InputError, match="takes 8 frames in 1 steps, but only 4"):
        run_solver(WithTimeStep(experiment.pair.source, 1.6), data, 4, [])
