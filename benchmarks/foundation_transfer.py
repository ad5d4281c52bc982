"""
Leave one flow out: what a corrector trained on the others does in it at once, and after it was tuned on 1, 2, 4, 8 or
16 of its simulations, beside correctors from scratch and from the most similar single flow, all with equal time.

    for flow in benchmarks/flows/*_2d.py; do phi-sol generate $flow --out data/$(basename $flow .py); done
    python benchmarks/foundation_transfer.py --data data --left-out step_2d --left-out plumes_2d --left-out shear_2d

Errors are MAE of the velocity over 20 steps of the test simulations, relative to the source's; those of plain numerics
of equal cost stand beside (the source's flow with the second-order scheme, on the same grid).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from common import show, versions, write_json

import phi_sol as ps
from phi_sol.tasks.correction.validation import rollout_error

FLOWS = Path(__file__).parent / "flows"
SIMILAR = {"step_2d": "square_2d", "plumes_2d": "two_2d", "shear_2d": "turbulence_2d", "square_2d": "cylinder_2d"}
SIMILAR |= {"two_2d": "cylinder_2d", "bodies_2d": "cylinder_2d", "cylinder_2d": "bodies_2d", "waves_2d": "shear_2d"}
SIMILAR |= {"forced_2d": "turbulence_2d", "turbulence_2d": "forced_2d"}
COUNTS, STEPS = (1, 2, 4, 8, 16), 20
METHOD = ps.Method("sol", 4, scale_free=True, loss=ps.Loss(relative=True))
NONE = ps.Validation(simulations=0)


def scene_of(name: str) -> ps.Experiment:
    return ps.load_experiment(str(FLOWS / f"{name}.py"))


def plan(seconds: float, rate: float) -> ps.Plan:
    return ps.Plan((ps.Stage(4, 1.0),), batch=8, learning_rate=rate, budget=seconds, clip=1.0, ema=0.999)


def trained(task, folder: Path, seconds: float, seed: int, rate: float = 2e-3) -> ps.Corrector:
    """A training; one that is there already is read, one that was interrupted is gone on with."""
    run = folder / "run.json"
    if run.is_file() and json.loads(run.read_text())["complete"]:
        return ps.Corrector.load(folder)
    how: dict = {"seed": seed, "validation": NONE, "resume": run.is_file()}
    return ps.Trainer(task, plan(seconds, rate), folder, **how).fit(progress=False)


def error(solver, data: ps.Dataset, plain: float = 1.0) -> float:
    names = [n for n in data.arrays if n.startswith("velocity")]
    return rollout_error(solver, data, range(len(data)), STEPS, names) / plain


def measured(name: str, given) -> list[dict]:
    scene, folder = scene_of(name), Path(given.out) / name
    source, tests = scene.pair.source, ps.Dataset.load(scene.pair, given.data / name, "test")
    data = ps.Dataset.load(scene.pair, given.data / name, "train")
    others = [f.stem for f in sorted(FLOWS.glob("*_2d.py")) if f.stem != name]
    sets = {n: ps.Dataset.load(scene_of(n).pair, given.data / n, "train") for n in others}
    plain, rows = error(source, tests), []
    options = scene.options | {"advection": "mac_cormack"}
    better = error(scene.flow(**scene.source, **options), tests, plain)
    for seed in range(given.seeds):
        shared = trained(ps.SharedCorrection(sets, METHOD, "faster"), folder / f"all-{seed}", 60 * given.minutes, seed)
        near = SIMILAR[name]
        like = ps.Correction(sets[near], METHOD, "faster")
        single = trained(like, folder / f"{near}-{seed}", 60 * given.minutes / len(sets), seed)
        starts = {"foundation": shared, f"from {near}": single}
        row = {"flow": name, "seed": seed, "simulations": 0, "SRC": plain, "SRC-MC": better}
        row |= {n: error(ps.HybridSolver(source, c, strict=False), tests, plain) for n, c in starts.items()}
        rows.append(row)
        print(row, flush=True)
        for count in COUNTS:
            part, row = data.only(range(0, len(data), len(data) // count)), {"flow": name, "seed": seed}
            row["simulations"] = count
            for label in (*starts, "scratch"):
                place = folder / f"{label.replace(' ', '-')}-{seed}-{count}"
                # every tuning begins from what is on disk: a training changes the weights that it is given
                from_run = {"foundation": f"all-{seed}", f"from {near}": f"{near}-{seed}"}.get(label)
                start = "faster" if from_run is None else ps.Corrector.load(folder / from_run)
                rate = 2e-3 if from_run is None else 5e-4
                tuned = trained(ps.Correction(part, METHOD, start), place, given.seconds, seed, rate)
                row[label] = error(ps.HybridSolver(source, tuned), tests, plain)
            rows.append(row)
            print(row, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data of the flows")
    parser.add_argument("--left-out", action="append", required=True, help="name of a flow")
    parser.add_argument("--out", default="runs/transfer", help="folder of the trainings, which are gone on with")
    parser.add_argument("--minutes", type=float, default=20.0, help="of each training on many flows")
    parser.add_argument("--seconds", type=float, default=90.0, help="of each tuning, and of each from scratch")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    rows = [row for name in given.left_out for row in measured(name, given)]
    show("error relative to SRC in flows that were left out", rows)
    place = Path(__file__).parent / "results" / "foundation.json"
    known = json.loads(place.read_text()) if place.is_file() else {}
    write_json(place, known | {"left out": rows, "versions": versions()})
    means = {}
    for row in rows:
        for label in set(row) - {"flow", "seed", "simulations", "SRC"}:
            means.setdefault((row["flow"], row["simulations"], label), []).append(row[label])
    show(
        "means over seeds",
        [
            dict(zip(("flow", "simulations", "of", "error"), (*k, float(np.mean(v))), strict=True))
            for k, v in sorted(means.items())
        ],
    )


if __name__ == "__main__":
    main()
