"""Rows of panels as a Matplotlib figure that can be drawn again, frame by frame."""

from itertools import groupby, zip_longest

import numpy as np

from ..texts import for_figure
from .panels import Row
from .values import Picture


class Drawing:
    """A Matplotlib figure of rows of panels; rows next to each other with equal scales share a colour bar."""

    def __init__(self, rows: list[Row], panel: float = 4.0, curves: bool = False, title: str = ""):
        """Of these rows at first, `panel` inches along a panel's longer side; `curves`: with `curve_axis` below."""
        from .notebook import NotebookFigure

        lengths = next(([b - a for a, b in p.extents.values()] for r in rows for p in r.pictures), [1, 1])
        height, width = (panel * length / max(lengths) for length in lengths)
        columns = max(len(r.panels) for r in rows)
        titled = [i == 0 or list(r.panels) != list(rows[i - 1].panels) for i, r in enumerate(rows)]
        ratios = [height] * len(rows) + [1.9] * curves
        self._labelled = [i == len(rows) - 1 or titled[i + 1] for i in range(len(rows))]
        around = (
            0.3 * sum(titled) + 0.42 * sum(self._labelled) + 0.08 * len(rows) + 0.2 * bool(title) + 0.3 + 0.5 * curves
        )
        size = [max(width * columns + 1.8, 4.0), sum(ratios) + around]
        wide, high = (2 * round(50 * s) / 100 for s in size)  # even numbers of pixels, for videos
        self.figure = NotebookFigure(figsize=(wide, high), dpi=100, layout="constrained")
        grid = self.figure.add_gridspec(len(ratios), columns, height_ratios=ratios)
        self.axes = [[self.figure.add_subplot(grid[i, j]) for j in range(columns)] for i in range(len(rows))]
        self.curve_axis = self.figure.add_subplot(grid[-1, :]) if curves else None
        self._images, self._notes, self._bars = {}, {}, set()
        for i, (row, axes) in enumerate(zip(rows, self.axes, strict=True)):
            for j, (axis, name) in enumerate(zip_longest(axes, row.panels)):
                axis.tick_params(labelsize=8, labelbottom=self._labelled[i], labelleft=j == 0)
                axis.set_title(for_figure(name) if name and titled[i] else "", fontsize=10)
                if name is None:
                    axis.axis("off")  # colour bars stand below each other
            axes[0].set_ylabel(for_figure(row.name), fontsize=9)
        if title:
            self.figure.suptitle(for_figure(title), fontsize=10)
        self.draw(rows)

    def draw(self, rows: list[Row]):
        """Draws panels of the same form; called again, it replaces those before."""
        for i, row in enumerate(rows):
            for j, content in enumerate(row.panels.values()):
                if (note := self._notes.pop((i, j), None)) is not None:
                    note.remove()
                image, axis = self._images.get((i, j)), self.axes[i][j]
                if isinstance(content, str):
                    if image is not None:
                        image.set_visible(False)
                    style: dict = dict(ha="center", va="center", wrap=True, fontsize=8, color="firebrick")
                    self._notes[i, j] = axis.text(0.5, 0.5, for_figure(content), transform=axis.transAxes, **style)
                    continue
                if image is None:
                    image = self._images[i, j] = self._first(axis, content, row, self._labelled[i], j == 0)
                image.set(data=content.values, clim=row.scale.limits, visible=True)
        for _, group in groupby(enumerate(rows), key=lambda item: item[1].scale):
            self._add_bar([i for i, _ in group], rows)

    @staticmethod
    def _first(axis, content: Picture, row: Row, lowest: bool, leftmost: bool):
        vertical, horizontal = content.coordinates
        extent = (*content.extents[horizontal], *content.extents[vertical])
        style = dict(origin="lower", cmap=row.scale.colours, interpolation="nearest")
        image = axis.imshow(content.values, extent=extent, **style)
        if row.outline is not None:
            drawn = (*(row.outline.coordinates[d] for d in (horizontal, vertical)), row.outline.values)
            axis.contourf(*drawn, levels=[-np.inf, 0], colors="0.75")
            axis.contour(*drawn, levels=[0], colors="k", linewidths=0.8)
        axis.set(xlim=extent[:2], ylim=extent[2:])
        if lowest:
            axis.set_xlabel(for_figure(horizontal), fontsize=9)
        if leftmost:
            axis.set_ylabel(for_figure(f"{row.name}\n{vertical}".strip()), fontsize=9)
        return image

    def _add_bar(self, where: list[int], rows: list[Row]):
        scale = rows[where[0]].scale
        image = next((self._images[k] for k in sorted(self._images) if k[0] in where), None)
        if image is None or where[0] in self._bars:
            return
        self._bars |= set(where)
        axes = [a for i in where for a in self.axes[i]]
        values = np.concatenate([p.values.ravel() for i in where for p in rows[i].pictures])
        beyond = 2 * (values < scale.limits[0]).any() + (values > scale.limits[1]).any()
        extend = ["neither", "max", "min", "both"][beyond]
        bar = self.figure.colorbar(image, ax=axes, aspect=18 * len(where), pad=0.01, extend=extend, extendfrac=0.03)
        bar.set_label(for_figure(scale.label), fontsize=9)
        bar.ax.tick_params(labelsize=8)
