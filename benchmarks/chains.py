"""
The examples of docs/chains.md and docs/control.md, with their figures and pictures: the code is that of the pages.

    python benchmarks/chains.py             # benchmarks/results/chains.json, docs/images/{chains,control}.png
"""

import re
import time
from pathlib import Path

import matplotlib
import numpy as np
from common import show, versions, write_json

import phi_sol as ps

matplotlib.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
CONSTANT = (0.005, 0.01, 0.015, 0.02, 0.03)
DIFFERENCE = 0.01  # of logarithms, for central differences in single precision


def page(name: str) -> tuple[dict, list[float]]:
    """Names that the code of a page leaves, and the seconds of each of its blocks."""
    names, seconds = {}, []
    for code in re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text(), re.S):
        begin = time.perf_counter()
        exec(compile(code, f"{name}.md", "exec"), names)
        seconds.append(round(time.perf_counter() - begin, 1))
    return names, seconds


def chains() -> dict:
    names, seconds = page("chains")
    chain, start, logs = names["chain"], names["start"], names["logs"]
    draw_chain(chain, chain.rollout(start, 40, keep_every=20, progress=False))
    slopes = [float(s) for s in names["slopes"]]
    differences = []
    for i in range(2):
        moved = [[float(x) + step * (i == j) for j, x in enumerate(logs)] for step in (DIFFERENCE, -DIFFERENCE)]
        ends = [float(names["mean_height"](*x)) for x in moved]
        differences.append((ends[0] - ends[1]) / (2 * DIFFERENCE))
    found = names["found"]
    alone = {"wake": chain.solvers["wake"], "plume": chain.solvers["plume"], "chain": chain}
    cost = {n: milliseconds(s, start if n == "chain" else chain.part(n, start)) for n, s in alone.items()}
    return {
        "mean_height": float(names["mean"]), "slopes": slopes, "differences": differences,
        "design": {"buoyancy": float(np.exp(names["buoyancy"].numpy())), "off": names["reached"]},
        "estimates": found.estimates, "errors": found.errors, "chi2": found.chi2,
        "ms_per_step": cost, "seconds": seconds,
    }  # fmt: skip


def milliseconds(solver, state, steps: int = 200, trials: int = 5) -> float:
    """Of a step in a compiled loop: the best of some rollouts."""
    found = []
    for _ in range(trials + 1):
        begin = time.perf_counter()
        solver.rollout(state, steps, keep_every=steps, progress=False)
        found.append(1000 * (time.perf_counter() - begin) / steps)
    return min(found)


def draw_chain(chain, frames):
    figure, axes = plt.subplots(1, 4, figsize=(9, 4.6), layout="constrained")
    for column, name in enumerate(("wake", "plume")):
        part = chain.part(name, frames)
        limit = float(np.quantile(part.arrays["marker"], 0.995))
        for i in range(2):
            ax = axes[2 * column + i]
            drawn = ax.imshow(part.arrays["marker"][i, 0], origin="lower", extent=(0, 100, 0, 200), vmin=0, vmax=limit)
            ax.set_title(f"{name}, t = {part.times[i]:g}", fontsize=9)
            if name == "wake":
                ax.add_patch(plt.Circle((50, 50), 10, color="lightgrey"))
            ax.set_xlabel("x")
        figure.colorbar(drawn, ax=ax, label="marker")
    axes[0].set_ylabel("y")
    figure.savefig(DOCS / "images" / "chains.png", dpi=90)


def control() -> dict:
    names, seconds = page("control")
    solver, box, off = names["solver"], names["box"], names["off"]
    state = names["starts"]([1000, 1001, 1002, 1003])
    solvers = {"neural controller": solver}
    solvers |= {f"viscosity {v:g}": ps.Controlled(box, {"viscosity": [v]}) for v in CONSTANT}
    errors = {name: {str(n): float(np.abs(off(s, state, n)).mean()) for n in (25, 50)} for name, s in solvers.items()}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    frames = solver.rollout(state, 50, progress=False)
    for name, each in solvers.items():
        values = off(each, state, 50).numpy() - frames.times[:, None] / 2
        if name in ("neural controller", "viscosity 0.01"):
            colour = "tab:blue" if name.startswith("neural") else "tab:orange"
            lines = left.semilogy(frames.times, np.exp(values), color=colour, linewidth=0.8)
            lines[0].set_label(name)
    left.semilogy(frames.times, np.exp(-frames.times / 2), "k--", label="wanted")
    left.set(xlabel="time", ylabel="energy / energy at the start", title="20 unseen starts")
    left.legend(fontsize=8)
    for peak in range(5):
        right.semilogy(frames.times, frames.diagnostics["viscosity"][:, 4 * peak], label=f"waves around {peak + 2}")
    right.set(xlabel="time", ylabel="viscosity", title="What the controller sets")
    right.legend(fontsize=8)
    figure.savefig(DOCS / "images" / "control.png", dpi=90)
    return {"errors": errors, "seconds": seconds}


def main():
    results = {"chains": chains(), "control": control()}
    rows = [{"solver": n} | e for n, e in results["control"]["errors"].items()]
    show("Mean |log E/E0 + t/2| over so many steps", rows)
    print(results["chains"])
    write_json(HERE / "results" / "chains.json", results | {"versions": versions()})


if __name__ == "__main__":
    main()
