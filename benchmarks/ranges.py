"""
Whether a corrector's range of validity foretells where it does harm: correctors of one flow and of many in every flow
of `benchmarks/flows`, what they say of the flow before anything is corrected, and what the corrections then do.

    for flow in benchmarks/flows/*_2d.py; do phi-sol generate $flow --split all --out data/$(basename $flow .py); done
    python benchmarks/ranges.py --data data --run square=runs/square --run many=runs/many ...

`strange` is what `Validity.strange` says of the states of the test simulations, as `phi-sol evaluate` does: shares of
cells `outside` of the training, in percent, and the `shift` of all of them together, in deviations. `error`: MAE of the
velocity over 20 steps of the test simulations relative to the source's; where it is beyond 10 it counts as 10.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from common import read_json, show, versions, write_json
from foundation import is_at_home, names_of, scene_of, strangeness
from foundation_transfer import error
from scipy.stats import spearmanr

import phi_sol as ps

WORST = 10.0
EDGES = (0.2, 0.5, 1, 3)  # of the shifts that are counted together


def measured(name: str, folder: Path, correctors: dict[str, ps.Corrector]) -> list[dict]:
    scene, rows = scene_of(name), []
    data, source = ps.Dataset.load(scene.pair, folder / name, "test"), scene.pair.source
    plain = error(source, data)
    for label, corrector in correctors.items():
        solver = ps.HybridSolver(source, corrector, strict=False)
        known, seen = solver.corrector.validity, solver.corrector.look_at(source, data.arrays, data.parameters)
        row = {"flow": name, "of": label} | strangeness(known, seen) | {"strange": bool(known.strange(seen))}
        row["trained"] = is_at_home(corrector, source)
        rows.append(row | {"error": min(error(solver, data, plain), WORST)})
        print(rows[-1], flush=True)
    return rows


def counted(rows: list[dict]) -> list[dict]:
    """How often the corrections do harm, by what was said and by how far the shift is."""
    groups = {
        f"{t}, {s}": (t == "trained on", s == "strange") for t in ("trained on", "not") for s in ("strange", "not")
    }
    chosen = {n: [r for r in rows if (r["trained"], r["strange"]) == g] for n, g in groups.items()}
    for low, high in pairwise((0, *EDGES, np.inf)):
        chosen[f"not trained on, shift {low} to {high}"] = [
            r for r in rows if not r["trained"] and low <= r["shift"] < high
        ]
    return [
        {"flows": name, "pairs": len(part), "worse than SRC": sum(r["error"] > 1 for r in part)}
        | {"median error": float(np.median([r["error"] for r in part]))}
        for name, part in chosen.items()
        if part
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", required=True, help="NAME=FOLDER of a scale-free corrector")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data of the flows")
    given = parser.parse_args()
    correctors = {n: ps.Corrector.load(folder) for n, _, folder in (r.partition("=") for r in given.run)}
    rows = [row for name in names_of(2) for row in measured(name, given.data, correctors)]
    away = [r for r in rows if not r["trained"]]
    rank = float(spearmanr([r["shift"] for r in away], [r["error"] for r in away]).statistic)
    show("what the range of validity says, and what the corrections do", rows)
    show(f"counts; rank correlation of shift and error in flows not trained on: {rank:.2f}", counted(rows))
    place = Path(__file__).parent / "results" / "foundation.json"
    found = {"ranges": rows, "ranges counted": counted(rows), "ranges, rank": rank, "versions": versions()}
    write_json(place, read_json(place, {}) | found)


if __name__ == "__main__":
    main()
