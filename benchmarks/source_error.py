"""
Error of the source solver alone (SRC) of a scene, and a picture of its reference. The test simulations are generated
first, unless there are some: --data FOLDER.

    python benchmarks/source_error.py forced_advection_2d

writes benchmarks/results/source_error_SCENE.json and docs/images/SCENE.png. With --ratio, --frames and --warmup the
scene is made smaller; the result file says so.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np

from phi_sol import Dataset, Generator, load_experiment
from phi_sol.evaluation.milestones import milestones
from phi_sol.evaluation.records import run_solver
from phi_sol.evaluation.timing import time_reference
from phi_sol.metrics import vorticity
from phi_sol.pictures.panels import PLAIN, SIGNED
from phi_sol.storage.dataset import find_simulations
from phi_sol.storage.files import versions

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene")
    for name in ("ratio", "frames", "warmup", "simulations"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--data", type=Path)
    options = vars(parser.parse_args())
    experiment = load_experiment(options["scene"])
    changed = {n: options[n] for n in ("ratio", "frames", "warmup") if options[n] is not None}
    experiment = replace(experiment, **changed)
    if options["simulations"]:
        experiment = replace(experiment, test={n: v[: options["simulations"]] for n, v in experiment.test.items()})
    with tempfile.TemporaryDirectory() as folder:
        place = options["data"] or Path(folder)
        if place == Path(folder):
            Generator(experiment, "test", place).run()
        data = Dataset(experiment.pair, find_simulations(place, "test"))
        run = run_solver(experiment.pair.source, data, data.frames, [])
        reference_ms = time_reference(data)
    result = {
        "scene": experiment.name,
        "source": experiment.pair.source.resolution,
        "reference": experiment.pair.reference.resolution,
        "warmup": experiment.warmup,
        "frames": data.frames,
        "parameters": data.simulations,
        "mae": {key: run.mean(n) for key, n in milestones(data.frames, data.pair.source.dt).items()},
        "mae_per_parameter": run.mean_per_simulation(data.frames),
        "ms_per_step": {"source": run.ms_per_step, "reference": reference_ms},
        "versions": versions(),
    }
    path = ROOT / "benchmarks" / "results" / f"source_error_{experiment.name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["mae"]), json.dumps(result["ms_per_step"]), path)
    picture(data, ROOT / "docs" / "images" / f"{experiment.name}.png")


def picture(data: Dataset, path: Path):
    """
    Restricted reference of the first test simulation: marker or forcing, and vorticity, at three frames; 3D in the
    middle of z.
    """
    flow = data.pair.source
    shown = "forcing.y" if "forcing" in flow.fields else "marker"
    frames = [data.frames // 3, 2 * data.frames // 3, data.frames]
    dims = list(flow.resolution)
    height, width = flow.size["x"], flow.size["y"]
    fig, axes = plt.subplots(
        2, 3, figsize=(9, 9 * 2 / 3 * height / width + 0.9), layout="constrained", sharex=True, sharey=True
    )
    rows = {shown: [], "vorticity": []}
    for frame in frames:
        arrays = data.frame(frame)
        values = arrays[shown][0]
        rows[shown].append(values[..., values.shape[2] // 2] if "z" in dims else values)
        rows["vorticity"].append(-vorticity(flow, {n: a[:1] for n, a in arrays.items()})[0])
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        limit = max(np.percentile(np.abs(a), 99.5) for a in images)
        low, colours = (0, PLAIN) if name == "marker" else (-limit, SIGNED)
        for ax, values, frame in zip(line, images, frames, strict=True):
            image = ax.imshow(
                values.T, origin="lower", extent=(0, width, 0, height), vmin=low, vmax=limit, cmap=colours
            )
            for obstacle in flow.obstacles:
                ax.add_patch(
                    plt.Circle(tuple(obstacle.center.numpy("vector")[:2]), float(obstacle.radius), color="0.6")
                )
            ax.set_title(f"{name}, frame {frame}", fontsize=9)
        fig.colorbar(image, ax=line, shrink=0.8)
    for ax in axes[-1]:
        ax.set_xlabel("y")
    for ax in axes[:, 0]:
        ax.set_ylabel("x")
    fig.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
