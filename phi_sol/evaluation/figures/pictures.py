"""Fields side by side, with one colour scale for all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...flows import Flow
from ...metrics.grid import Arrays
from ...pictures.drawing import Drawing
from ...pictures.film import write_film
from ...pictures.panels import ERROR, PLAIN, SIGNED, Range, Row, Scale, View, drawn_axes, outline_of
from ...pictures.values import MAGNITUDE, VALUE, VORTICITY, Picture, Values, flow_values
from ..measures import Measures
from .style import IMPORTED, save

REFERENCE = "reference, restricted"
FINE = 1024  # cells per axis that are drawn as they are
FPS = 12


@dataclass(frozen=True)
class Pictures:
    """How the vorticity or a centred field of a source flow is drawn: in its order of axes, in the middle of z."""

    flow: Flow
    quantity: str = VORTICITY
    reference: str = REFERENCE
    """Title of what the others are compared with."""

    @classmethod
    def of_errors(cls, measures: Measures) -> "Pictures":
        """Of the vorticity where errors are those of the velocity, otherwise of the first compared field."""
        title = IMPORTED if measures.data.imported else REFERENCE
        return cls(measures.flow, VORTICITY if "velocity" in measures.fields else measures.fields[0], title)

    @property
    def field(self) -> str:
        """What the quantity is of."""
        return "velocity" if self.is_vorticity else self.quantity

    @property
    def is_vorticity(self) -> bool:
        return self.quantity == VORTICITY

    @property
    def label(self) -> str:
        return f"{VORTICITY} (1 / time), counter-clockwise positive" if self.is_vorticity else self.quantity

    @property
    def place(self) -> str:
        return " in the middle of z" if "z" in self.flow.resolution else ""

    def view(self, quantity: str) -> View:
        drawn = drawn_axes([d for d in self.flow.resolution if d != "z"], self.flow.drawn)
        return View(self.field, quantity, drawn)

    def _values(self, arrays: Arrays) -> Values:
        return flow_values(self.flow, {n: np.asarray(a[0], np.float64) for n, a in arrays.items()})[self.field]

    def of(self, arrays: Arrays) -> Picture:
        """The picture of arrays of one simulation, of shape (1, *spatial)."""
        view = self.view(VORTICITY if self.is_vorticity else VALUE)
        return view.flat(view.whole(self._values(arrays).plane("z")), FINE)

    def error(self, arrays: Arrays, reference: Arrays) -> Picture:
        """|u - T r| at cell centres, drawn like the fields; or the magnitude of the difference of a centred field."""
        view = self.view(MAGNITUDE if self.is_vorticity else VALUE)
        whole = view.whole(self._values(arrays) - self._values(reference))
        if "z" in whole.coordinates:
            whole = whole.cut("z", np.nextafter(self.flow.size["z"] / 2, np.inf))
        flat = view.flat(whole, FINE)
        return Picture(flat.coordinates, np.abs(flat.values))

    def limits(self, pictures: list[Picture]) -> Range:
        """One range for all: around zero for the vorticity, from zero for a field that is nowhere negative."""
        finite = np.concatenate([p.values[np.isfinite(p.values)] for p in pictures])
        limit = float(np.percentile(np.abs(finite), 99.5)) or 1.0
        return (0.0 if not self.is_vorticity and finite.min() >= -0.05 * limit else -limit), limit

    def scale(self, pictures: list[Picture]) -> Scale:
        """The colours of the quantity, for the range of some pictures."""
        limits = self.limits(pictures)
        return Scale(limits, SIGNED if self.is_vorticity else PLAIN, self.label)

    @property
    def _height(self) -> float:
        """Of the domain as it is drawn, relative to its width."""
        horizontal, vertical = (self.flow.size[d] for d in self.view(VORTICITY).drawn)
        return vertical / horizontal

    def rows(self, solvers: dict[str, list[Picture]], frames: list[str], scale: Scale) -> list[Row]:
        """A panel for each solver and frame: solvers below each other, or beside each other in high domains."""
        outline = outline_of(self.flow, self.view(VORTICITY))
        if self._height <= 0.75:
            return [Row(dict(zip(frames, p, strict=True)), scale, n, outline) for n, p in solvers.items()]
        return [Row({n: p[i] for n, p in solvers.items()}, scale, f, outline) for i, f in enumerate(frames)]

    def drawing(self, rows: list[Row], title: str = "") -> Drawing:
        return Drawing(rows, 2.1 * max(1.0, self._height) if self._height > 0.75 else 3.9, title=title)


def fields_figure(
    pictures: Pictures,
    solvers: dict[str, list[Arrays]],
    reference: list[Arrays],
    path: Path,
    times: list[str],
    title: str,
):
    """
    A quantity of all solvers and of the reference, which sets the colour scale, at some times, in words. Arrays of one
    simulation, with the axis of it.
    """
    drawn = {n: [pictures.of(a) for a in arrays] for n, arrays in (solvers | {pictures.reference: reference}).items()}
    rows = pictures.rows(drawn, times, pictures.scale(drawn[pictures.reference]))
    save(pictures.drawing(rows, f"{title}{pictures.place}").figure, path)


def error_pictures(
    pictures: Pictures,
    solvers: dict[str, list[Arrays]],
    reference: list[Arrays],
    path: Path,
    times: list[str],
    title: str,
):
    """The magnitude of the error of all solvers, the largest sets the scale; arguments as for `fields_figure`."""
    drawn = {n: [pictures.error(a, r) for a, r in zip(given, reference, strict=True)] for n, given in solvers.items()}
    values = np.concatenate([p.values.ravel() for row in drawn.values() for p in row])
    largest = float(np.percentile(values[np.isfinite(values)], 99.5)) if np.isfinite(values).any() else 1.0
    label = "|u - reference| (length / time)" if pictures.is_vorticity else f"|{pictures.quantity} - reference|"
    rows = pictures.rows(drawn, times, Scale((0.0, largest or 1.0), ERROR, label))
    save(pictures.drawing(rows, f"{title}{pictures.place}").figure, path)


def film_figure(
    pictures: Pictures, panels: dict[str, dict[int, Picture]], reference: str, path: Path, titles: dict[int, str]
):
    """
    Writes an animated GIF, which browsers and viewers of Markdown show without a plug-in, from pictures by frame number
    by title of the panel; `reference` is the panel that sets the colour scale. There is a title for every frame.
    """
    frames, scale = sorted(panels[reference]), pictures.scale(list(panels[reference].values()))
    rows = {f: pictures.rows({n: [p[f]] for n, p in panels.items()}, [""], scale) for f in frames}
    drawing = pictures.drawing(rows[frames[0]])
    write_film(drawing, ((titles[f], rows[f]) for f in frames), path, FPS, dpi=75)
