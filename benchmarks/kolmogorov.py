"""
For how long the corrected source of `kolmogorov_2d` predicts turbulence, and what it costs: against plain numerics on
all grids, each with its longest stable time steps, and against a pseudo-spectral solver (exponax), all from the same
frames of the test simulations.

    python benchmarks/kolmogorov.py --seeds 3                  # benchmarks/results/kolmogorov.json
    python benchmarks/kolmogorov.py --run runs/mine --run runs/other     # runs that are there, in place of trainings

Data are in data/kolmogorov_2d, trainings, with the scene's own schedule, in runs/kolmogorov_2d. What is finished is
left alone, so that it can be called again. Costs of the first table are taken by `phi_sol.evaluate`, in turns in one
run; those against exponax in turns between processes.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
from common import five_digits, last_line, phi_sol, show, skip, versions, write_json
from sides import Case, Effort, Side, SkippedError, alternate
from turbulence_sides import build

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "verification"))
from spectral_box import from_faces, to_faces

SCENE = "kolmogorov_2d"
SCHEMES = ("central", "van_leer", "mac_cormack")
STEPS = 2  # of each grid and scheme: the longest stable ones, each half the one before
SPECTRAL = {64: (4, 8), 96: (8,), 128: (8, 16)}  # steps per frame, by grid
EVERY = 5  # source steps per frame of the spectral solver
ENTRY = ("time_to_095", "time_to_08", "spectrum", "energy", "enstrophy", "mae", "ms_per_time")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--run", action="append", type=Path, help="a trained run, in place of trainings")
    given = parser.parse_args()
    phi_sol("generate", SCENE)
    runs = given.run or [Path("runs") / SCENE / f"seed{s}" for s in range(given.seeds)]
    for seed, run in () if given.run else enumerate(runs):
        more = ["--resume"] if (run / "run.json").is_file() else []
        phi_sol("train", SCENE, "--validation", "0", "--seed", str(seed), "--out", str(run), *more)
    import phi_sol as ps

    scene = ps.load_experiment(SCENE)
    plain = plain_numerics(scene)
    solvers = plain | {r.name: r for r in runs}
    found = ps.evaluate(scene, solvers, f"data/{SCENE}/test", numerics=False).results["solvers"]
    rows = [{"solver": n} | measured(found[n]) for n in ("SRC", *plain, *(r.name for r in runs))]
    facts: dict = {"minutes": {r.name: round(float(last_line(r)["seconds"]) / 60, 1) for r in runs}}
    if not given.run:
        trained = [measured(found[r.name]) for r in runs]
        facts["mean"] = {n: statistics.mean(t[n] for t in trained) for n in ENTRY}
        facts["deviation"] = {n: statistics.stdev(t[n] for t in trained) if len(trained) > 1 else 0.0 for n in ENTRY}
    show("Plain numerics, and corrected ones", rows)
    against = spectral(scene, runs[0])
    show("Against a pseudo-spectral solver", against)
    facts["ms_reference"] = found["REF"]["ms_per_time"]
    everything = {"solvers": rows, "corrected": facts, "spectral": against, "versions": versions()}
    write_json(Path(__file__).parent / "results" / "kolmogorov.json", everything)


def plain_numerics(scene) -> dict:
    """
    By name, on all grids but the reference's, with steps up to the source's, which have all frames; and the source with
    Smagorinsky's closure.
    """
    import phi_sol as ps
    from phi_sol.evaluation.baselines import plain_solvers

    groups: dict = {}
    for p in plain_solvers(scene, scene.simulations("test"), scene.frames).values():
        scheme = p.advection or scene.pair.source.advection
        if p.factor < scene.pair.ratio and scheme in SCHEMES and p.solver.dt <= scene.pair.source.dt:
            groups.setdefault((scheme, p.factor), []).append(p.solver)
    cells, found = scene.pair.source.resolution["x"], {}
    for (scheme, factor), solvers in groups.items():
        for s in sorted(solvers, key=lambda s: -s.dt)[:STEPS]:
            found[f"{scheme} {cells * factor}, dt = {s.dt:g}"] = s
    closed = scene.pair.source.with_terms(ps.Smagorinsky(0.17))
    return found | {f"central {cells} and Smagorinsky": closed}


def measured(entry: dict) -> dict:
    times = entry["vorticity_correlation"]
    found = {
        "time_to_095": times["time_to_0.95"]["mean"],
        "time_to_08": times["time_to_0.8"]["mean"],
        "spectrum": entry["spectral_error"],
        "energy": entry["kinetic_energy_error"],
        "enstrophy": entry["enstrophy_error"],
        "mae": entry["mae"][max(entry["mae"], key=float)],
        "ms_per_time": entry["ms_per_time"],
    }
    return {n: five_digits(v) for n, v in found.items()}


def spectral(scene, run: Path) -> list[dict]:
    """exponax on some grids beside the corrected source: time to 0.95 and cost, in turns between processes."""
    import phi_sol as ps
    from phi_sol.evaluation.baselines import Starts
    from phi_sol.metrics.vortices import correlation_time
    from phi_sol.storage.dataset import find_simulations

    flow = scene.pair.source
    data = ps.Dataset(scene.pair, find_simulations([f"data/{SCENE}/test"], "test"))
    full, frames, frame = Starts(data).full, data.frames // EVERY, EVERY * flow.dt
    arrays = [{n: a[:, EVERY * (i + 1)] for n, a in data.arrays.items()} for i in range(frames)]
    rows, effort, per_unit = [], Effort(seconds=10), round(1 / frame)
    with Side(corrected_cases) as ours:
        ours.prepare(str(Path(run).resolve()), EVERY * per_unit)
        for cells, counts in SPECTRAL.items():
            waves = [from_faces([full[f"velocity.{d}"][i] for d in "yx"], cells) for i in range(len(data))]
            for steps in counts:
                row = {"solver": "exponax", "cells": cells, "dt": frame / steps}
                given = [dict(zip("yx", to_faces(w, cells), strict=True)) for w in waves]
                try:
                    with Side(build, timeout=900) as side:
                        side.prepare("exponax", True, 1e-3, given, steps, frame, frames)
                        kept = side.value("frames")
                        times = alternate({"exponax": (side, "once"), "corrected": (ours, "once")}, effort)
                except SkippedError as err:
                    skip(f"exponax at {cells}", err)
                    continue
                found = [{f"velocity.{d}": kept[d][i] for d in "yx"} for i in range(frames)]
                correlation = np.array(
                    [ps.metrics.vorticity_correlation(flow, *pair) for pair in zip(found, arrays, strict=True)]
                )
                ms, corrected = (t / (per_unit * frame) for t in times.values())
                until = correlation_time(correlation, 0.95, frame)["mean"]
                row |= {"time_to_095": until, "ms_per_time": ms, "ms_corrected": corrected}
                rows.append({n: five_digits(v) for n, v in row.items()})
    return rows


def corrected_cases(run: str, steps: int) -> dict[str, Case]:
    """So many steps of the corrected source in one loop."""
    import tensorflow as tf
    from phi.math import NUMPY

    import phi_sol as ps
    from phi_sol.stepping.arrays import pack

    flow = ps.load_experiment(SCENE).pair.source
    solver = ps.HybridSolver(flow, ps.Corrector.load(run))
    with NUMPY:
        arrays, parameters, _ = pack(flow, flow.initial_state(seed=0, viscosity=1e-3))
    dt = tf.constant(flow.dt, tf.float32)
    solver.loop.choose(arrays, parameters, dt)
    return {"once": lambda: {n: a.numpy() for n, a in solver.loop.steps(arrays, parameters, dt, steps).items()}}


if __name__ == "__main__":
    main()
