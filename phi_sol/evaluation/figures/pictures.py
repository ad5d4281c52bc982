"""Fields side by side, with one colour scale for all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import metrics
from ...flows import BuoyantPlume, Flow
from ...metrics.grid import Arrays
from .style import new_figure, save

SIGNED, PLAIN, ERROR = (
    "cividis",
    "viridis",
    "magma_r",
)  # lightness grows or falls throughout, so that prints in grey keep the order
REFERENCE = "reference, restricted"


@dataclass(frozen=True)
class Pictures:
    """
    How a quantity of a flow is drawn: as a plane, y to the right, or upwards where buoyancy acts; of 3D flows
        in the middle of z.

    Attributes:
        flow: The source flow.
        quantity: `vorticity`, or the name of a centred field.
    """

    flow: Flow
    quantity: str = "vorticity"

    @property
    def upright(self) -> bool:
        return isinstance(self.flow, BuoyantPlume)

    @property
    def label(self) -> str:
        return "vorticity (1 / time), counter-clockwise positive" if self.quantity == "vorticity" else self.quantity

    @property
    def place(self) -> str:
        return " in the middle of z" if "z" in self.flow.resolution else ""

    def of(self, arrays: Arrays) -> np.ndarray:
        """The picture of arrays of shape (simulations, *spatial): (simulations, rows from below, columns)."""
        if self.quantity == "vorticity":
            values = metrics.vorticity(self.flow, arrays)
            return values if self.upright else -np.swapaxes(values, 1, 2)  # mirrored, it turns the other way
        return self._plane(np.float64(arrays[self.quantity]))

    def error(self, arrays: Arrays, reference: Arrays) -> np.ndarray:
        """|u - T r| at cell centres, drawn like the fields; or the magnitude of the difference of a centred field."""
        if self.quantity != "vorticity":
            return self._plane(np.abs(np.float64(arrays[self.quantity]) - reference[self.quantity]))
        here, there = metrics.centred(self.flow, arrays), metrics.centred(self.flow, reference)
        return self._plane(np.sqrt(sum((here[d] - there[d]) ** 2 for d in here)))

    def _plane(self, values: np.ndarray) -> np.ndarray:
        if "z" in self.flow.resolution:
            axis = metrics.axis_of(self.flow, "z")
            values = np.take(values, values.shape[axis] // 2, axis)
        return values if self.upright else np.swapaxes(values, 1, 2)

    def limits(self, images: list[np.ndarray]) -> tuple[float, float]:
        """One range for all: around zero for the vorticity, from zero for a field that is nowhere negative."""
        finite = np.concatenate([np.ravel(i)[np.isfinite(np.ravel(i))] for i in images])
        limit = float(np.percentile(np.abs(finite), 99.5)) or 1.0
        return (0.0 if self.quantity != "vorticity" and finite.min() >= -0.05 * limit else -limit), limit

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Of the inner nodes for the vorticity, of the cells otherwise."""
        (height, width), (dy, dx) = (self.flow.size[d] for d in "yx"), (self.flow.spacing[d] for d in "yx")
        if self.quantity != "vorticity":
            dy = dx = 0.0
        sides = (dy / 2, height - dy / 2), (dx / 2, width - dx / 2)
        horizontal, vertical = sides[::-1] if self.upright else sides
        return (*horizontal, *vertical)

    @property
    def axes(self) -> tuple[str, str]:
        """Names of the horizontal and vertical axis."""
        return ("x", "y") if self.upright else ("y", "x")

    def draw(self, axis, image: np.ndarray, limits: tuple[float, float], colours: str, extent=None):
        """Draws one picture with the obstacles; returns the image."""
        from matplotlib.patches import Circle

        drawn = axis.imshow(
            image,
            origin="lower",
            extent=extent or self.extent,
            vmin=limits[0],
            vmax=limits[1],
            cmap=colours,
            interpolation="nearest",
        )
        for obstacle in self.flow.obstacles:
            if hasattr(obstacle, "radius"):
                centre = obstacle.center.numpy("vector")
                names = list(obstacle.center.vector.item_names)
                where = tuple(float(centre[names.index(d)]) for d in self.axes)
                axis.add_patch(Circle(where, float(obstacle.radius), facecolor="0.75", edgecolor="k", linewidth=0.8))
        return drawn

    def panels(self, solvers: list[str], frames: list[str]):
        """
        A figure with a panel for each solver and frame: solvers below each other, or beside each other where
            the domain is not longer than high.

        Returns:
            The figure, and its axes by solver and frame.
        """
        width, height = self.extent[1] - self.extent[0], self.extent[3] - self.extent[2]
        beside = height > 0.75 * width
        rows, columns = (frames, solvers) if beside else (solvers, frames)
        panel = 2.1 if beside else 3.9
        size = 1.6 + panel * len(columns), 0.9 + (panel * height / width + 0.12) * len(rows)
        figure, axes = new_figure(*size, len(rows), len(columns), sharex=True, sharey=True)
        horizontal, vertical = self.axes
        for axis, name in zip(axes[0], columns, strict=True):
            axis.set_title(name, fontsize=9)
        for axis, name in zip(axes[:, 0], rows, strict=True):
            axis.set_ylabel(f"{name}\n{vertical}" if name else vertical, fontsize=9)
        for axis in axes[-1]:
            axis.set_xlabel(horizontal, fontsize=9)
        for axis in axes.flat:
            axis.tick_params(labelsize=8)
        return figure, axes.T if beside else axes


def fields_figure(
    pictures: Pictures,
    solvers: dict[str, list[Arrays]],
    reference: list[Arrays],
    path: Path,
    frames: list[int],
    title: str,
):
    """
    A quantity of all solvers and of the reference, which sets the colour scale, at some frames. Arrays of one
    simulation, with the axis of it.
    """
    rows = {n: [pictures.of(a)[0] for a in arrays] for n, arrays in solvers.items()} | {
        REFERENCE: [pictures.of(a)[0] for a in reference]
    }
    limits = pictures.limits(rows[REFERENCE])
    _figure(
        pictures,
        rows,
        limits,
        SIGNED if limits[0] < 0 else PLAIN,
        pictures.label,
        path,
        frames,
        f"{title}{pictures.place}",
    )


def error_pictures(
    pictures: Pictures,
    solvers: dict[str, list[Arrays]],
    reference: list[Arrays],
    path: Path,
    frames: list[int],
    title: str,
):
    """
    The magnitude of the error of all solvers, with one colour scale that suits the largest; arguments as for
    `fields_figure`.
    """
    rows = {
        n: [pictures.error(a, r)[0] for a, r in zip(arrays, reference, strict=True)] for n, arrays in solvers.items()
    }
    limits = 0.0, float(np.percentile(np.concatenate([np.ravel(i) for row in rows.values() for i in row]), 99.5)) or 1.0
    label = (
        "|u - reference| (length / time)" if pictures.quantity == "vorticity" else f"|{pictures.quantity} - reference|"
    )
    cells = Pictures(pictures.flow, "cells")
    _figure(cells, rows, limits, ERROR, label, path, frames, f"{title}{pictures.place}")


def _figure(
    pictures: Pictures,
    rows: dict[str, list[np.ndarray]],
    limits,
    colours: str,
    label: str,
    path: Path,
    frames: list[int],
    title: str,
):
    figure, axes = pictures.panels(list(rows), [f"frame {f}" for f in frames])
    for row, line in zip(rows.values(), axes, strict=True):
        for values, axis in zip(row, line, strict=True):
            image = pictures.draw(axis, values, limits, colours)
    ends = "max" if limits[0] == 0 else "both"
    figure.colorbar(image, ax=axes, shrink=0.8, aspect=35, pad=0.015, extend=ends, extendfrac=0.03).set_label(
        label, fontsize=9
    )
    figure.suptitle(title, fontsize=10)
    save(figure, path)
