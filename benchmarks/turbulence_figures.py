"""
Pictures of docs/periodic.md from benchmarks/results/turbulence.json (and, for the vorticity, from
turbulence_fields.npz, which turbulence.py leaves beside it).

    python benchmarks/turbulence_figures.py [--images docs/images]
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
RESULTS = HERE / "results"
COLOUR = {"central": "tab:blue", "van_leer": "tab:green", "JAX-CFD": "tab:orange", "exponax": "tab:red",
          "spectral": "black"}  # fmt: skip
NAME = {"central": "phi_sol, central", "van_leer": "phi_sol, van Leer", "spectral": "spectral"}
STYLE = {32: "-.", 64: ":", 128: "--", 256: "-"}


def label(row: dict) -> str:
    return f"{NAME.get(row['solver'], row['solver'])}, {row['cells']}"


def style(row: dict) -> dict:
    line = "-" if row["solver"] == "spectral" else STYLE[row["cells"]]
    return {"color": COLOUR[row["solver"]], "linestyle": line}


def prediction(results: dict, path: Path):
    """Correlation over time, and cost against error, decaying and forced."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained")
    for column, (case, title) in enumerate((("decaying", "Decaying"), ("kolmogorov", "Kolmogorov flow"))):
        rows = results["prediction"][case]["cases"]
        top, bottom = axes[:, column]
        for row in rows:
            times = 0.2 * np.arange(len(row["correlation"]) + 1)
            top.plot(times, [1.0, *row["correlation"]], **style(row), label=label(row), linewidth=1.3)
        top.axhline(0.95, color="grey", linewidth=0.6)
        top.set(title=f"{title}, ν = 0.001", xlabel="time", ylabel="correlation of the vorticity", ylim=(0, 1.02))
        for solver in COLOUR:
            points = [(r["error_1"], r["ms_per_unit"]) for r in rows if r["solver"] == solver and "ms_per_unit" in r]
            if points:
                bottom.loglog(*zip(*points, strict=True), "o-", color=COLOUR[solver], label=NAME.get(solver, solver))
        bottom.set(xlabel="relative error of the velocity at t = 1", ylabel="ms per unit of time, one core")
    axes[0, 0].legend(fontsize=7)
    axes[1, 0].legend(fontsize=8)
    figure.savefig(path, dpi=90)


def vorticity(fields: Path, path: Path, frame: int = 25):
    """Kolmogorov flow by several solvers at one time."""
    from phi_sol import PeriodicBox, metrics

    known = np.load(fields)
    names = {"spectral": "spectral, 256"}
    names |= {f"{s}_{n}": f"{NAME.get(s, s)}, {n}" for n in (64, 128) for s in ("central", "van_leer", "JAX-CFD")}
    flow = PeriodicBox(y=64, x=64)
    figure, axes = plt.subplots(1, len(names), figsize=(2.2 * len(names), 2.6), layout="constrained")
    for ax, (key, title) in zip(axes, names.items(), strict=True):
        arrays = {f"velocity.{d}": known[f"kolmogorov/{key}/{d}"][frame - 1 : frame] for d in "yx"}
        ax.imshow(metrics.vorticity(flow, arrays)[0], origin="lower", cmap="RdBu_r", vmin=-10, vmax=10)
        ax.set_title(title, fontsize=8)
        ax.set_axis_off()
    figure.suptitle(f"Vorticity at t = {0.2 * frame:g}, on the 64 x 64 cells that all are restricted to", fontsize=9)
    figure.savefig(path, dpi=90)


def long_times(results: dict, path: Path):
    """Mean spectra of Kolmogorov flow, and energy and dissipation of the 3D vortices."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for row in results["statistics"]["cases"]:
        spectrum = np.array(row["spectrum"][1:32])
        left.loglog(np.arange(1, 32), spectrum, label=label(row), **style(row))
    left.set(
        title=f"Kolmogorov flow, ν = {results['statistics']['viscosity']:g}, mean spectrum", xlabel="k", ylabel="E(k)"
    )
    for row in results["vortices"]["cases"]:
        middle.plot(row["times"], row["energy"], label=label(row), **style(row))
        right.plot(row["times"], row["dissipation"], label=label(row), **style(row))
    middle.set(title="3D Taylor-Green vortices, Re = 100: energy", xlabel="time")
    right.set(title="Dissipation", xlabel="time")
    right.axvspan(4, 5, color="grey", alpha=0.15)
    left.legend(fontsize=8)
    right.legend(fontsize=8)
    figure.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--images", type=Path, default=HERE.parent / "docs" / "images")
    given = parser.parse_args()
    results = json.loads((given.results / "turbulence.json").read_text())
    if "prediction" in results:
        prediction(results, given.images / "periodic_prediction.png")
    if {"statistics", "vortices"} <= set(results):
        long_times(results, given.images / "periodic_long_times.png")
    if (fields := given.results / "turbulence_fields.npz").exists():
        vorticity(fields, given.images / "periodic_vorticity.png")


if __name__ == "__main__":
    main()
