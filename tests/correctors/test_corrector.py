"""Correctors: normalisation, saving, loading, and what does not fit."""

import os
import shutil
import zipfile
from contextlib import suppress
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import BuoyantPlume, Corrector, ForcedAdvection, HybridSolver, InputError, MissingError, WakeFlow
from phi_sol.correctors.statistics import Statistics
from phi_sol.stepping.arrays import pack
from phi_sol.storage.files import read_json, write_json

STATISTICS = Statistics(
    mean={"velocity.y": 0.9, "velocity.x": 0.1, "marker": 1.0},
    std={"velocity.y": 0.5, "velocity.x": 0.4, "marker": 2.0},
    correction={"velocity.y": 0.02, "velocity.x": 0.03},
    log_mean={"reynolds": 5.0},
    log_std={"reynolds": 2.0},
)


@pytest.fixture(scope="module")
def flow():
    return WakeFlow(y=16, x=8)


@pytest.fixture(scope="module")
def state(flow):
    with math.NUMPY:
        return pack(flow, flow.step(flow.initial_state(reynolds=[100.0, 400.0])))


def test_untrained_corrector_corrects_nothing(flow, state):
    hybrid = HybridSolver(flow, Corrector.create(flow, "small", STATISTICS))
    arrays, parameters, _ = state
    expected = flow.compiled(arrays, parameters, tf.constant(1.0))
    for name, value in hybrid(arrays, parameters, tf.constant(1.0)).items():
        np.testing.assert_array_equal(value, expected[name])


def test_normalisation_of_inputs_and_outputs(flow, state):
    corrector = Corrector.create(flow, "small", STATISTICS)
    arrays, parameters, _ = state
    seen = []

    def network(channels):
        seen.append(channels.numpy())
        return tf.ones((2, 16, 8, 2)) * tf.constant([1.0, 2.0])

    network.compute_dtype = "float32"
    corrector.network = network
    correction = corrector(arrays, parameters)
    np.testing.assert_allclose(seen[0][..., 0], (arrays["velocity.y"] - 0.9) / 0.5, rtol=1e-5)
    np.testing.assert_allclose(seen[0][..., :7, 1], (arrays["velocity.x"] - 0.1) / 0.4, rtol=1e-5)
    np.testing.assert_allclose(seen[0][:, 3, 3, 2], (np.log([100, 400]) - 5) / 2, rtol=1e-5)
    np.testing.assert_allclose(correction["velocity.y"], np.full((2, 16, 8), 0.02), rtol=1e-6)
    np.testing.assert_allclose(correction["velocity.x"], np.full((2, 16, 7), 0.06), rtol=1e-6)


def test_save_and_load(flow, state, tmp_path):
    corrector = Corrector.create(flow, "small", STATISTICS, seed=3)
    last = corrector.network.layers[-1]
    last.set_weights([np.random.default_rng(0).standard_normal(w.shape) for w in last.get_weights()])
    corrector.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corrector.json", "corrector.keras"]
    loaded = Corrector.load(tmp_path)
    arrays, parameters, _ = state
    for name, value in loaded(arrays, parameters).items():
        assert np.abs(value).max() > 0
        np.testing.assert_array_equal(value, corrector(arrays, parameters)[name])
    assert loaded.description["flow"] == flow.config()


def test_corrector_of_another_grid(flow):
    corrector = Corrector.create(flow, "small", STATISTICS)
    with pytest.raises(InputError, match="another flow: resolution.y is 16 instead of 32"):
        HybridSolver(WakeFlow(y=32, x=16), corrector)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: WakeFlow(y=16, x=8, dt=0.5), "dt is 1.0 instead of 0.5"),
        (lambda: WakeFlow(y=16, x=8, advection="mac_cormack"), "advection is semi_lagrangian instead of mac_cormack"),
        (lambda: BuoyantPlume(y=16, x=8), "is WakeFlow instead of BuoyantPlume"),
    ],
)
def test_saved_corrector_of_another_flow(flow, tmp_path, other, message):
    Corrector.create(flow, "small", STATISTICS).save(tmp_path)
    loaded = Corrector.load(tmp_path)
    loaded.check_flow(WakeFlow(y=16, x=8))
    with pytest.raises(InputError, match=f"The corrector was trained for another flow: .*{message}"):
        loaded.check_flow(other())


@pytest.mark.parametrize(
    "correct, found", [(("speed",), "not 'speed'"), (("forcing",), "not 'forcing'"), ((), "at least one of them")]
)
def test_fields_that_can_not_be_corrected(correct, found):
    with pytest.raises(InputError, match=f"Of ForcedAdvection velocity can be corrected, {found}"):
        Corrector.create(ForcedAdvection(y=8, x=8), "small", STATISTICS, correct=correct)


def test_files_that_do_not_belong_together(flow, tmp_path):
    Corrector.create(flow, "small", STATISTICS).save(tmp_path)
    statistics = replace(STATISTICS, correction=STATISTICS.correction | {"marker": 1.0})
    Corrector.create(flow, "small", statistics, correct=("velocity", "marker")).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "corrector.keras", tmp_path / "corrector.keras")
    with pytest.raises(InputError, match="corrector.keras is not the network that corrector.json beside it describes"):
        Corrector.load(tmp_path)
    content = read_json(tmp_path / "corrector.json")
    write_json(tmp_path / "corrector.json", {n: v for n, v in content.items() if n != "weights"})
    said = r"corrector.keras maps 4 to 3 channels, but corrector.json beside it says 3 to 2"
    with pytest.raises(InputError, match=said):  # as earlier versions wrote it
        Corrector.load(tmp_path)


def test_a_network_of_the_same_kind_is_noticed(flow, tmp_path):
    for seed in range(2):
        Corrector.create(flow, "small", STATISTICS, seed=seed).save(tmp_path / str(seed))
    (tmp_path / "0" / "corrector.keras").write_bytes((tmp_path / "1" / "corrector.keras").read_bytes())
    with pytest.raises(InputError, match="is not the network that corrector.json beside it describes: copy both files"):
        Corrector.load(tmp_path / "0")


def test_whenever_it_is_interrupted_the_two_files_belong_together(flow, tmp_path, monkeypatch):
    """Each replacement of a file in turn is the last thing that happens."""
    first, second = (Corrector.create(flow, "small", STATISTICS, seed=seed) for seed in range(2))
    found = []
    for stop in range(4):
        folder, replaced, really = tmp_path / str(stop), [], os.replace
        first.save(folder, number=1)

        def replace(source, target, replaced=replaced, really=really, stop=stop):
            if len(replaced) == stop:
                raise KeyboardInterrupt
            replaced.append(target)
            really(source, target)

        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(os, "replace", replace)
            second.save(folder, number=2)
        loaded = Corrector.load(folder)
        known = {first.fingerprint: 1, second.fingerprint: 2}
        assert known[loaded.fingerprint] == loaded.description["number"]
        found.append(loaded.description["number"])
    assert found == [1, 1, 2, 2]


def test_what_describes_a_trained_corrector(tiny_run, tiny, tiny_train):
    """Needs neither scene nor data: two files in a folder of their own."""
    description = Corrector.load(tiny_run).description
    assert description["flow"] == tiny.pair.source.config() and description["pair"] == tiny.pair.config
    assert description["method"] == "sol" and description["unroll"] == 2 and description["placement"] == "after"
    assert (
        description["data"] == tiny_train.fingerprints and description["versions"]["keras"] and description["seed"] == 0
    )
    assert description["chosen"] == {"kind": "last", "step": 4, "averaged": False}


def test_code_in_a_network_is_not_executed(flow, tmp_path):
    """Keras's safe mode: a Lambda layer is Python code in the file."""
    corrector = Corrector.create(flow, "small", STATISTICS)
    inputs = keras.Input((None, None, 3))
    corrector.network = keras.Model(inputs, keras.layers.Lambda(lambda x: x[..., :2])(inputs))
    corrector.save(tmp_path)
    with pytest.raises(InputError, match="corrector.keras holds Python code .a Lambda layer., which is never executed"):
        Corrector.load(tmp_path)


def test_archives_that_unpack_to_too_much_are_not_read(tiny_run, tmp_path, monkeypatch):
    """600 MB of zeros in 0.6 MB."""
    shutil.copytree(tiny_run, tmp_path / "run")
    path = tmp_path / "run" / "corrector.keras"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as file, file.open("more", "w") as entry:
        for _ in range(20):
            entry.write(bytes(30 << 20))
    for name in ("read", "open", "testzip", "extract"):
        monkeypatch.setattr(zipfile.ZipFile, name, lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(InputError, match=r"too large for a network: it unpacks to 600 MB, at most 512 MB"):
        Corrector.load(tmp_path / "run")


def test_missing_and_damaged_files(tiny_run, tmp_path):
    with pytest.raises(MissingError, match="no corrector in"):
        Corrector.load(tmp_path)
    shutil.copytree(tiny_run, tmp_path / "run")
    file = tmp_path / "run" / "corrector.keras"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="corrector.keras is damaged"):
        Corrector.load(tmp_path / "run")
    shutil.copy(tiny_run / "corrector.keras", file)
    description = read_json(tiny_run / "corrector.json")
    del description["statistics"]
    write_json(tmp_path / "run" / "corrector.json", description)
    with pytest.raises(InputError, match="corrector.json is damaged"):
        Corrector.load(tmp_path / "run")
