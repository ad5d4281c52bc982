"""
Estimates through flows, against the truth: how far they are off, and how long they take.

    python benchmarks/inverse.py            # benchmarks/results/inverse.json
    python benchmarks/inverse.py --seeds 3
    python benchmarks/inverse.py --tasks inlet cylinder --images docs/images

reynolds: the Reynolds number of `wake_2d` from a region of its wake in ten of 50 frames, with 1 % noise (of the speed's
deviation), the state at the start known, the search beginning at 200. On one grid the recording is the solver's own; on
two it is the reference's, restricted, and the solver is the source, or the source with the corrector that ships.

The other tasks are those of inverse_tasks.py.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
from common import show, versions, write_json
from inverse_tasks import TASKS

import phi_sol as ps

TRUE = (227.6, 316.2, 610.5)
REGION = {"y": (80, 180), "x": (20, 80)}
FRAMES, EVERY, NOISE, WARMUP = 50, 5, 0.01, 200


def recordings(pair, solver, reynolds: float) -> dict:
    """The start and the frames: the solver's own, and the reference's, restricted."""
    begin = pair.reference.initial_state(reynolds=reynolds)
    fine = pair.fine.rollout(begin, WARMUP, keep_every=WARMUP, progress=False).last
    start = pair.restrict(fine)
    there = pair.restrict(pair.fine.rollout(fine, FRAMES, progress=False))
    return {"one grid": (start, solver.rollout(start, FRAMES, progress=False)), "two grids": (start, there)}


def noisy(flow, frames, seed: int) -> tuple:
    rng, deviation = np.random.default_rng(seed), NOISE * float(np.std(frames.arrays["velocity.y"]))
    arrays = {n: (a + deviation * rng.normal(size=a.shape)).astype(np.float32) for n, a in frames.arrays.items()}
    return ps.Rollout(flow, arrays, frames.parameters, frames.times), deviation


def reynolds(seeds: int) -> list[dict]:
    pair = ps.load_experiment("wake_2d").pair
    solvers = {"source": pair.source, "corrected source": ps.HybridSolver(pair.source, ps.pretrained("wake_2d"))}
    rows = []
    for true in TRUE:
        for name, solver in solvers.items():
            for grids, (start, frames) in recordings(pair, solver, true).items():
                found, seconds = [], []
                for seed in range(seeds):
                    values, deviation = noisy(pair.source, frames, seed)
                    seen = ps.Observations(values, "velocity", every=EVERY, region=REGION, noise=deviation)
                    unknown = ps.Parameter("reynolds", 200.0, bounds=(20.0, 5000.0))
                    begin = time.perf_counter()
                    found.append(ps.Estimation(solver, start, [unknown], seen).fit(progress=False))
                    seconds.append(time.perf_counter() - begin)
                values = [f.estimates["reynolds"] for f in found]
                rows.append({"reynolds": true, "solver": name, "recorded on": grids, "seeds": seeds})
                rows[-1] |= {
                    "mean": statistics.mean(values),
                    "deviation": statistics.stdev(values) if seeds > 1 else 0.0,
                }
                rows[-1] |= {"standard_error": statistics.mean(f.errors["reynolds"] for f in found)}
                rows[-1] |= {"off": statistics.mean(values) / true - 1, "chi2": statistics.mean(f.chi2 for f in found)}
                rows[-1] |= {"seconds": statistics.median(seconds), "first_seconds": seconds[0]}
                print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="of the noise")
    parser.add_argument("--tasks", nargs="*", default=["reynolds", *TASKS], choices=["reynolds", *TASKS])
    parser.add_argument("--images", type=Path, help="folder for the pictures of docs/inverse.md")
    given = parser.parse_args()
    place = Path(__file__).parent / "results" / "inverse.json"
    for task in given.tasks:
        rows = reynolds(given.seeds) if task == "reynolds" else [TASKS[task](given.seeds, given.images)]
        show(task, rows)
        known = json.loads(place.read_text()) if place.is_file() else {}
        write_json(place, known | {task: rows, "versions": versions()})


if __name__ == "__main__":
    main()
