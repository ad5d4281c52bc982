"""Several devices and several machines: the same weights as one device with the joint batch; and what is refused."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from replicas import train

from phi_sol import Corrector, InputError
from phi_sol.training.distribution import check_batch, is_chief, make_strategy

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("replicas.py")


def start(strategy, scene, data, folder, result, *more, **environment):
    arguments = [sys.executable, str(SCRIPT), strategy, str(scene), str(data), str(folder), str(result), *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, env=os.environ | environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def finish(process):
    try:
        output, _ = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 0, output


def stored(path):
    with np.load(path) as content:
        arrays = {k: content[k] for k in content.files}
    error, replicas = float(arrays.pop("error")[0]), int(arrays.pop("replicas"))
    return list(arrays.values()), error, replicas


@pytest.fixture(scope="module")
def alone(tiny_train, tmp_path_factory):
    """The weights and the validation error that one device reaches with the joint batch."""
    run = train(tiny_train, tmp_path_factory.mktemp("alone") / "run")
    return [np.asarray(w) for w in run.task.model.get_weights()], run.validation_error


def test_two_devices_train_the_same_model(alone, tiny_scene, tiny_data, tmp_path):
    process = start("mirrored", tiny_scene, tiny_data, tmp_path / "run", tmp_path / "weights.npz")
    finish(process)
    weights, error, replicas = stored(tmp_path / "weights.npz")
    assert replicas == 2
    for a, b in zip(weights, alone[0], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
    assert error == pytest.approx(alone[1], rel=1e-4)
    assert Corrector.load(tmp_path / "run").description["chosen"]["averaged"]


@pytest.mark.slow
def test_two_workers_train_the_same_model(alone, tiny_scene, tiny_data, tmp_path):
    """On localhost; interrupted after two iterations and resumed. Only the first writes into the run's folder."""
    with socket.socket() as a, socket.socket() as b:
        for s in (a, b):
            s.bind(("localhost", 0))
        cluster = {"worker": [f"localhost:{s.getsockname()[1]}" for s in (a, b)]}
    configs = [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}) for i in (0, 1)]
    common = ("multi-worker", tiny_scene, tiny_data, tmp_path / "run")
    workers = [start(*common, tmp_path / f"{i}.npz", "resume", TF_CONFIG=config) for i, config in enumerate(configs)]
    for worker in workers:
        finish(worker)
    for i in (0, 1):
        weights, error, replicas = stored(tmp_path / f"{i}.npz")
        assert replicas == 2
        for a, b in zip(weights, alone[0], strict=True):
            np.testing.assert_allclose(a, b, atol=2e-6)
        assert error == pytest.approx(alone[1], rel=1e-4)
    lines = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["step", "4"]


@pytest.mark.slow
def test_two_processes_train_the_same_model(alone, tiny_scene, tiny_data, tmp_path):
    """Bit by bit: the seed is all that decides."""
    process = start("none", tiny_scene, tiny_data, tmp_path / "run", tmp_path / "weights.npz", "resume")
    finish(process)
    weights, error, _ = stored(tmp_path / "weights.npz")
    for a, b in zip(weights, alone[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert error == alone[1]


def test_batches_are_shared_equally():
    class Three:
        num_replicas_in_sync = 3

    check_batch(Three(), 6)
    with pytest.raises(InputError, match="batch of 8 windows can't be shared equally by 3 devices: take 6 or 9"):
        check_batch(Three(), 8)
    with pytest.raises(InputError, match="take 3"):
        check_batch(Three(), 2)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
    ],
)
def test_clusters_that_are_none(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError, match="needs TF_CONFIG to name all workers and which one this is, such as"):
        make_strategy("multi-worker")


def test_strategies_by_name():
    assert make_strategy("none") is tf.distribute.get_strategy() and is_chief(make_strategy("none"))
    with pytest.raises(InputError, match="Unknown strategy 'mirror'. Did you mean 'mirrored'"):
        make_strategy("mirror")
