"""Pictures of docs/inverse.md, of what inverse.py found with the first seed of the noise."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from phi_sol import metrics


def inlet(images: Path, x: np.ndarray, true: np.ndarray, found):
    """What enters, true and found, and how far off beside the standard error."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    values, errors = found.estimates["inlet"], found.errors["inlet"]
    left.plot(x, np.ones_like(x), color="grey", linestyle=":", label="where the search began")
    left.plot(x, true, color="black", label="true")
    left.plot(x, values, "o", markersize=3.5, color="tab:blue", label="found")
    left.set(xlabel="x", ylabel="speed that enters")
    left.legend(fontsize=8)
    right.fill_between(x, -2 * errors, 2 * errors, color="tab:blue", alpha=0.2, label="two standard errors")
    right.plot(x, values - true, "o", markersize=3.5, color="tab:blue", label="found - true")
    right.set(xlabel="x", ylabel="difference")
    right.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    figure.savefig(images / "inverse_inlet.png", dpi=90)


def field(images: Path, box, start, found):
    """Vorticity at the start, true, found, and their difference."""
    values = [metrics.vorticity(box, metrics.arrays_of(box, s))[0] for s in (start, found.state)]
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.3), layout="constrained")
    most = np.abs(values[0]).max()
    for axis, shown, title in zip(axes, [*values, values[1] - values[0]], ("true", "found", "difference"), strict=True):
        limit = most if title != "difference" else np.abs(shown).max()
        image = axis.imshow(shown, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
        axis.set(title=title, xticks=[], yticks=[])
        figure.colorbar(image, ax=axis, shrink=0.85)
    figure.savefig(images / "inverse_field.png", dpi=90)


def cylinder(images: Path, body, true: dict, frames, found):
    """The outline where the search began, found and true, in the speed across the stream of the last frame."""
    figure, axis = plt.subplots(figsize=(7, 3.7), layout="constrained")
    across = np.asarray(frames.arrays["velocity.x"])[-1, 0]
    size = frames.flow.size
    image = axis.imshow(across.T, origin="lower", cmap="RdBu_r", extent=(0, size["y"], 0, size["x"]), vmin=-1, vmax=1)
    figure.colorbar(image, ax=axis, shrink=0.8, label="speed across the stream")
    begin = {f"cylinder_{k}": body.numbers[k] for k in ("y", "x", "radius")}
    styles = (
        ("start", begin, "grey", ":"),
        ("true", true, "black", "-"),
        ("found", found.estimates, "tab:orange", "--"),
    )
    for name, at, colour, line in styles:
        centre = at["cylinder_y"], at["cylinder_x"]
        axis.add_patch(plt.Circle(centre, at["cylinder_radius"], fill=False, color=colour, linestyle=line, label=name))
    axis.axvspan(80, 180, color="grey", alpha=0.12, label="observed")
    axis.set(xlabel="y", ylabel="x")
    axis.legend(fontsize=8, loc="upper left")
    figure.savefig(images / "inverse_cylinder.png", dpi=90)


def rotation(images: Path, file: str, names: list[str], drags: np.ndarray, speeds: np.ndarray):
    """Drag and surface speed over ten periods, shape (times, 2)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    times = 10 * np.arange(1, len(drags) + 1)
    for i, (name, colour) in enumerate(zip(names, ("black", "tab:blue"), strict=True)):
        left.plot(times, drags[:, i], color=colour, label=f"{name}: {drags[:, i].mean():.2f}")
        right.plot(times, speeds[:, i], color=colour, label=name)
    left.set(xlabel="time", ylabel="drag coefficient")
    right.set(xlabel="time", ylabel="surface speed")
    left.legend(fontsize=8)
    figure.savefig(images / file, dpi=90)
