"""The picture of mosaic.py: the cylinder by OpenFOAM and by phi_sol."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def draw_cylinder(shown: list[tuple[float, np.ndarray, np.ndarray]], path: Path):
    """`shown`: viscosity, OpenFOAM's velocity, phi_sol's, both (stream, across) in cells; the stream goes right."""
    figure, axes = plt.subplots(3, len(shown), figsize=(3 * len(shown), 7.6), layout="constrained", squeeze=False)
    for i, (viscosity, reference, own) in enumerate(shown):
        column = axes[:, i]
        speeds = [np.hypot(*v).T for v in (reference, own)]
        difference = np.hypot(*(own - reference)).T
        for ax, values, name, top in zip(column, [*speeds, difference], ("OpenFOAM", "phi_sol", "difference"),
                                         (1.4, 1.4, 0.5), strict=True):  # fmt: skip
            picture = ax.imshow(values, origin="lower", vmin=0, vmax=top, cmap="viridis")
            ax.set_axis_off()
            ax.set_title(f"{name}, ν = {viscosity:g}", fontsize=9)
            if i == len(shown) - 1:
                figure.colorbar(picture, ax=ax, shrink=0.8)
    figure.suptitle("Speed at t = 5")
    figure.savefig(path, dpi=80)
