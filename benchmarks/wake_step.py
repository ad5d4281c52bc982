"""One wake step: phi_sol against PhiFlow's own operators and conjugate gradients in a TensorFlow graph without AutoGraph."""

import sys
from pathlib import Path

from common import report, row, side_by_side

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "verification"))
import tensorflow as tf
from phi import math
from phi.math import batch, dual, spatial
from phi.tf import TENSORFLOW
from phiflow_wake import PhiFlowWake

from phi_sol import WakeFlow
from phi_sol.stepping import pack


def phiflow_step(flow: WakeFlow):
    """PhiFlow's step on native arrays, traced once without AutoGraph; CG to a relative tolerance of 1e-3."""
    peer = PhiFlowWake(**flow.resolution, tolerance=1e-3)
    for field in (peer.open, peer.inflow, peer.fluid, peer.velocity(0), peer.marker(0)):  # geometry caches
        _ = field.points, field.geometry.center, field.dx
        for part in field.vector if field.is_staggered else ():
            _ = part.points

    def step(arrays, reynolds):
        with TENSORFLOW:
            parts = {n: math.reshaped_tensor(a, [batch("batch"), spatial("y"), spatial("x")], convert=False) for n, a in arrays.items()}
            velocity = peer.velocity(math.stack([parts["velocity.y"], parts["velocity.x"]], dual(vector="y,x")))
            velocity, marker = peer.step(velocity, peer.marker(parts["marker"]), math.reshaped_tensor(reynolds, [batch("batch")]), 1.0)
            values = {f"velocity.{d}": velocity.values[{"~vector": d}].native("batch,y,x") for d in "yx"}
            return values | {"marker": marker.values.native("batch,y,x")}

    return tf.function(step, autograph=False)


def main():
    rows = []
    for resolution in (dict(y=64, x=32), dict(y=256, x=128)):
        flow = WakeFlow(**resolution)
        peer = phiflow_step(flow)
        for count in (1, 8):
            with math.NUMPY:
                arrays, parameters, _ = pack(flow, flow.initial_state([500.0] * count))
            for _ in range(50):
                arrays = flow.compiled(arrays, parameters, tf.constant(1.0))
            cases = {
                "phi_sol": lambda a=arrays, p=parameters, f=flow: f.compiled(a, p, tf.constant(1.0))["marker"].numpy(),
                "phiflow": lambda a=arrays, p=parameters, f=peer: f(a, p["reynolds"])["marker"].numpy(),
            }
            times = side_by_side(cases)
            size = "x".join(map(str, resolution.values()))
            rows.append(row("wake step", size, count, times["phi_sol"], "PhiFlow + TensorFlow, CG", times["phiflow"]))
    report("wake_step", rows)


if __name__ == "__main__":
    main()
