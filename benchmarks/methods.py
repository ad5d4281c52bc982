"""
The ways to train, compared on one scene with the scene's own network and schedule: for equally many iterations, and for
equally long as SOL takes for them.

    python benchmarks/methods.py wake_2d --steps 3000 --seeds 3         # benchmarks/results/methods_wake_2d.json

Data are in data/SCENE, trainings in runs/SCENE/methods. All that is finished is left alone, so that it can be called
again. Trainings of one seed run one after the other, so that what else the machine does hits all methods alike.
"""

import argparse
import json
import statistics
from pathlib import Path

from common import last_line, phi_sol, show, shown, write_json

ROOT = Path(__file__).parents[1]
METHODS = {
    "PRE": ["--method", "pre"],
    "NON": ["--method", "non"],
    "NOG": ["--method", "nog"],
    "SOL": ["--method", "sol"],
    "INC-SOL": ["--method", "sol", "--placement", "inside"],
    "PURE": ["--method", "pure"],
}
FRAMES = {"wake_2d": "50"}  # of the source


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", choices=FRAMES)
    parser.add_argument("--steps", type=int, default=3000, help="iterations of each")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    folder = Path("runs") / given.scene / "methods"
    phi_sol("generate", given.scene)

    def train(run: Path, seed: int, *options: str):
        more = ["--resume"] if (run / "run.json").is_file() else []
        seeded = ["--validation", "0", "--seed", str(seed), "--out", str(run)]
        phi_sol("train", given.scene, *options, *seeded, *more)

    for seed in range(given.seeds):
        runs = {name: folder / f"{name.lower()}_steps_seed{seed}" for name in METHODS}
        for name, options in METHODS.items():
            train(runs[name], seed, *options, "--steps", str(given.steps))
        seconds = float(last_line(runs["SOL"])["seconds"])
        for name, options in METHODS.items():
            if name != "SOL":
                train(folder / f"{name.lower()}_time_seed{seed}", seed, *options, "--budget", f"{seconds:.0f}s")
    named = [text for run in sorted(folder.glob("*_seed*")) for text in ("--run", str(run))]
    out = folder / "evaluation"
    phi_sol("evaluate", given.scene, *named, "--no-numerics", "--frames", FRAMES[given.scene], "--out", str(out))
    rows = rows_of(json.loads((out / "results.json").read_text())["solvers"], folder, given.seeds)
    show(f"{given.scene}: velocity MAE, mean and deviation over {given.seeds} seeds", rows)
    write_json(ROOT / "benchmarks" / "results" / f"methods_{given.scene}.json", rows)


def rows_of(solvers: dict, folder: Path, seeds: int) -> list[dict]:
    """A line for each method and limit; where runs blew up, how many."""
    ends = list(solvers["SRC"]["mae"])
    rows = [{"method": "SRC", "limit": ""} | {f"up to t = {t}": solvers["SRC"]["mae"][t] for t in ends}]
    for limit in ("steps", "time"):
        for name in METHODS:
            kind = "steps" if name == "SOL" else limit
            runs = [folder / f"{name.lower()}_{kind}_seed{seed}" for seed in range(seeds)]
            entries, lines = [solvers[r.name] for r in runs], [last_line(r) for r in runs]
            row: dict = {"method": name, "limit": f"equal {'iterations' if limit == 'steps' else 'time'}"}
            row["iterations"] = round(statistics.mean(int(line["step"]) for line in lines))
            row["minutes"] = round(statistics.mean(float(line["seconds"]) for line in lines) / 60, 1)
            for t in ends:
                errors = [e["mae"].get(t) for e in entries]
                row[f"up to t = {t}"] = shown(errors)
            row["blow_ups"] = sum(e["blow_ups"] for e in entries)
            rows.append(row)
    return rows


if __name__ == "__main__":
    main()
