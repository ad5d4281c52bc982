"""
A step of the source and of hybrids, in compiled loops: XLA for the whole loop, or TensorFlow's kernels for the network.

    python benchmarks/loops.py [wake_2d ...] -> benchmarks/results/loops.json

All take turns; least and median of the turns. Nothing is remembered in the user's cache.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()

import numpy as np
import tensorflow as tf
from common import show
from course import measuring

from phi_sol import Corrector, HybridSolver, load_experiment
from phi_sol.correctors.statistics import Statistics
from phi_sol.kernels.loops import Loop
from phi_sol.stepping.arrays import pack

NETWORKS = ("fast", "faster", "fastest", "small")
TURNS, STEPS = 25, 50
FILE = Path(__file__).parent / "results" / "loops.json"


def rows_of(scene: str) -> list[dict]:
    experiment = load_experiment(scene)
    flow = experiment.pair.source
    given = {n: v[:1] for n, v in experiment.test.items()}
    arrays, parameters, _ = pack(flow, flow.initial_state(**{n: list(v) for n, v in given.items()}))
    dt, ones = tf.constant(flow.dt), dict.fromkeys(arrays, np.ones(1))
    numbers = {n: np.array([1.0, 2.0]) for n in flow.parameters if n != "seed"}
    statistics_ = Statistics.of(dict.fromkeys(arrays, (0.0, 1.0)), ones, numbers)
    loops = {("source", "XLA"): flow.loop}
    for name in NETWORKS:
        hybrid = HybridSolver(flow, Corrector.create(flow, name, statistics_, correct=experiment.correct))
        for way, jit_compile in (("XLA", True), ("kernels", None)):
            loops[name, way] = Loop(hybrid.advance, jit_compile, hybrid.keep)
    times: dict = {key: [] for key in loops}
    for turn in range(TURNS + 1):
        measuring(f"{scene}, {f'turn {turn} of {TURNS}' if turn else 'compiling'}: {len(loops)} loops")
        for key, loop in loops.items():
            begin = time.perf_counter()
            next(iter(loop.steps(arrays, parameters, dt, STEPS).values())).numpy()
            if turn:  # the first one compiles
                times[key].append(1e3 * (time.perf_counter() - begin) / STEPS)
    source = statistics.median(times["source", "XLA"])
    result = []
    for (network, way), ms in times.items():
        facts = {"scene": scene, "step": network, "compiled by": way, "least_ms": round(min(ms), 4)}
        median = statistics.median(ms)
        result.append(facts | {"median_ms": round(median, 4), "times_source": round(median / source, 2)})
    return result


def main():
    scenes = sys.argv[1:] or ["wake_2d"]
    known = json.loads(FILE.read_text()) if FILE.is_file() else []
    for scene in scenes:
        rows = rows_of(scene)
        show(scene, rows)
        known = [r for r in known if r["scene"] != scene] + rows
    FILE.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
