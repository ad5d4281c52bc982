"""
Learned closures against Smagorinsky's model and the dynamic one, whose constants are tuned on the training simulations:
the source of `filtered_2d.py` without a closure, with each of them, and with a learned viscosity and stress.

    python benchmarks/closures.py --budget 10m                              # benchmarks/results/closures.json
    python benchmarks/closures.py --budget 10m --forms stress=3 viscosity=1   # with so many seeds

Tuned is what the table is about, the energy spectrum over the whole time of the recordings: the mean over wave numbers
of |log10(E / E_reference)|. Data are in data/filtered_2d, trainings in runs/filtered_2d; all that is finished is left
alone, so that it can be called again.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
import tensorflow as tf
from common import last_line, phi_sol, show, write_json

import phi_sol as ps

HERE = Path(__file__).parent
SCENE = HERE / "filtered_2d.py"
CONSTANTS = (0.03, 0.05, 0.07, 0.09, 0.11, 0.14, 0.17, 0.2)
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
FORMS = ("viscosity", "stress")
EVERY = 5  # frames of which one counts for the tuning


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="10m", help="of each training")
    parser.add_argument(
        "--forms", nargs="+", type=form_and_seeds, default=[(f, 3) for f in FORMS], metavar="FORM=SEEDS"
    )
    given = parser.parse_args()
    seeds = dict(given.forms)
    phi_sol("generate", str(SCENE))
    scene = ps.load_experiment(SCENE)
    source = scene.pair.source
    models = {f"Smagorinsky {c:g}": source.with_terms(ps.Smagorinsky(c)) for c in CONSTANTS}
    models |= {f"dynamic {f:g}": source.with_terms(ps.DynamicSmagorinsky(f)) for f in FACTORS}
    tuning = tuned(scene, models)
    best = {k: min((n for n in models if n.startswith(k)), key=tuning.__getitem__) for k in ("Smagorinsky", "dynamic")}
    runs = {}
    for form, count in seeds.items():
        for seed in range(count):
            run = Path("runs") / "filtered_2d" / f"{form}_seed{seed}"
            more = ["--resume"] if (run / "run.json").is_file() else []
            options = ["--closure", form, "--budget", given.budget, "--validation", "0", "--seed", str(seed)]
            phi_sol("train", str(SCENE), *options, "--out", str(run), *more)
            runs[run.name] = run
    solvers = {name: models[name] for name in best.values()} | runs
    results = ps.evaluate(scene, solvers, "data/filtered_2d/test", numerics=False).results["solvers"]
    found = {name: measured(results[name]) for name in ("SRC", *solvers)}
    rows = [{"closure": "none"} | found["SRC"]]
    rows += [{"closure": f"{name}, tuned"} | found[name] for name in best.values()]
    for form in seeds:
        of_form = [found[n] for n in runs if n.startswith(form)]
        minutes = statistics.mean(float(last_line(r)["seconds"]) for n, r in runs.items() if n.startswith(form)) / 60
        rows.append(
            {"closure": f"learned {form}", "seeds": len(of_form)} | spread(of_form) | {"minutes": round(minutes, 1)}
        )
    show("Closures", rows)
    write_json(HERE / "results" / "closures.json", {"test": rows, "tuning": tuning})


def form_and_seeds(text: str) -> tuple[str, int]:
    form, _, count = text.partition("=")
    if form not in FORMS:
        raise argparse.ArgumentTypeError(f"unknown form {form!r}; known: {', '.join(FORMS)}")
    return form, int(count or 3)


def tuned(scene, models: dict) -> dict[str, float]:
    """The error of the spectrum of each model over the training simulations; not finite where it blew up."""
    data, spectra = ps.Dataset.load(scene.pair, "data/filtered_2d"), {}
    start = {n: tf.constant(a) for n, a in data.frame(0).items()}
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    for name, model in models.items():
        blocks = model.blocks(start, parameters, data.frames, EVERY)
        frames = [
            {n: np.asarray(a)[i] for n, a in b.items()} for b in blocks for i in range(len(next(iter(b.values()))))
        ]
        spectra[name] = np.mean([ps.metrics.energy_spectrum(model, f)[1] for f in frames], 0)
        print(f"{name} is done", flush=True)
    recorded = [
        ps.metrics.energy_spectrum(scene.pair.source, data.frame(i)) for i in range(EVERY, data.frames + 1, EVERY)
    ]
    whole = ps.metrics.resolved(scene.pair.source, recorded[0][0])
    reference = np.mean([e for _, e in recorded], 0)[:, whole]
    return {n: float(ps.metrics.spectral_error(e[:, whole], reference).mean()) for n, e in spectra.items()}


def measured(entry: dict) -> dict:
    """Decades that the spectrum is off, relative errors of energy and enstrophy, time to 0.95 of correlation, cost."""
    return {
        "spectrum": entry["spectral_error"],
        "energy": entry["kinetic_energy_error"],
        "enstrophy": entry["enstrophy_error"],
        "time_to_095": entry["vorticity_correlation"]["time_to_0.95"]["mean"],
        "ms_per_time": entry["ms_per_time"],
    }


def spread(errors: list[dict]) -> dict:
    """Mean and deviation of the spectrum, means of the rest."""
    means = {n: statistics.mean(e[n] for e in errors) for n in errors[0]}
    deviation = statistics.stdev(e["spectrum"] for e in errors) if len(errors) > 1 else 0.0
    return means | {"deviation": deviation}


if __name__ == "__main__":
    main()
