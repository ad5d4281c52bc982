"""
Seconds from the start of a fresh process to the end of its first wake step (import, set-up, trace, compile), in
milliseconds, against PhiFlow with TensorFlow, traced without AutoGraph.
"""

import statistics
import subprocess
import sys
import time

from common import row, size_name
from course import measured, measuring
from sides import Effort

SIZES = [dict(y=64, x=32), dict(y=256, x=128)]
REPEATS = 3
PHI_SOL, PHIFLOW = "phi_sol", "PhiFlow + TensorFlow, CG"


def first_step_of_phi_sol(y: int, x: int):
    import phi.tf.flow  # noqa: F401  as users do: it makes TensorFlow the default

    import phi_sol

    flow = phi_sol.WakeFlow(y=y, x=x)
    flow.step(flow.initial_state(reynolds=500.0)).marker.values.numpy("y,x")


def first_step_of_phiflow(y: int, x: int):
    import numpy as np
    from peers import TOLERANCE, tensorflow_case
    from phiflow_wake import PhiFlowWake

    arrays = {"velocity.y": np.ones((1, y, x)), "velocity.x": np.zeros((1, y, x - 1)), "marker": np.zeros((1, y, x))}
    peer = PhiFlowWake(TOLERANCE, y=y, x=x)
    tensorflow_case(peer, {n: a.astype(np.float32) for n, a in arrays.items()}, np.array([500.0]), 1.0)()


FIRST_STEPS = {PHI_SOL: first_step_of_phi_sol, PHIFLOW: first_step_of_phiflow}


def milliseconds(name: str, resolution: dict[str, int]) -> float:
    """Runs a first step in a fresh process, which prints the time at its end: leaving Python does not count."""
    begin = time.time()
    command = [sys.executable, __file__, name, *map(str, resolution.values())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return 1e3 * (float(done.stdout.split()[-1]) - begin)


def run(effort: Effort, sizes: list[dict[str, int]] = SIZES) -> list[dict]:
    rows = []
    for resolution in sizes:
        measuring(f"first steps of fresh processes, {size_name(resolution)}")
        times = [
            [milliseconds(name, resolution) for name in FIRST_STEPS] for _ in range(1 if effort.quick else REPEATS)
        ]
        ours, theirs = map(statistics.median, zip(*times, strict=True))
        rows += measured([row("first step of a process", size_name(resolution), 1, ours, PHIFLOW, theirs)])
    return rows


if __name__ == "__main__":
    FIRST_STEPS[sys.argv[1]](*map(int, sys.argv[2:]))
    print(time.time())
