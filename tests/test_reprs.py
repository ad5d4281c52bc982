"""What objects say of themselves in a few words, and in notebooks."""

import numpy as np
import pytest
from phi import math
from phi.math import batch

from phi_sol import Correction, Corrector, Generator, HybridSolver, Plan, Trainer, WakeFlow, curriculum, load_experiment


def test_states_and_rollouts():
    flow = WakeFlow(y=16, x=8)
    one, several = flow.initial_state(reynolds=100.0), flow.initial_state(reynolds=[100.0, 400.0])
    assert repr(one) == "State(velocity staggered 16x8, marker 16x8, reynolds=100)"
    assert repr(several) == "State(velocity staggered 16x8, marker 16x8, reynolds=..., batch=2)"
    shown = several._repr_html_()
    assert "<td>reynolds</td><td></td><td>250</td><td>100</td><td>400</td>" in shown
    speed = several.velocity.values
    least, greatest = (float(f(speed, lambda s: s)) for f in (math.min, math.max))
    assert f"<td>{least:.4g}</td><td>{greatest:.4g}</td>" in shown and "batch" in shown
    frames = flow.rollout(one, 2)
    assert frames.last._repr_html_() in frames._repr_html_() and "Rollout(2 frames" in frames._repr_html_()
    assert "no frames" in frames[2:]._repr_html_()
    assert repr(flow.layouts["velocity"]) == "Layout(velocity, staggered, y=16, x=8)"
    no_values = one.with_fields(marker=one.marker.with_values(math.zeros(batch(batch=2)) + one.marker.values))
    assert "batch=2" in repr(no_values)


def test_data_runs_and_what_is_trained(tiny, tiny_data, tiny_train, tiny_run, tmp_path):
    assert repr(tiny).startswith("Experiment('tiny': WakeFlow(y=") and "test simulations of 12 frames" in repr(tiny)
    assert repr(load_experiment("poisson_2d")).startswith("PoissonExperiment('poisson_2d': SmokeBox(")
    generator = Generator(tiny, "test", tiny_data / "test")
    assert (
        repr(generator) == f"Generator(tiny test: {len(generator.jobs)} simulations of 12 frames, in {tiny_data}/test)"
    )
    assert f"{len(tiny_train)} simulations of 12 frames, reynolds " in repr(tiny_train)
    assert repr(tiny_train).endswith(f"MB, in {tiny_data}/train)")
    corrector = Corrector.load(tiny_run)
    assert repr(corrector).startswith(f"Corrector(small, {corrector.network.count_params()} parameters, of velocity ")
    hybrid = HybridSolver(tiny.pair.source, corrector)
    assert repr(hybrid) == f"HybridSolver({tiny.pair.source}, {corrector})" and " at 0x" not in repr(hybrid)
    trainer = Trainer(
        Correction(tiny_train, "sol", "small"),
        Plan(curriculum(2), batch=2, learning_rate=1e-3, steps=7),
        tmp_path / "run",
    )
    assert repr(trainer).endswith(f", in {tmp_path}/run, iteration 0, 0 % done)")
    assert repr(trainer.task) == f"Correction(sol, of velocity, on {tiny_train})"


def test_evaluations_are_short_and_tables_in_notebooks(tiny_evaluation):
    shown = repr(tiny_evaluation)
    assert shown.startswith("Evaluation(scene='tiny', task='correction', frames=10: SRC, ") and len(shown) < 400
    for record in tiny_evaluation.runs.values():
        assert len(repr(record)) < 100 and f"{np.nanmean(record.mae):.4f}" in repr(record)
    tables = tiny_evaluation.tables
    assert tables and all(cell in tiny_evaluation._repr_html_() for t in tables for cell in t.columns[:1])
    assert tiny_evaluation._repr_html_().count("<table>") == len(tables)


@pytest.mark.parametrize("name", ["Validation", "Method", "Schedule", "Loss"])
def test_plain_settings(name):
    import phi_sol

    made = getattr(phi_sol, name)(*(["sol"] if name == "Method" else []))
    assert len(repr(made)) < 500 and " at 0x" not in repr(made)
