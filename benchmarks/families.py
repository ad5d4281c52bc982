"""
Families of methods on one scene, trained equally long: the source (SRC), the hybrid (SOL), the network in place of the
solver (PURE), a neural ODE (NODE) and a physics-informed network (PINN).

    python benchmarks/families.py decaying_2d --budget 60 --seeds 3    # benchmarks/results/families_decaying_2d.json

Of each: error on test simulations, time and iterations of the training, cost per unit of time, and the error for
parameters outside of the training range and over a longer time. Data are in data/SCENE, trainings in
runs/SCENE/families. All that is finished is left alone, so that it can be called again. Trainings of one seed run one
after the other, so that what else the machine does hits all families alike.

A PINN is trained for the simulations that it is tested on, from their starts and equations alone, so that those outside
of the training range are another training of the same length; over the longer time it is extrapolated, as the others
are.
"""

import argparse
import json
import statistics
from pathlib import Path

from common import last_line, phi_sol, processor, show, shown, write_json

ROOT = Path(__file__).parents[1]
FAMILIES = {
    "SOL": ["--method", "sol"],
    "PURE": ["--method", "pure"],
    "NODE": ["--method", "node"],
    "PINN": ["--method", "pinn", "--batch", "2", "--learning-rate", "4e-3"],  # of three settings the best of one seed
}
OUTSIDE = {"decaying_2d": {"seed": (100, 101), "viscosity": (0.0025, 0.04)}}
LONGER = {"decaying_2d": "60"}  # frames, three times those of the training


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", choices=OUTSIDE)
    parser.add_argument("--budget", type=int, default=60, help="seconds of each training")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    scene, data, folder = given.scene, Path("data") / given.scene, Path("runs") / given.scene / "families"
    strange = [text for n, v in OUTSIDE[scene].items() for text in ("--param", f"{n}={','.join(map(str, v))}")]
    phi_sol("generate", scene)
    phi_sol("generate", scene, "--split", "test", "--frames", LONGER[scene], "--out", str(data / "longer"))
    phi_sol("generate", scene, "--split", "test", *strange, "--out", str(data / "outside"))
    for seed in range(given.seeds):
        for name, options in FAMILIES.items():
            train(scene, folder / f"{name.lower()}_seed{seed}", seed, given.budget, *options)
        own = "--data", str(data / "outside")
        train(scene, folder / f"pinn_outside_seed{seed}", seed, given.budget, *FAMILIES["PINN"], *own)
    results = {}
    for name, place in (("inside", data), ("longer", data / "longer"), ("outside", data / "outside")):
        runs = [run for f in FAMILIES for run in runs_of(f, folder, given.seeds, name)]
        named = [text for run in runs for text in ("--run", str(run))]
        more = [] if name == "inside" else ["--no-numerics"]
        out = folder / f"evaluation_{name}"
        phi_sol("evaluate", scene, *named, *more, "--data", str(place), "--out", str(out))
        results[name] = json.loads((out / "results.json").read_text())
    rows = rows_of(results, folder, given.seeds)
    show(f"{scene}: velocity MAE, mean and deviation over {given.seeds} seeds", rows)
    facts = {"budget_s": given.budget, "seeds": given.seeds, "processor": processor(), "rows": rows}
    write_json(ROOT / "benchmarks" / "results" / f"families_{scene}.json", facts)


def train(scene: str, run: Path, seed: int, budget: int, *options: str):
    more = ["--resume"] if (run / "run.json").is_file() else []
    how = ["--budget", f"{budget}s", "--validation", "0", "--seed", str(seed), "--out", str(run)]
    phi_sol("train", scene, *options, *how, *more)


def runs_of(family: str, folder: Path, seeds: int, evaluation: str) -> list[Path]:
    """The runs of a family in an evaluation: those of a PINN outside were trained there."""
    name = "pinn_outside" if (family, evaluation) == ("PINN", "outside") else family.lower()
    return [folder / f"{name}_seed{seed}" for seed in range(seeds)]


def rows_of(results: dict[str, dict], folder: Path, seeds: int) -> list[dict]:
    """
    A line for each family, for the source, for the best plain solver that costs no more than SOL, and for the
    reference; errors as text with their deviation, or how many of the runs blow up.
    """
    inside = results["inside"]["solvers"]
    ends = {n: max(r["solvers"]["SRC"]["mae"], key=float) for n, r in results.items()}
    strange = [f"{p['viscosity']:g}" for p in results["outside"]["parameters"]]

    def errors(inner: list[dict], later: list[dict], beyond: list[dict]) -> dict:
        found = {f"up to t = {ends['inside']}": shown([e["mae"].get(ends["inside"]) for e in inner])}
        found[f"up to t = {ends['longer']}"] = shown([e["mae"].get(ends["longer"]) for e in later])
        for k, value in enumerate(strange):
            found[f"viscosity {value}"] = shown([e["mae_per_parameter"][k] for e in beyond])
        return found

    def cost(entries: list[dict]) -> dict:
        return {"ms per unit of time": float(f"{statistics.mean(e['ms_per_time'] for e in entries):.3g}")}

    source = [r["solvers"]["SRC"] for r in (results["inside"], results["longer"], results["outside"])]
    rows: list[dict] = [{"family": "SRC"} | errors(*[[s] for s in source]) | cost(source[:1])]
    first = inside[runs_of("SOL", folder, seeds, "inside")[0].name]
    if plain := first.get("error_at_equal_cost_of"):
        entry = inside.get(plain)
        rows.append({"family": f"plain, {plain}"})
        if entry is not None and entry.get("mae"):
            rows[-1] |= {f"up to t = {ends['inside']}": shown([entry["mae"].get(ends["inside"])])} | cost([entry])
    for family in FAMILIES:
        runs = {n: runs_of(family, folder, seeds, n) for n in results}
        entries = {n: [results[n]["solvers"][r.name] for r in found] for n, found in runs.items()}
        lines = [last_line(r) for r in runs["inside"]]
        row: dict = {"family": family} | errors(entries["inside"], entries["longer"], entries["outside"])
        row |= cost(entries["inside"])
        row["iterations"] = round(statistics.mean(int(line["step"]) for line in lines))
        row["training minutes"] = round(statistics.mean(float(line["seconds"]) for line in lines) / 60, 2)
        row["blow_ups"] = sum(e["blow_ups"] for found in entries.values() for e in found)
        rows.append(row)
    return [*rows, {"family": "REF"} | cost([inside["REF"]])]


if __name__ == "__main__":
    main()
