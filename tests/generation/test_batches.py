"""
Batches of simulations: what they have in common with single ones, what happens when one diverges, and how large they
are.
"""

from contextlib import ExitStack

import numpy as np
import pytest
from growth import growth
from phi import math
from phi.field import Scene

from phi_sol import DivergedError, ForcedAdvection, Generator, WakeFlow
from phi_sol.generation import simulator as simulate
from phi_sol.generation.checkpoint import Checkpoint, Entry
from phi_sol.generation.simulator import automatic_batch
from phi_sol.storage.locks import held


def frames_of(folder, index, sub=""):
    scene = Scene.at(str(folder / f"sim_00000{index}" / sub))
    with math.NUMPY:
        return {i: scene.read("marker", frame=i).values.numpy("y,x") for i in scene.complete_frames}


@pytest.mark.parametrize("warmup", [0, 7, 20])
def test_each_simulation_of_a_batch_has_its_own_parameter_and_every_frame_its_number(tmp_path, warmup):
    """Against the closed form, over blocks that end at multiples of 10 and of 6."""
    rates = (0.01, 0.02, 0.05)
    Generator(growth(rates, warmup), "train", tmp_path, batch=3).run()
    for i, rate in enumerate(rates):
        recorded, reference = frames_of(tmp_path, i), frames_of(tmp_path, i, sub="reference")
        assert list(recorded) == list(range(24)) and list(reference) == [0, 6, 12, 18]
        for frames in (recorded, reference):
            for frame, values in frames.items():
                np.testing.assert_allclose(values, (1 + rate) ** (warmup + frame), rtol=1e-5)


def test_a_diverging_simulation_is_named_and_the_others_are_completed(tmp_path):
    rates = (0.01, 1e9, 0.02, 1000.0)  # the last one in the recorded part
    with pytest.raises(
        DivergedError, match=r"2 of 4 simulations diverged: rate=1e\+09 by step 7; rate=1000 by step 13. Use a smaller"
    ):
        Generator(growth(rates), "train", tmp_path, batch=4).run()
    generator = Generator(growth(rates), "train", tmp_path, batch=4)
    assert [job.done for job in generator.jobs] == [True, False, True, False]
    for i in (0, 2):
        np.testing.assert_allclose(frames_of(tmp_path, i)[23], (1 + rates[i]) ** 30, rtol=1e-5)
    for i in (1, 3):
        stored = [f for f in (tmp_path / f"sim_00000{i}").glob("*.npz")]
        assert all(np.isfinite(np.load(f, allow_pickle=True)["data"]).all() for f in stored)
    assert not list(tmp_path.glob(".checkpoints/*"))


def test_alone_and_in_a_batch_the_same_up_to_rounding(tiny, tiny_data, tmp_path):
    """The training set of the tiny scene, whose two simulations were computed together, once more one by one."""
    Generator(tiny, "train", tmp_path, batch=1).run()
    for i in range(2):
        together, alone = (Scene.at(str(f / f"sim_00000{i}")) for f in (tiny_data / "train", tmp_path))
        facts = ({n: v for n, v in s.properties.items() if not n.startswith("checksum")} for s in (together, alone))
        assert next(facts) == next(facts)
        with math.NUMPY:
            for name in ("velocity", "marker"):
                a, b = (s.read(name, frame=12).values for s in (together, alone))
                assert float(math.max(abs(a - b))) < 2e-5 < 0.5 < float(math.max(abs(a)))


def test_another_batch_size_goes_on_from_the_checkpoint(tmp_path, monkeypatch):
    """Interrupted in a batch of three, completed one by one."""
    monkeypatch.setattr(simulate, "CHECKPOINT_EVERY", 10)
    rates = (0.01, 0.02, 0.05)

    class Killed(BaseException):
        pass

    def stop(done, total):
        if done >= 3 * 20:
            raise Killed

    with pytest.raises(Killed):
        Generator(growth(rates), "train", tmp_path, batch=3).run(stop)
    generator = Generator(growth(rates), "train", tmp_path, batch=1)
    assert generator.plan() | {"files": 0, "bytes": 0} == dict(
        simulations=3, finished=0, steps=30, batch=1, files=0, bytes=0
    )
    done = []
    generator.run(lambda steps, total: done.append((steps, total)))
    assert done[0] == (60, 90) and done[-1] == (90, 90)
    for i, rate in enumerate(rates):
        np.testing.assert_allclose(frames_of(tmp_path, i)[23], (1 + rate) ** 30, rtol=1e-5)


def test_a_checkpoint_of_another_configuration_is_not_used(tmp_path):
    """The folder's simulations were removed by hand, the hidden checkpoint stayed."""
    checkpoint = Checkpoint(tmp_path, "sim_000000", ["marker"])
    checkpoint.save({"0123456789abcdef": Entry(20, {"marker": np.full((4, 4), 77.0, np.float32)})})
    generator = Generator(growth((0.01,)), "train", tmp_path)
    assert generator.plan()["steps"] == 30
    generator.run()
    np.testing.assert_allclose(frames_of(tmp_path, 0)[0], 1.01**7, rtol=1e-5)


def batches_of(generator):
    generator.plan()  # looks at what is there
    return [batch for part in generator.parts() for batch in generator._batches(part)]


def test_batches_are_of_about_equal_size_and_do_not_depend_on_what_is_finished(tmp_path):
    experiment = growth(tuple(0.01 * i for i in range(1, 11)), frames=1, warmup=0)
    generator = Generator(experiment, "train", tmp_path, batch=8)
    assert [len(jobs) for _, jobs in batches_of(generator)] == [5, 5]
    generator.run()
    for i in (0, 1, 6):
        (tmp_path / f"sim_00000{i}" / "marker_000001.npz").unlink()
    generator = Generator(experiment, "train", tmp_path, batch=8)
    assert [[job.folder.name for job in jobs] for _, jobs in batches_of(generator)] == [
        ["sim_000000", "sim_000001"],
        ["sim_000006"],
    ]


@pytest.mark.slow
def test_automatic_batches(monkeypatch):
    """On a CPU 4 MiB of states: 393 kB for one of 256x128 with three arrays, 8.4 MB for 128x64x64 with four."""
    assert automatic_batch(WakeFlow(y=64, x=32)) == 8
    assert automatic_batch(WakeFlow(y=512, x=256)) == 2
    assert automatic_batch(WakeFlow(y=128, x=64, z=64)) == 1
    monkeypatch.setattr(simulate.tf.config, "list_physical_devices", lambda kind: [kind])
    assert automatic_batch(WakeFlow(y=256, x=128)) == 64
    assert automatic_batch(ForcedAdvection(y=256, x=256, z=256)) == 1


def test_what_another_process_computes_is_left_to_it_and_waited_for(tmp_path, monkeypatch, caplog):
    """Another one holds the first of two simulations, finishes it, and lets go when this one has done the second."""
    experiment, order = growth((0.01, 0.02)), []
    run = simulate.Simulator.run

    def recorded(self, jobs, *args):
        order.append([job.folder.name for job in jobs])
        return run(self, jobs, *args)

    monkeypatch.setattr(simulate.Simulator, "run", recorded)
    other = ExitStack()
    assert other.enter_context(held([tmp_path / "sim_000000" / ".lock"], False))

    calls = []

    def progress(done, total):
        calls.append((done, total))
        if len(order) == 1 and done == total / 2:
            alone = Generator(experiment, "train", tmp_path, batch=1)
            alone._simulator.run(alone.jobs[:1], 0, alone._checkpoint(alone.jobs[:1]), lambda steps: None)
            other.close()

    Generator(experiment, "train", tmp_path, batch=1).run(progress)
    assert order[0] == ["sim_000001"] and order.count(["sim_000000"]) == 1 and calls[-1] == (60, 60)
    assert "Another process computes 1 simulations" in caplog.text
    for i, rate in enumerate((0.01, 0.02)):
        np.testing.assert_allclose(frames_of(tmp_path, i)[23], (1 + rate) ** 30, rtol=1e-5)
    assert not [p for p in tmp_path.rglob(".*")]
