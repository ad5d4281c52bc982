"""Recorded comparisons: rollouts in the background, and what the panels get of them."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from phi_sol import Dataset, Generator, HybridSolver, InputError, load_experiment
from phi_sol.correctors import Corrector
from phi_sol.correctors.statistics import Statistics
from phi_sol.evaluation.records import run_solver
from phi_sol.pictures.panels import Choice, View
from phi_sol.pictures.values import Values, picture
from phi_sol.storage.frames import read_frame
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.comparison import Comparison
from phi_sol.viewer.films import Film
from phi_sol.viewer.live import CORRECTED, REFERENCE, SOURCE
from phi_sol.viewer.rollouts import OUTSIDE

SIM = "data/test/sim_000000"


@pytest.fixture(scope="module")
def place(tiny_run, tiny_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    shutil.copytree(tiny_run, root / "run")
    shutil.copytree(tiny_data, root / "data")
    return root


@pytest.fixture(scope="module")
def comparison(place):
    return Comparison(Catalogue([str(place / "run"), str(place / "data")]))


def computed(comparison, sim=SIM):
    recording = comparison.recording(sim)
    deadline = time.monotonic() + 120
    while comparison.progress(recording, "run"):
        assert time.monotonic() < deadline, comparison.progress(recording, "run")
        time.sleep(0.05)
    return recording


def test_rollouts_are_those_of_the_evaluation(comparison, tiny, tiny_data, place):
    recording = computed(comparison)
    data = Dataset.load(tiny.pair, tiny_data, "test")
    for name, solver in {
        SOURCE: tiny.pair.source,
        CORRECTED: HybridSolver(tiny.pair.source, Corrector.load(place / "run")),
    }.items():
        expected = run_solver(solver, data, 12, [12])
        rollout = comparison.requested(recording, "run")[name]
        np.testing.assert_allclose(rollout.mae, [0, *expected.mae[:, 0]], atol=1e-6)
        for n, a in expected.kept[12].items():
            np.testing.assert_allclose(rollout.frames[12][n], a[0], atol=1e-5)
    assert list(comparison.errors(recording)) == [SOURCE, "run"]


def test_where_a_corrector_is_out_of_its_training(comparison, tiny, tiny_data, place):
    """The viewer's field is the distance of the cells in units of the limit, as the corrector says it."""
    recording = computed(comparison)
    assert OUTSIDE in comparison.fields(recording)
    shown = comparison.values(recording, "run", OUTSIDE, 4)
    assert shown[SOURCE] == shown[REFERENCE] == "not corrected"
    assert "choose a corrector" in comparison.values(recording, None, OUTSIDE, 4)[REFERENCE]
    corrector, flow = Corrector.load(place / "run"), tiny.pair.source
    frames = comparison.requested(recording, "run")[CORRECTED].frames
    arrays = {n: a[None] for n, a in frames[4].items()}
    known = corrector.validity
    seen = corrector.look_at(flow, arrays, {"reynolds": np.array([300.0], np.float32)})
    np.testing.assert_allclose(shown[CORRECTED].parts[""], known.distances(seen)[0] / known.limit, rtol=1e-4)
    view, *_ = comparison.look(recording, "run", shown, Choice(OUTSIDE))
    assert picture(shown[CORRECTED], view.quantity).values.shape == (24, 12)


def test_panels(comparison, tiny, tiny_data):
    recording = computed(comparison)
    shown = comparison.values(recording, "run", "velocity", 4)
    assert list(shown) == [SOURCE, CORRECTED, REFERENCE]
    assert list(comparison.values(recording, "none", "marker", 4)) == [SOURCE, REFERENCE]
    stored = read_frame(tiny.pair.source, tiny_data / "test" / "sim_000000", 4)
    np.testing.assert_array_equal(shown[REFERENCE].parts["x"][:, 1:-1], stored["velocity.x"])
    full = comparison.recording(f"{SIM}/reference")
    assert not comparison.is_compared(full) and list(comparison.values(full, None, "velocity", 5)) == ["recorded"]


def test_fixed_ranges_cover_all_frames_and_differences_to_the_reference(comparison):
    recording = computed(comparison)
    view = View("velocity", "magnitude", ("y", "x"))
    ranges = comparison.fixed_ranges(recording, "run", view)
    largest = max(picture(recording.read("velocity", f), "magnitude").values.max() for f in (0, 6, 12))
    assert ranges.fields[1] >= largest and ranges.difference[0] == -ranges.difference[1] < 0
    assert comparison.fixed_ranges(recording, "run", view) == ranges


def test_damaged_frame_is_said_and_the_others_stay(comparison, place):
    sim = "data/train/sim_000000"
    frame = place / "data" / "train" / "sim_000000" / "velocity_000003.npz"
    frame.write_bytes(frame.read_bytes()[:400])
    recording = computed(comparison, sim)
    shown = comparison.values(recording, "run", "velocity", 3)
    assert "velocity_000003.npz" in shown[REFERENCE] and "damaged" in shown[REFERENCE]
    assert isinstance(shown[SOURCE], Values) and isinstance(
        comparison.values(recording, "run", "velocity", 4)[REFERENCE], Values
    )
    mae = comparison.errors(recording)[SOURCE]
    assert np.isnan(mae[3]) and np.isfinite(mae[4])


def test_damaged_corrector_is_said(place, tmp_path):
    shutil.copytree(place / "run", tmp_path / "run")
    (tmp_path / "run" / "corrector.keras").write_bytes(b"no network")
    broken = Comparison(Catalogue([str(tmp_path / "run"), str(place / "data" / "test")]))
    recording = broken.recording(
        "test/sim_000000" if "test/sim_000000" in broken.catalogue.recordings else "data/test/sim_000000"
    )
    broken.requested(recording, "run")
    deadline = time.monotonic() + 60
    while not broken.requested(recording, "run")[CORRECTED].done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "corrector.keras is damaged" in broken.values(recording, "run", "velocity", 0)[CORRECTED]
    assert "corrector.keras is damaged" in broken.progress(recording, "run")


FRESH = """
import sys, time
from pathlib import Path
from phi_sol.viewer.catalogue import Catalogue
from phi_sol.viewer.comparison import Comparison

comparison = Comparison(Catalogue([sys.argv[1]]))
recording = comparison.recording(next(iter(comparison.catalogue.recordings)))
while not comparison.requested(recording, None)["source"].done:
    time.sleep(0.05)
print(comparison.progress(recording, None) or "done")
"""


@pytest.mark.slow
def test_rollouts_are_the_first_that_a_process_computes(place):
    """Nothing has used PhiML's TensorFlow backend before; it can't be started in a compiled function."""
    command = [sys.executable, "-c", FRESH, str(place / "data" / "test")]
    assert subprocess.run(command, capture_output=True, text=True, timeout=240).stdout.strip() == "done"


@pytest.mark.slow
def test_own_obstacles_come_from_the_scene_file(tiny_scene, tmp_path, monkeypatch):
    """Neither geometries nor functions can be made from their description: without the file this is said."""
    monkeypatch.chdir(tmp_path)
    geometry = "from phi.geom import Sphere\n"
    options = "options=dict(obstacles=Sphere(y=50, x=50, radius=15), inlet=lambda p: 1 + 0 * p.vector['x']),"
    own = tiny_scene.read_text().replace("warmup=15", f"{options} warmup=0").replace("frames=12", "frames=2")
    Path("own.py").write_text(geometry + own.replace('name="tiny"', 'name="own"'))
    Generator(load_experiment("own.py"), "test", "data/own/test").run()
    for paths, titles in ((["own.py"], ["source", "reference"]), (["data/own/test"], ["recorded"])):
        catalogue = Catalogue(paths)
        recording = next(r for r in catalogue.recordings.values() if not r.full_resolution)
        comparison = Comparison(catalogue)
        assert list(comparison.values(recording, None, "velocity", 0)) == titles
        film = Film(catalogue, frames="0:1")
        film.write(tmp_path / "own.gif", fps=5)
        said = "only what was recorded is shown: WakeFlow can't be made .* Name the scene file, too."
        assert re.fullmatch(said if titles == ["recorded"] else "", film.remark)
    pair, names = load_experiment("own.py").pair, ("velocity.y", "velocity.x", "marker")
    zeros, ones = dict.fromkeys(names, 0.0), dict.fromkeys(names, 1.0)
    statistics = Statistics(zeros, ones, ones, {"reynolds": 5.0}, {"reynolds": 1.0})
    Corrector.create(pair.source, "small", statistics).save("runs/own/sol", pair=pair.config)
    with pytest.raises(InputError, match=f"There is no film of sol: {said}"):
        Film(Catalogue(["runs/own/sol"], [Path("data/own/test")]))
    with_scene = Film(Catalogue(["own.py", "runs/own/sol"], [Path("data/own/test")]), frames="0:1")
    assert with_scene.run == "runs/own/sol"


def test_closing_ends_the_background(place):
    """Also while something is computed; what was asked for later is not computed any more."""
    comparison = Comparison(Catalogue([str(place / "data")]))
    recordings = [comparison.recording(k) for k in (SIM, "data/train/sim_000001")]
    for recording in recordings:
        comparison.requested(recording, None)
    comparison.rollouts.close()
    assert comparison.rollouts._thread is None
    assert not all(comparison.requested(r, None)[SOURCE].done for r in recordings)
