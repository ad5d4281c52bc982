"""
Flows that are left out: what a corrector trained on others does in them at once, and after it was tuned on 1, 2, 4, 8
or 16 of their simulations, beside correctors from scratch and from the most similar single flow, all with as many
iterations of the same network, and so in equal time. Before that, with the gain that one simulation says, and with
that of a reference of twice the cells, which needs no data.

    for flow in benchmarks/flows/*_2d.py; do phi-sol generate $flow --split all --out data/$(basename $flow .py); done
    phi-sol train benchmarks/flows/... --out runs/others        # all but step_2d, plumes_2d and shear_2d
    python benchmarks/foundation_transfer.py --run runs/others --data data \\
        --left-out step_2d --left-out plumes_2d --left-out shear_2d

One corrector without all of them is harder for it than one for each that lacks that flow alone. Errors are MAE of the
velocity over 20 steps of the test simulations, relative to the source's; those of plain numerics of equal cost stand
beside (the source's flow with the second-order scheme, on the same grid). Several of these can run side by side, each
with other flows; a training that is there already is read.

The seeds of each tuning make an ensemble: the error of its mean, and whether its spread foretells that error (rank
correlation over frames and simulations, coverage of the intervals of 90 %, error over spread).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from common import read_json, show, versions, write_json
from foundation import calibrations, scene_of
from phi.math import batch

import phi_sol as ps
from phi_sol.tasks.correction.validation import rollout_error

SIMILAR = {"step_2d": "square_2d", "plumes_2d": "two_2d", "shear_2d": "turbulence_2d", "square_2d": "cylinder_2d"}
SIMILAR |= {"two_2d": "cylinder_2d", "bodies_2d": "cylinder_2d", "cylinder_2d": "bodies_2d", "waves_2d": "shear_2d"}
SIMILAR |= {"forced_2d": "turbulence_2d", "turbulence_2d": "forced_2d"}
COUNTS, STEPS = (1, 2, 4, 8, 16), 20
METHOD = ps.Method("sol", 4, scale_free=True, loss=ps.Loss(relative=True))
NONE = ps.Validation(simulations=0)
RATE = 2e-3  # of learning, in all trainings


def trained(task, folder: Path, steps: int, seed: int) -> ps.Corrector:
    """A training; one that is there already is read, one that was interrupted is gone on with."""
    run = folder / "run.json"
    if run.is_file() and json.loads(run.read_text())["complete"]:
        return ps.Corrector.load(folder)
    plan = ps.Plan((ps.Stage(4, 1.0),), batch=8, learning_rate=RATE, steps=steps, clip=1.0, ema=0.99)
    how: dict = {"seed": seed, "validation": NONE, "resume": run.is_file()}
    return ps.Trainer(task, plan, folder, **how).fit(progress=False)


def error(solver, data: ps.Dataset, plain: float = 1.0) -> float:
    names = [n for n in data.arrays if n.startswith("velocity")]
    return rollout_error(solver, data, range(len(data)), STEPS, names) / plain


def doubt(members: list, tests: ps.Dataset, plain: float) -> dict:
    """Of an ensemble: the error of its mean, and whether its spread says how large that is."""
    flow, keep = members[0].flow, slice(STEPS + 1)
    arrays = {n: np.moveaxis(a, 1, 0)[keep] for n, a in tests.arrays.items()}
    times = flow.dt * np.arange(STEPS + 1)
    right = ps.Rollout(flow, arrays, tests.parameters, times, batch=batch(simulation=len(tests)))
    forecast = ps.Ensemble(members).rollout(right[0], STEPS, progress=False)
    told = forecast.reliability(right[1:], 0.9)
    names = [n for n in arrays if n.startswith("velocity")]
    off = np.mean([np.abs(forecast.mean.arrays[n] - right[1:].arrays[n]).mean() for n in names])
    row = {"members": len(members), "of the mean": float(off) / plain}
    return row | {"rank": told.rank, "coverage of 90 %": told.coverage, "error over spread": told.ratio}


def measured(name: str, given) -> tuple[list[dict], list[dict]]:
    """Errors relative to the source's, and what ensembles of seeds are worth."""
    scene, folder, near = scene_of(name), Path(given.out) / name, SIMILAR[name]
    if name in ps.Corrector.load(given.run).description["flows"]:
        raise SystemExit(f"{given.run} was trained on {name}.")
    source, tests = scene.pair.source, ps.Dataset.load(scene.pair, given.data / name, "test")
    data = ps.Dataset.load(scene.pair, given.data / name, "train")
    near_data = ps.Dataset.load(scene_of(near).pair, given.data / near, "train")
    plain, rows = error(source, tests), []
    better = error(scene.flow(**scene.source, **scene.options | {"advection": "mac_cormack"}), tests, plain)
    trained(ps.Correction(near_data, METHOD, "faster"), folder / near, given.similar, 0)
    starts = {"foundation": given.run, f"from {near}": folder / near}
    members: dict[tuple[int, str], list] = {}
    at_once = {"simulations": 0, "SRC": plain, "SRC-MC": better}  # whatever the seed
    for label, run in starts.items():
        corrector = ps.Corrector.load(run)
        at_once[label] = error(ps.HybridSolver(source, corrector, strict=False), tests, plain)
        for how, told in calibrations(corrector, scene, data.only([0])).items():
            at_once[f"{label}, gain, {how}"] = told.gain
            at_once[f"{label}, {how}"] = error(ps.HybridSolver(source, told, strict=False), tests, plain)
    for seed in range(given.seeds):
        rows.append({"flow": name, "seed": seed} | at_once)
        for count in given.counts:
            part, row = data.only(range(0, len(data), len(data) // count)), {"flow": name, "seed": seed}
            row["simulations"] = count
            for label, run in (starts | {"scratch": None}).items():
                place = folder / f"{label.replace(' ', '-')}-{seed}-{count}"
                # every tuning begins from what is on disk: a training changes the weights that it is given
                start = "faster" if run is None else ps.Corrector.load(run)
                tuned = trained(ps.Correction(part, METHOD, start), place, given.steps, seed)
                solver = ps.HybridSolver(source, tuned)
                row[label] = error(solver, tests, plain)
                members.setdefault((count, label), []).append(solver)
            rows.append(row)
            print(row, flush=True)
    ensembles = [
        {"flow": name, "simulations": count, "of": label} | doubt(solvers, tests, plain)
        for (count, label), solvers in members.items()
        if len(solvers) > 1
    ]
    return rows, ensembles


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of a training on other flows")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data of the flows")
    parser.add_argument("--left-out", action="append", required=True, help="name of a flow")
    parser.add_argument("--out", default="runs/transfer", help="folder of the trainings, which are gone on with")
    parser.add_argument("--similar", type=int, default=800, help="iterations of the training on the most similar flow")
    parser.add_argument("--steps", type=int, default=240, help="iterations of each tuning, and of each from scratch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="of simulations to tune on")
    given = parser.parse_args()
    found = {name: measured(name, given) for name in given.left_out}
    rows = [row for name in found for row in found[name][0]]
    ensembles = [row for name in found for row in found[name][1]]
    show("error relative to SRC in flows that were left out", rows)
    show("ensembles of the seeds", ensembles)
    place = Path(__file__).parent / "results" / "foundation.json"
    known = read_json(place, {})
    for key, part in (("left out", 0), ("ensembles", 1)):
        known[key] = known.get(key, {}) | {name: both[part] for name, both in found.items()}
    write_json(place, known | {"versions": versions()})
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
