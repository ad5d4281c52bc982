"""What an evaluation leaves behind: a table, `results.json` and figures."""

from pathlib import Path

import numpy as np
from rich.table import Table

from ..data.dataset import Dataset
from .metrics import vorticity
from .rollout import Rollout

FRAMES = (50, 100, 250, 500)


def milestones(frames: int) -> list[int]:
    """Frame numbers at which errors are reported: 50, 100, 250, 500 as far as they go, and the last one."""
    return [n for n in FRAMES if n < frames] + [frames]


def solver_results(run: Rollout, frames: int) -> dict:
    """The entry of one solver in `results.json`."""
    return {
        "mae": {str(n): run.mean(n) for n in milestones(frames)},
        "mae_per_parameter": run.mean_per_simulation(frames),
        "ms_per_step": run.ms_per_step,
        "blow_ups": run.blow_ups,
    }


def _number(value: float | None) -> str:
    return "blew up" if value is None else f"{value:.4f}"


def table(results: dict) -> Table:
    """A rich table of `results.json`: MAE at the milestones, improvement over SRC, time per step."""
    source, count = results["solvers"]["SRC"], results["frames"]
    simulations = len(results["parameters"])
    result = Table(title=f"{results['scene']}: velocity MAE over {simulations} test simulations", title_justify="left")
    result.add_column("solver")
    for n in milestones(count):
        result.add_column(f"{n} frames", justify="right")
    result.add_column("vs SRC", justify="right")
    result.add_column("ms / step", justify="right")
    for name, entry in results["solvers"].items():
        mae = entry.get("mae", {})
        last, base = mae.get(str(count)), source["mae"][str(count)]
        ratio = "" if name in ("SRC", "REF") or last is None or not base else f"{100 * (last / base - 1):+.0f} %"
        errors = [_number(mae[str(n)]) if mae else "" for n in milestones(count)]
        result.add_row(name, *errors, ratio, f"{entry['ms_per_step']:.2f}")
    return result


def error_figure(runs: dict[str, Rollout], path: Path, dt: float, title: str):
    """Velocity MAE over time, mean over the test simulations, with the range over simulations as a band."""
    plt = _pyplot()
    fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    styles = ["-", "--", "-.", ":"]
    for i, (name, run) in enumerate(runs.items()):
        t = dt * np.arange(1, len(run.mae) + 1)
        (line,) = ax.plot(t, run.mae.mean(1), styles[i % 4], color="k" if name == "SRC" else f"C{(i - 1) % 10}", label=name)
        ax.fill_between(t, run.mae.min(1), run.mae.max(1), color=line.get_color(), alpha=0.15, linewidth=0)
    ax.set(xlabel="time since start (domain units)", ylabel="velocity MAE (domain units / time)", title=title, xlim=(0, None), ylim=(0, None))
    ax.legend()
    _save(fig, path)


def fields_figure(data: Dataset, runs: dict[str, Rollout], path: Path, simulation: int, frames: list[int]):
    """Vorticity of source, hybrids and reference side by side, one row per frame, one colour scale in all."""
    plt = _pyplot()
    flow = data.pair.source
    rows = []
    for frame in frames:
        row = {name: run.kept[frame] for name, run in runs.items()} | {"reference (restricted)": data.frame(frame)}
        rows.append({name: vorticity(flow, arrays)[simulation] for name, arrays in row.items()})
    limit = max(np.nanpercentile(np.abs(w["reference (restricted)"]), 99.5) for w in rows)
    ny, nx = (flow.size[d] for d in flow.resolution)
    width = len(rows[0])
    fig, axes = plt.subplots(len(frames), width, figsize=(1.2 + 3.4 * width, 0.6 + 2.2 * len(frames)), layout="constrained", squeeze=False)
    for row, frame, line in zip(rows, frames, axes, strict=True):
        for ax, (name, values) in zip(line, row.items(), strict=True):
            image = ax.imshow(values.T, origin="lower", extent=(0, ny, 0, nx), vmin=-limit, vmax=limit, cmap="RdBu_r", interpolation="nearest")
            for obstacle in flow.obstacles:
                center, radius = obstacle.center.numpy("vector"), float(obstacle.radius)
                ax.add_patch(plt.Circle(tuple(center), radius, color="0.6"))
            ax.set_title(f"{name}, frame {frame}", fontsize=10)
            ax.set(xticks=[0, 50, 100, 150, 200], yticks=[0, 50, 100])
        line[0].set_ylabel("x")
    for ax in axes[-1]:
        ax.set_xlabel("y (stream from the left)")
    fig.colorbar(image, ax=axes, label="vorticity (1 / time)", shrink=0.8)
    parameters = ", ".join(f"{n} {v[simulation]:g}" for n, v in data.parameters.items())
    fig.suptitle(f"Vorticity, {parameters}")
    _save(fig, path)


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(fig, path: Path):
    from matplotlib import pyplot

    part = path.with_name(f".{path.name}")
    fig.savefig(part, dpi=130, format="png")
    pyplot.close(fig)
    part.replace(path)
