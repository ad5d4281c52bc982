"""
Estimates through flows, against the truth: how far they are off, and how long they take.

    python benchmarks/inverse.py            # benchmarks/results/inverse.json
    python benchmarks/inverse.py --seeds 3
    python benchmarks/inverse.py --tasks inlet cylinder --images docs/images

reynolds: the Reynolds number of `wake_2d` from a region of its wake in ten of 50 frames, with 1 % noise (of the speed's
deviation), the state at the start known, the search beginning at 200. On one grid the recording is the solver's own; on
two it is the reference's, restricted, and the solver is the source, or the source with the corrector that ships.

pinn: the same by a physics-informed network (inverse_pinn.py) instead of a solver, and decaying vortices, exactly.

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

TRUE, BEGIN = (227.6, 316.2, 610.5), 200.0
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


def observed(flow, frames, seed: int) -> ps.Observations:
    values, deviation = noisy(flow, frames, seed)
    return ps.Observations(values, "velocity", every=EVERY, region=REGION, noise=deviation)


def reynolds(seeds: int) -> list[dict]:
    pair = ps.load_experiment("wake_2d").pair
    solvers = {"source": pair.source, "corrected source": ps.HybridSolver(pair.source, ps.pretrained("wake_2d"))}
    rows = []
    for true in TRUE:
        for name, solver in solvers.items():
            for grids, (start, frames) in recordings(pair, solver, true).items():
                found, seconds = [], []
                for seed in range(seeds):
                    seen = observed(pair.source, frames, seed)
                    unknown = ps.Parameter("reynolds", BEGIN, bounds=(20.0, 5000.0))
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


def followed_in_region(pair, true: float) -> float:
    """The Reynolds number that the reference follows in the region, by its own viscosity and the numerical one."""
    from inverse_pinn import followed

    begin = pair.fine.rollout(
        pair.reference.initial_state(reynolds=true), WARMUP, keep_every=WARMUP, progress=False
    ).last
    later = pair.fine.rollout(begin, 24, keep_every=8, progress=False)
    return followed(pair.reference, [begin, *(later[i] for i in range(3))], REGION)


def pinn(seeds: int) -> list[dict]:
    """At the middle Reynolds number also vortices in closed form, and, for one seed, three times as many iterations."""
    from inverse_pinn import ITERATIONS, fit

    pair, rows = ps.load_experiment("wake_2d").pair, []
    for true in TRUE:
        recorded = recordings(pair, pair.source, true)
        cases = [(name, *case, None, 1, seeds) for name, case in recorded.items()]
        if true == TRUE[1]:
            exact = ("exact vortices", *recorded["two grids"], true)
            cases += [(*exact, 1, seeds), (*exact, 3, 1), ("two grids", *recorded["two grids"], None, 3, 1)]
        for name, start, frames, exact, longer, count in cases:
            found = []
            for seed in range(count):
                found.append(fit(observed(pair.source, frames, seed), start, seed, BEGIN, exact, longer))
                print(true, name, seed, found[-1], flush=True)
            of = {key: [f[key] for f in found] for key in found[0]}
            mean = statistics.mean(of["reynolds"])
            rows.append({"reynolds": true, "solver": "physics-informed network", "recorded on": name, "seeds": count})
            rows[-1] |= {"mean": mean, "deviation": statistics.stdev(of["reynolds"]) if count > 1 else 0.0}
            rows[-1] |= {"off": mean / true - 1} | {n: statistics.mean(of[n]) for n in ("chi2", "residual")}
            rows[-1] |= {n: statistics.median(of[n]) for n in ("seconds", "processor_seconds")}
            rows[-1] |= {"iterations": longer * ITERATIONS}
            if name == "two grids" and longer == 1:
                rows[-1]["followed by the reference"] = followed_in_region(pair, true)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="of the noise")
    wakes = {"reynolds": reynolds, "pinn": pinn}
    parser.add_argument("--tasks", nargs="*", default=[*wakes, *TASKS], choices=[*wakes, *TASKS])
    parser.add_argument("--images", type=Path, help="folder for the pictures of docs/inverse.md")
    given = parser.parse_args()
    place = Path(__file__).parent / "results" / "inverse.json"
    for task in given.tasks:
        rows = wakes[task](given.seeds) if task in wakes else TASKS[task](given.seeds, given.images)
        show(task, rows)
        known = json.loads(place.read_text()) if place.is_file() else {}
        write_json(place, known | {task: rows, "versions": versions()})


if __name__ == "__main__":
    main()
