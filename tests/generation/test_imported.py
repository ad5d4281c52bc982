"""Simulations of others as data of a scene: the same as generated ones to training and evaluation, but said to be."""

import numpy as np
import pytest

from phi_sol import (
    Correction,
    Dataset,
    InputError,
    Method,
    MissingError,
    Plan,
    Stage,
    Trainer,
    Validation,
    evaluate,
    import_frames,
    inspect_data,
    load_experiment,
    repair_data,
    write,
)
from phi_sol.cli import main


@pytest.fixture(scope="module")
def fine(tiny):
    """A rollout of the reference with a frame each dt of the source, as another program may have it."""
    pair = tiny.pair
    start = pair.reference.initial_state(reynolds=200.0)
    return pair.fine.rollout(start, steps=6, progress=False)


def faces(tiny, fine) -> dict[str, np.ndarray]:
    """All of them, those at the sides too, as a program without our boundaries has them."""
    found = {}
    for layout in tiny.pair.reference.layouts.values():
        for n, c in zip(layout.arrays, layout.components, strict=True):
            found[n] = np.asarray(layout.pad(fine.arrays[n].reshape(-1, *layout.shape(c)), c))
    return found


def test_a_finer_program_is_a_reference(tiny, fine, tmp_path):
    """What is imported is what `restrict` makes of it, frame by frame, and data of the scene."""
    place = import_frames(
        tiny,
        faces(tiny, fine),
        fine.times,
        {"reynolds": 200.0},
        folder=tmp_path,
        name="OpenFOAM",
        axes=("time", "y", "x"),
    )
    assert place == tmp_path / "sim_000000" and sorted(p.name for p in tmp_path.iterdir()) == ["sim_000000"]
    data = Dataset.load(tiny.pair, tmp_path)
    assert data.imported == ["OpenFOAM"] and data.frames == 5 and data.simulations == [{"reynolds": 200.0}]
    expected = tiny.pair.restrict(fine)
    for n, a in data.arrays.items():
        np.testing.assert_allclose(a[0], expected.arrays[n].reshape(a[0].shape), atol=1e-6)
    assert not inspect_data(tmp_path).wrong
    with pytest.raises(
        FileNotFoundError, match="sim_000000 is imported .OpenFOAM.: there are no states of a reference"
    ):
        data.reference_frame(0, 0)


def test_the_next_one_gets_the_next_number_and_the_same_one_is_refused(tiny, fine, tmp_path):
    how: dict = {"folder": tmp_path, "axes": ("time", "y", "x")}
    import_frames(tiny, faces(tiny, fine), fine.times, {"reynolds": 200.0}, **how)
    with pytest.raises(InputError, match="the arrays is there already, as .*sim_000000"):
        import_frames(tiny, faces(tiny, fine), fine.times, {"reynolds": 200.0}, **how)
    half = {n: a[::2] for n, a in faces(tiny, fine).items()}
    other = {n: a[:4] for n, a in faces(tiny, fine).items()}
    assert import_frames(tiny, other, fine.times[:4], {"reynolds": 300.0}, **how).name == "sim_000001"
    with pytest.raises(InputError, match="frames are 2 apart, but the source takes steps of 1"):
        import_frames(tiny, half, fine.times[::2], {"reynolds": 200.0}, **how)
    with pytest.raises(InputError, match="needs values for reynolds"):
        import_frames(tiny, faces(tiny, fine), fine.times, {}, **how)
    with pytest.raises(InputError, match="has 6 frames, but 5 times"):
        import_frames(tiny, faces(tiny, fine), fine.times[:5], {"reynolds": 200.0}, **how)


def test_generated_and_imported_data_have_folders_of_their_own(tiny, fine, tiny_data, tmp_path):
    with pytest.raises(InputError, match="holds simulations that were generated: import into another folder"):
        import_frames(
            tiny, faces(tiny, fine), fine.times, {"reynolds": 9.0}, folder=tiny_data / "test", axes=("time", "y", "x")
        )
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="not a phi_sol data folder: it holds 'notes.txt'"):
        import_frames(tiny, faces(tiny, fine), fine.times, {"reynolds": 9.0}, folder=tmp_path, axes=("time", "y", "x"))


def test_trained_and_evaluated_against_data_of_others(tiny_scene, fine, tmp_path):
    """Without anything generated; the report says where the data are from and what REF is."""
    scene = load_experiment(tiny_scene)
    for split, reynolds in (("train", 200.0), ("test", 210.0)):
        how: dict = {"folder": tmp_path / split, "split": split, "axes": ("time", "y", "x"), "name": "PIV"}
        import_frames(scene, faces(scene, fine), fine.times, {"reynolds": reynolds}, **how)
    data = Dataset.load(scene.pair, tmp_path)
    task = Correction(data, Method("sol", 2), "small")
    plan = Plan((Stage(2, 1.0),), batch=2, learning_rate=1e-3, steps=2)
    with pytest.raises(MissingError, match="is imported .PIV.: there are no states of a reference"):
        Trainer(Correction(data, Method("pre"), "small"), plan, tmp_path / "pre").fit(progress=False)
    corrector = Trainer(task, plan, tmp_path / "run", validation=Validation(simulations=0)).fit(progress=False)
    found = evaluate(scene, {"corrected": corrector}, tmp_path, tmp_path / "evaluation", numerics=False)
    assert found.results["data"]["imported"] == ["PIV"]
    report = (tmp_path / "evaluation" / "report.md").read_text()
    assert "The data are imported" in report and "- Imported: PIV\n" in report
    images = {p.name: p for p in (tmp_path / "evaluation").glob("*.png")}
    assert "fields.png" in images and "error_curves.png" in images
    assert found.results["solvers"]["SRC"]["mae"]["5"] > 0 and found.results["solvers"]["REF"]["ms_per_time"] > 0


def test_the_command(tiny, tiny_scene, fine, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    renamed = {
        "U": faces(tiny, fine)["velocity.x"],
        "V": faces(tiny, fine)["velocity.y"],
        "smoke": faces(tiny, fine)["marker"],
    }
    np.savez("a.npz", **renamed)
    names = ["--map", "velocity.x=U", "--map", "velocity.y=V", "--map", "marker=smoke"]
    assert main(["import", str(tiny_scene), "a.npz", *names, "--dt", "1", "--param", "reynolds=200", "--out", "d"]) == 0
    assert "a.npz: d/sim_000000" in capsys.readouterr().out
    write(fine, "b.nc")
    assert main(["import", str(tiny_scene), "b.nc", "--out", "e"]) == 0, capsys.readouterr().err
    a, b = (Dataset.load(tiny.pair, f) for f in "de")
    for n in a.arrays:
        np.testing.assert_allclose(a.arrays[n], b.arrays[n], atol=1e-6)


def test_repairs_leave_what_generate_can_not_restore(tiny, fine, tmp_path):
    how: dict = {"folder": tmp_path, "axes": ("time", "y", "x")}
    place, told = import_frames(tiny, faces(tiny, fine), fine.times, {"reynolds": 200.0}, **how), []
    frame = place / "velocity_000002.npz"
    frame.write_bytes(frame.read_bytes()[:-40])
    assert repair_data(inspect_data(tmp_path), told.append) == [] and frame.exists()
    assert "'generate' can't restore what was imported: import it again" in told[0]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["none.npz"], "none.npz is missing"),
        (["a.npz", "--split", "all"], "Unknown split 'all'. Known: train, test"),
        (["a.npz", "--param", "reynolds=1,2"], "--param reynolds has 2 values, but there are 1 simulations"),
        (["a.npz", "--map", "velocity=W"], "a.npz has no 'W'. It has u, time, y, x"),
        (["a.npz", "--param", "reynolds=200"], "does not say when its frames are: give the time between them (--dt"),
        (["a.npz", "--param", "reynolds=200", "--dt", "1"], "has no velocity.y (or velocity with an axis 'vector')"),
        (["a.npz"], "needs values for reynolds"),
    ],
)
def test_wrong_use(arguments, message, tiny_scene, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", u=np.zeros((3, 24, 12)))
    extra = [] if "--dt" in arguments or message.startswith("does") else ["--dt", "1"]
    assert main(["import", str(tiny_scene), *arguments, *extra]) == 2
    assert message in capsys.readouterr().err
