"""
The periodic box against solvers that no one here wrote, and against a pseudo-spectral one of 40 lines.

    taskset -c 0 python benchmarks/turbulence.py [prediction] [statistics] [vortices] [--quick] [--out FILE]

prediction: decaying and forced 2D turbulence from the same start, phi_sol, JAX-CFD and exponax on grids of 64, 128 and
256 cells against the spectral solver on 256 x 256 points: for how long vortices stay where they should be, errors, and
what a unit of time costs at equal error. statistics: Kolmogorov flow's mean energy, enstrophy and spectrum over a long
time. vortices: energy and dissipation of the 3D Taylor-Green vortices at Re = 100.

Each part replaces its own entry in benchmarks/results/turbulence.json; turbulence_figures.py draws them. Times are the
least processor times of some calls, on one core, since the libraries differ in how many they use.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from common import five_digits, processor, read_json, show, skip, versions, write_json
from course import measuring
from sides import QUICK, Effort, Side, SkippedError
from turbulence_means import spectral, starts, statistics, vortices
from turbulence_sides import GRID, build

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "verification"))
from spectral_box import from_faces, to_faces

FILE = Path(__file__).parent / "results" / "turbulence.json"

# --- prediction ---

VISCOSITY = 1e-3
FRAME, PER_UNIT = 0.2, 5
SEEDS = (0, 1)
DURATION = {False: 8.0, True: 10.0}  # decaying, forced
REFERENCE = 256, 40  # points, steps per frame
CHECK = 192, 30
STEPS = {  # per frame, by grid: as many per cell on all of them
    "central": {64: 10, 128: 20, 256: 40},
    "van_leer": {64: 16, 128: 32, 256: 64},
    "JAX-CFD": {64: 16, 128: 32, 256: 64},
    "exponax": {64: 10, 128: 20},
}
SIZES_QUICK = (64,)


def spectral_frames(n: int, steps: int, forced: bool, start: list[dict], frames: int) -> dict:
    box, kept = spectral(n, forced, VISCOSITY), []
    for s in start:
        state, own = from_faces([s["y"], s["x"]], n), []
        for _ in range(frames):
            state = box.run(state, FRAME / steps, steps)
            own.append(to_faces(state, GRID))
        kept.append(own)
    return {d: np.array([[f[i] for f in own] for own in kept]).swapaxes(0, 1) for i, d in enumerate("yx")}


def compared(frames: dict, reference: dict) -> dict:
    """Correlation of the vorticity by frame, its times, and errors of the velocity; means over the simulations."""
    from phi_sol import PeriodicBox, metrics

    flow = PeriodicBox(y=GRID, x=GRID)
    count, seeds = frames["y"].shape[:2]
    flat = [{f"velocity.{d}": f[d].reshape(-1, GRID, GRID) for d in "yx"} for f in (frames, reference)]
    correlation = metrics.vorticity_correlation(flow, *flat).reshape(count, seeds)
    times = {}
    for threshold in (0.95, 0.8):
        until = metrics.time_until_below(correlation, threshold, FRAME)
        times[f"time_to_{threshold:g}"] = float(np.where(np.isnan(until), FRAME * count, until).mean())
        times[f"reached_{threshold:g}"] = int(np.isnan(until).sum())
    squares = [sum(np.square(f).sum((-2, -1)) for f in fields) for fields in
               ([frames[d] - reference[d] for d in "yx"], [reference[d] for d in "yx"])]  # fmt: skip
    error = np.sqrt(squares[0] / squares[1]).mean(1)
    errors = {f"error_{t}": float(error[t * PER_UNIT - 1]) for t in (1, 2, 4) if t * PER_UNIT <= count}
    curve = [round(float(c), 5) for c in correlation.mean(1)]
    return {n: five_digits(v) for n, v in (errors | times).items()} | {"correlation": curve}


def prediction(forced: bool, effort: Effort) -> tuple[dict, dict]:
    """Rows by solver and grid; and the last frames to be drawn, by solver."""
    frames = round((2.0 if effort.quick else DURATION[forced]) / FRAME)
    seeds = SEEDS[:1] if effort.quick else SEEDS
    base = starts(GRID, seeds, forced)
    measuring("the reference, by a spectral solver")
    reference = spectral_frames(*REFERENCE, forced, base, frames)
    rows, fields = [], {"spectral": reference}
    measuring("the spectral solver on another grid")
    check = compared(spectral_frames(*CHECK, forced, base, frames), reference)
    rows.append({"solver": "spectral", "cells": CHECK[0], "steps_per_unit": PER_UNIT * CHECK[1]} | check)
    for solver, sizes in STEPS.items():
        for n, steps in sizes.items():
            if effort.quick and n not in SIZES_QUICK:
                continue
            row = {"solver": solver, "cells": n, "steps_per_unit": PER_UNIT * steps}
            measuring(f"{solver}, {n} points, {'forced' if forced else 'decaying'}")
            try:
                with Side(build, timeout=900) as side:
                    side.prepare(solver, forced, VISCOSITY, starts(n, seeds, forced), steps, FRAME, frames)
                    fields[solver, n] = side.value("frames")
                    ms = float(side.value("unit")["ms"].min())
            except SkippedError as err:
                skip(f"{solver} at {n}", err)
                continue
            rows.append(row | {"ms_per_unit": five_digits(ms)} | compared(fields[solver, n], reference))
    return {"cases": rows, "frames": frames, "seeds": len(seeds)} | at_equal_error(rows), fields


def at_equal_error(rows: list[dict], key: str = "error_1") -> dict:
    """Cost at some errors, by interpolation between grids in logarithms; none beyond the grids that were measured."""
    by_solver: dict = {}
    for r in rows:
        if "ms_per_unit" in r:
            by_solver.setdefault(r["solver"], []).append((r[key], r["ms_per_unit"]))
    table = {}
    for target in (0.06, 0.02, 0.01, 0.005):
        table[f"{target:g}"] = {}
        for solver, points in by_solver.items():
            error, ms = np.log(sorted(points)).T
            inside = error[0] <= np.log(target) <= error[-1]
            cost = float(np.exp(np.interp(np.log(target), error, ms))) if inside else None
            table[f"{target:g}"][solver] = five_digits(cost)
    return {"ms_per_unit_at_error_1": table}


# --- all ---

PARTS = ("prediction", "statistics", "vortices")


def main(arguments: list[str] | None = None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a few steps of each, to see that it works")
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE", help="default: %(default)s")
    given = parser.parse_args(arguments)
    if unknown := [p for p in given.parts if p not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)}")
    effort = QUICK if given.quick else Effort()
    results = read_json(given.out, {})
    for part in given.parts or PARTS:
        measuring(part)
        begin = time.perf_counter()
        if part == "prediction":
            found, fields = {}, {}
            for forced in (False, True):
                name = "kolmogorov" if forced else "decaying"
                found[name], fields[name] = prediction(forced, effort)
                shown = [{k: v for k, v in r.items() if k != "correlation"} for r in found[name]["cases"]]
                show(name, shown)
            save_fields(given.out, fields)
        else:
            found = statistics(effort) if part == "statistics" else vortices(effort)
            show(part, [{k: v for k, v in r.items() if not isinstance(v, list)} for r in found["cases"]])
        facts = {"seconds": round(time.perf_counter() - begin), "processor": processor(), "versions": versions()}
        results[part] = found | facts
        write_json(given.out, results)


def save_fields(out: Path, fields: dict):
    """What turbulence_figures.py draws, beside the results; not kept under version control."""
    arrays = {}
    for case, frames in fields.items():
        for key, faces in frames.items():
            name = key if isinstance(key, str) else f"{key[0]}_{key[1]}"
            arrays |= {f"{case}/{name}/{d}": np.float32(faces[d][:, 0]) for d in "yx"}
    np.savez_compressed(out.with_name("turbulence_fields.npz"), **arrays)


if __name__ == "__main__":
    main()
