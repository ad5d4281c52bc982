"""What docs/design.md says about TensorFlow's process-wide settings is all that changes."""

import json
import subprocess
import sys

CODE = """
import json, os
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
import keras, numpy as np, tensorflow as tf
import phi.math.backend
from phi import math
from phiml.math import get_precision

def seen():
    return dict(
        options=tf.config.optimizer.get_experimental_options(), jit=tf.config.optimizer.get_jit() or "",
        policy=keras.config.dtype_policy().name, floatx=keras.config.floatx(), precision=get_precision(),
        backend=math.backend.default_backend().name, threads=tf.config.threading.get_intra_op_parallelism_threads(),
        placement=tf.config.get_soft_device_placement(), state=float(np.random.get_state()[2]),
    )

states = [seen()]
import phi_sol
from phi_sol import Experiment, Flow, SolverPair, WakeFlow, load_experiment
load_experiment("karman_2d").pair.config
states.append(seen())
flow = WakeFlow(y=16, x=8)
flow.rollout(flow.initial_state(reynolds=200.0), 2)
states.append(seen())
print(json.dumps([states, os.environ.get("TF_CPP_MIN_LOG_LEVEL")]))
"""


def test_only_what_is_documented_is_set():
    result = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    (before, imported, used), level = json.loads(result.stdout)
    assert imported == before and level == "2"
    assert used.pop("options") == before.pop("options") | {"remapping": False}
    assert used == before
