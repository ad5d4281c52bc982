"""The hybrid solver on PhiFlow states."""

import numpy as np
import tensorflow as tf
from phi import math

from phi_sol import Corrector, HybridSolver
from phi_sol.stepping.arrays import pack


def test_step_adds_the_correction_to_the_source_step(tiny, tiny_run):
    flow, corrector = tiny.pair.source, Corrector.load(tiny_run)
    with math.NUMPY:
        state = flow.initial_state(reynolds=[200.0, 300.0])
        result = HybridSolver(flow, corrector).step(state)
        arrays, parameters, _ = pack(flow, state)
    source = flow.compiled(arrays, parameters, tf.constant(1.0))
    correction = corrector(source, parameters)
    for d in "yx":
        assert np.abs(correction[f"velocity.{d}"]).max() > 0
        expected = source[f"velocity.{d}"] + correction[f"velocity.{d}"]
        np.testing.assert_allclose(result.velocity.values[{"~vector": d}].numpy("batch,y,x"), expected, atol=1e-6)
    np.testing.assert_allclose(result.marker.values.numpy("batch,y,x"), source["marker"], atol=1e-6)


def test_rollout_keeps_every_so_many_states(tiny, tiny_run):
    flow = tiny.pair.source
    hybrid = HybridSolver(flow, Corrector.load(tiny_run))
    with math.NUMPY:
        state = flow.initial_state(reynolds=200.0)
        frames = hybrid.rollout(state, steps=6, keep_every=2)
        assert len(frames) == 3
        for _ in range(4):
            state = hybrid.step(state)
    a, b = (s.velocity.values[{"~vector": "y"}].numpy("y,x") for s in (frames[1], state))
    np.testing.assert_allclose(a, b, atol=1e-6)
