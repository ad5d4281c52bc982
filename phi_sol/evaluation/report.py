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
    """Vorticity of source, hybrids and reference (of 3D flows in the middle of z), one row each, one column per frame, one colour scale."""
    plt = _pyplot()
    flow = data.pair.source
    rows = {name: [run.kept[f] for f in frames] for name, run in runs.items()} | {"reference, restricted": [data.frame(f) for f in frames]}
    rows = {name: [-vorticity(flow, arrays)[simulation] for arrays in row] for name, row in rows.items()}  # as seen with y to the right
    limit = max(np.percentile(np.abs(w), 99.5) for w in rows["reference, restricted"])
    ny, nx = (flow.size[d] for d in "yx")
    dy, dx = (flow.spacing[d] for d in "yx")
    extent = (dy / 2, ny - dy / 2, dx / 2, nx - dx / 2)  # around the inner nodes
    size = (1.6 + 4.4 * len(frames), 0.8 + 2.3 * len(rows))
    fig, axes = plt.subplots(len(rows), len(frames), figsize=size, layout="constrained", squeeze=False, sharex=True, sharey=True)
    for (name, row), line in zip(rows.items(), axes, strict=True):
        for values, ax in zip(row, line, strict=True):
            image = ax.imshow(values.T, origin="lower", extent=extent, vmin=-limit, vmax=limit, cmap="RdBu_r", interpolation="nearest")
            for obstacle in flow.obstacles:
                ax.add_patch(plt.Circle(tuple(obstacle.center.numpy("vector")[:2]), float(obstacle.radius), color="0.6"))
        line[0].set_ylabel(f"{name}\nx")
    for ax, frame in zip(axes[0], frames, strict=True):
        ax.set_title(f"frame {frame}")
    for ax in axes[-1]:
        ax.set_xlabel("y")
    fig.colorbar(image, ax=axes, label="vorticity (1 / time), counter-clockwise positive", shrink=0.8, aspect=12 * len(rows))
    parameters = ", ".join(f"{n} {v:g}" for n, v in data.simulations[simulation].items())
    fig.suptitle(f"Vorticity{' in the middle of z' if 'z' in flow.resolution else ''}, {parameters}")
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
