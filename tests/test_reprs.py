"""What objects say of themselves in a few words, and in notebooks."""

import sys
import time
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from re import findall

import numpy as np
import pytest
from matplotlib import _pylab_helpers
from phi import math
from phi.field import CenteredGrid
from phi.geom import Box, Sphere
from phi.math import batch
from PIL import Image

import phi_sol
from phi_sol import (
    BuoyantPlume,
    Correction,
    Corrector,
    Disc,
    Estimation,
    Generator,
    HybridSolver,
    Observations,
    PeriodicBox,
    Plan,
    PoissonGuess,
    Samples,
    SmokeBox,
    State,
    Trainer,
    WakeFlow,
    curriculum,
    load_experiment,
)
from phi_sol.evaluation.ensemble import Forecast
from phi_sol.storage.together import Datasets


def pictures(item) -> list[bytes]:
    """The PNG files in what a notebook shows."""
    found = [b64decode(text) for text in findall(r'src="data:image/png;base64,([^"]+)"', item._repr_html_())]
    for png in found:
        assert Image.open(BytesIO(png)).convert("L").getextrema()[0] < 200  # something is drawn
    return found


class Balance(HTMLParser):
    """Counts what is open."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + "\n"


def table(item) -> str:
    """The text of what a notebook shows, whose tags are closed."""
    seen = Balance(item._repr_html_())
    assert not seen.open
    return seen.text


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
    assert ">1 to 2</td>" in frames._repr_html_() and ">100</td>" in frames._repr_html_()
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
    written = next(f for f in tiny_evaluation.files if f.name == "cost.png")
    assert pictures(tiny_evaluation) == [written.read_bytes()]
    again = replace(tiny_evaluation, files=[])
    assert len(pictures(again)) == 1 and pictures(again) != [written.read_bytes()]  # drawn anew


@pytest.mark.parametrize("name", ["Validation", "Method", "Schedule", "Loss"])
def test_plain_settings(name):
    import phi_sol

    made = getattr(phi_sol, name)(*(["sol"] if name == "Method" else []))
    assert len(repr(made)) < 500 and " at 0x" not in repr(made)


def test_states_of_all_dimensions_are_drawn_in_no_time_and_leave_nothing_open():
    line = State({"u": CenteredGrid(lambda x: math.sin(x), 0, bounds=Box(x=6), x=40)}, {"ν": math.wrap(0.1)})
    open_before = len(_pylab_helpers.Gcf.figs)
    flat = WakeFlow(y=16, x=8).initial_state(reynolds=[100.0, 200.0, 300.0, 400.0, 500.0])
    deep = WakeFlow(y=16, x=8, z=8).initial_state(reynolds=300.0)
    assert pictures(line)  # the first one imports what draws
    for state in (line, flat, deep):
        begin = time.process_time()
        (png,) = pictures(state)
        assert time.process_time() - begin < 4 and len(png) < 200_000
    wide, one = (Image.open(BytesIO(pictures(s)[0])).width for s in (flat, flat.batch[0]))
    assert wide > one  # simulations stand side by side
    assert len(_pylab_helpers.Gcf.figs) == open_before  # none of pyplot's


def test_states_without_a_picture_are_tables():
    flow = WakeFlow(y=16, x=8)
    state = flow.initial_state(reynolds=300.0)
    nothing = state.with_fields(marker=state.marker * float("nan"))
    assert "nan" in table(nothing) and pictures(nothing)
    seen = []

    import tensorflow as tf

    @tf.function(autograph=False)
    def traced(reynolds):
        given = math.reshaped_tensor(reynolds, [], convert=False)
        seen.append(replace(state, parameters={"reynolds": given})._repr_html_())
        return reynolds

    traced(tf.constant(3.0))
    assert len(seen) == 1 and "<td>reynolds</td>" in seen[0]


def test_flows_say_their_domain_and_what_stands_in_it():
    wake = WakeFlow(y=32, x=16)
    said = table(wake)
    for text in ("y, x: 200 x 100", "32 x 16 cells of 6.25 x 6.25", "reynolds", "Sphere at y=50, x=50, 20 x 20 large"):
        assert text in said
    assert pictures(wake) and pictures(WakeFlow(y=32, x=16, z=16)) and not pictures(PeriodicBox(y=16, x=16))
    own = BuoyantPlume(y=16, x=16, obstacles=[Sphere(y=40, x=30, radius=10)])
    assert "Sphere at y=40, x=30" in table(own) and pictures(own)
    body = PeriodicBox(y=16, x=16, bodies=Disc("ball", dict(y=3.0, x=3.0), 1.0, free=["radius"]))
    assert "Disc(ball, " in table(body) and "ball_radius" in table(body)


def test_correctors_say_what_they_are(tiny, tiny_run):
    corrector = Corrector.load(tiny_run)
    said, count = table(corrector), corrector.network.count_params()
    for text in (
        f"small, {count:,} parameters",
        "WakeFlow(y=24, x=12, dt=1, ",
        "SOL-2, in tiny",
        "reynolds 150 to 600",
    ):
        assert text in said
    hybrid = HybridSolver(tiny.pair.source, corrector)
    assert f"{count:,} parameters" in table(hybrid) and repr(tiny.pair.source) in table(hybrid)
    guess = PoissonGuess.create(SmokeBox(y=8, x=8), "small", 1.0)
    assert "not yet" in table(guess) and "parameters" in table(guess)


def test_data_and_trainings(tiny, tiny_train, tiny_data, tmp_path):
    said = table(tiny_train)
    assert "12" in said and tiny_train.names[0] in said and "150" in said and "600" in said
    assert repr(tiny_train) in table(Datasets({"tiny": tiny_train}))
    assert "1, 1 finished" in table(Generator(tiny, "test", tiny_data / "test"))
    assert "WakeFlow(y=48, x=24" in table(tiny) and "WakeFlow(y=48, x=24" in table(tiny.pair)
    checked = phi_sol.inspect_data(tiny_data / "test")
    assert "wrong" in table(checked)
    plan = Plan(curriculum(2), batch=2, learning_rate=1e-3, steps=4)
    trainer = Trainer(Correction(tiny_train, "sol", "small"), plan, tmp_path / "run")
    assert "0 %, iteration 0" in table(trainer) and not pictures(trainer)
    trainer.epoch_length = 2
    trainer.fit(progress=False)
    assert "100 %, iteration 4" in table(trainer) and len(pictures(trainer)) == 1


def test_what_searches_and_ensembles_find():
    flow = WakeFlow(y=16, x=8)
    start = flow.initial_state(reynolds=300.0)
    frames = flow.rollout(start, 4)
    seen = Observations(frames, "velocity", noise=0.01)
    found = Estimation(flow, flow.initial_state(reynolds=200.0), "reynolds", seen).fit(iterations=2, progress=False)
    value, error = found.estimates["reynolds"], found.errors["reynolds"]
    assert f"{value:.6g}" in table(found) and f"± {error:.2g}" in table(found)
    forecast = Forecast({"a": frames, "b": flow.rollout(flow.initial_state(reynolds=200.0), 4)})
    assert "a, b" in table(forecast) and pictures(forecast)
    samples = Samples({"u": np.random.default_rng(0).normal(size=(1, 1, 8, 8))}, size=dict(y=1.0, x=1.0))
    assert "y=8, x=8" in table(samples)


def test_nothing_is_markup_and_nothing_raises(monkeypatch):
    state = State({"<b>u": CenteredGrid(1.0, 0, bounds=Box(x=1, y=1), x=4, y=4)})
    assert "<b>u" not in state._repr_html_() and "&lt;b&gt;u" in state._repr_html_()

    class Broken(WakeFlow):
        def _told(self):
            raise ZeroDivisionError

    flow = Broken(y=16, x=8)
    assert repr(flow) in table(flow)
    monkeypatch.setattr(Broken, "__repr__", lambda self: 1 / 0)
    assert "Broken" in table(flow)
    monkeypatch.setitem(sys.modules, "phi_sol.pictures.small", None)
    assert "reynolds" in table(WakeFlow(y=16, x=8)) and not pictures(WakeFlow(y=16, x=8))
