"""Logs."""

import importlib.util

import keras
import pytest
import tensorflow as tf

from phi_sol import InputError
from phi_sol.training.callbacks import Log, TensorBoard

HEADER = "step,seconds,progress,unroll,learning_rate,loss,gradient_norm"


def logs(step):
    return {
        "step": step,
        "seconds": 1.5 * step,
        "progress": 0.1,
        "unroll": 2,
        "learning_rate": 1e-3,
        "loss": 0.25,
        "gradient_norm": 3,
    }


def test_log_goes_on_after_the_step_it_is_given(tmp_path):
    log = Log(tmp_path / "log.csv", 0, validated=())
    log.on_train_begin()
    for step in (50, 100, 150):
        log.on_epoch_end(0, logs(step))
    again = Log(tmp_path / "log.csv", 100, validated=())
    again.on_train_begin()
    again.on_epoch_end(0, logs(117))
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines == [HEADER, "50,75,0.1,2,0.001,0.25,3", "100,150,0.1,2,0.001,0.25,3", "117,175.5,0.1,2,0.001,0.25,3"]


def test_column_of_validated_trainings(tmp_path):
    log = Log(tmp_path / "log.csv", 0, validated=["val_error"])
    log.on_train_begin()
    log.on_epoch_end(0, logs(50))
    log.on_epoch_end(1, logs(100) | {"val_error": 0.125, "other": 1})
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == HEADER + ",val_error" and lines[1].endswith(",3,") and lines[2].endswith(",3,0.125")


def test_tensorboard(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    board = TensorBoard(tmp_path, keras.optimizers.Adam(0.5))
    calls = keras.callbacks.CallbackList([board], model=keras.Sequential([keras.layers.Dense(1)]))
    calls.on_train_begin()
    for epoch in range(2):
        calls.on_epoch_begin(epoch)
        calls.on_epoch_end(epoch, {"loss": 0.25 / (epoch + 1), "val_error": 0.125})
    calls.on_train_end()
    found = EventAccumulator(str(tmp_path / "train"), {TENSORS: 0}).Reload()
    assert [float(tf.make_ndarray(e.tensor_proto)) for e in found.Tensors("epoch_loss")] == [0.25, 0.125]
    assert "epoch_learning_rate" in found.Tags()["tensors"]
    assert "epoch_error" in EventAccumulator(str(tmp_path / "validation")).Reload().Tags()["tensors"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install 'phi_sol\\[tensorboard\\]'"):
        TensorBoard(tmp_path, None)
