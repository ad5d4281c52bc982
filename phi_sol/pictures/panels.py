"""What panels show, in which plane and colours; `drawing` renders it with Matplotlib, `viewer.figures` with Plotly."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from phi import math
from phi.geom import Geometry
from phi.math import channel, instance

from ..errors import InputError
from ..flows import Flow
from ..flows.bodies import SPEEDS
from ..pressure.obstacles import as_axes_of
from .values import VORTICITY, Picture, Values, is_signed, label, picture, quantities

FIELDS, DIFFERENCE, BOTH = "fields", "difference", "both"
VOLUME = "volume"
DISPLAY_LIMIT = 128  # cells per axis of a picture; finer fields are averaged over blocks
ACROSS = 4  # simulations in a row
VOLUME_LIMIT = 24  # cells per axis of a volume rendering
# known to Matplotlib and to Plotly; of a vorticity lightness grows throughout, so that prints in grey keep the order
PLAIN, SIGNED, DIFFERENCES, ERROR = "viridis", "cividis", "RdBu_r", "magma_r"


def drawn_axes(axes: list[str], order: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Axes in a flow's order (`Flow.drawn`): of those left by a slice the first is horizontal, the second vertical."""
    order = (*(order or Flow.drawn), *axes)
    return tuple(sorted(axes, key=order.index))


@dataclass(frozen=True)
class View:
    """What is drawn."""

    field: str
    quantity: str  # one of `values.quantities`
    drawn: tuple[str, ...]  # axes in the order in which they are drawn
    show: str = BOTH  # `fields`, `difference` (to the reference) or `both`
    across: str = ""  # in 3D the axis that is sliced, or `volume`
    position: float = 0.0  # where it is sliced, in domain units

    @property
    def is_volume(self) -> bool:
        return self.across == VOLUME

    @property
    def is_signed(self) -> bool:
        return is_signed(self.quantity, len(self.drawn))

    @property
    def sliced(self) -> str:
        """The axis that is sliced, or nothing."""
        return (self.across or max(self.drawn)) if len(self.drawn) == 3 and not self.is_volume else ""

    def whole(self, values: Values) -> Picture:
        """The quantity over the whole grid."""
        return picture(values, self.quantity, self.drawn)

    def flat(self, whole: Picture, limit: int = DISPLAY_LIMIT) -> Picture:
        """What is drawn of it: itself, a slice, or a volume; with at most `limit` entries per axis of a plane."""
        if len(whole.coordinates) == 3 and not self.is_volume:
            whole = whole.cut(self.sliced, self.position)
        axes = tuple(d for d in self.drawn if d in whole.coordinates)
        if self.is_volume:
            return whole.ordered(axes).coarsened(VOLUME_LIMIT)
        return whole.ordered(axes[::-1]).coarsened(limit)  # rows are vertical


def default_quantity(names: list[str], wanted: str | None = None) -> str | None:
    """The quantity to begin with: the one that was chosen before, the vorticity, or the first."""
    return wanted if wanted in names else VORTICITY if VORTICITY in names else names[0] if names else None


class Choice(NamedTuple):
    """What somebody wants to see. What is not possible (yet) is replaced by something that is."""

    field: str
    quantity: str | None = None
    show: str = BOTH
    across: str | None = None  # an axis, or `volume`
    share: float | None = None  # where it is sliced, from 0 to 1; default: in the middle

    def view(self, values: Values, drawn: tuple[str, ...]) -> View:
        """The view of a field of which `values` are an example. Raises InputError if it has no quantities."""
        quantity = default_quantity(quantities(values), self.quantity)
        if quantity is None:
            raise InputError(f"{self.field} can't be shown.")
        cut = self.across if self.across and self.across in (*drawn, VOLUME) else max(drawn)
        across, share = cut if len(drawn) == 3 else "", 0.5 if self.share is None else self.share
        lower, upper = values.bounds.get(across, (0.0, 0.0))
        return View(self.field, quantity, drawn, self.show, across, lower + share * (upper - lower))


Range = tuple[float, float]


@dataclass(frozen=True)
class Ranges:
    """Colour ranges of the fields and of their differences; None: of what is drawn."""

    fields: Range | None = None
    difference: Range | None = None


def colour_range(pictures: list[Picture], signed: bool) -> Range:
    """
    One colour range for all pictures: their finite extremes; around zero if `signed`, and then without the outermost
    half per cent, so that a few strong vortices or wall cells don't make all else pale.
    """
    finite = [f for p in pictures if (f := p.values[np.isfinite(p.values)]).size]
    if not finite:
        return 0.0, 1.0
    if signed:
        limit = max(float(np.percentile(np.abs(f), 99.5)) for f in finite) or 1.0
        return -limit, limit
    lower, upper = min(float(f.min()) for f in finite), max(float(f.max()) for f in finite)
    return (lower, upper) if upper > lower else (lower - 0.5, lower + 0.5)


@dataclass(frozen=True)
class Scale:
    """Values of the first and the last colour, name of the colours, label of the colour bar."""

    limits: Range
    colours: str
    label: str


@dataclass(frozen=True)
class Row:
    """Panels side by side. Rows with equal scales share a colour bar."""

    panels: dict[str, Picture | str]  # or the reason why there is none, by title
    scale: Scale
    name: str = ""  # what stands left of them
    outline: Picture | None = field(default=None, repr=False)  # distance to the surface of obstacles, negative inside

    @property
    def pictures(self) -> list[Picture]:
        return [p for p in self.panels.values() if isinstance(p, Picture)]


def make_rows(
    shown: Mapping[str, Values | str],
    view: View,
    ranges: Ranges | None = None,
    reference: str = "",
    flow: Flow | None = None,
    full: dict[str, Values] | None = None,
    numbers: Mapping[str, float] | None = None,
) -> list[Row]:
    """
    Panels with one colour scale, and below their differences to the reference with another.

    Args:
        shown: Values, or the reason why there are none, by title.
        view, ranges: What is drawn, and fixed colour ranges.
        reference: Title of the panel that the others are compared with.
        flow: Gives obstacles and bodies.
        full: Values that are drawn in the place of some of those shown, but not compared.
        numbers: Parameters that all of them have, by which bodies are drawn.
    """
    wholes = {t: view.whole(v) for t, v in shown.items() if isinstance(v, Values)}
    drawn = wholes | {t: view.whole(v) for t, v in (full or {}).items()}
    base, ranges, rows = wholes.get(reference), ranges or Ranges(), []
    name = label(view.field, view.quantity)

    def add(panels: dict[str, Picture | str], given: Range | None, colours: str, text: str):
        limits = given or colour_range([p for p in panels.values() if isinstance(p, Picture)], colours != PLAIN)
        rows.append(Row(panels, Scale(limits, colours, text), outline=outline))

    outline = None if flow is None or view.is_volume else outline_of(flow, view, numbers)
    if view.show != DIFFERENCE or not reference:
        panels: dict = {t: view.flat(drawn[t]) if t in drawn else v for t, v in shown.items()}
        add(panels, ranges.fields, SIGNED if view.is_signed else PLAIN, name)
    if view.show != FIELDS and reference:
        panels = {}
        for title in [t for t in shown if t != reference]:
            there = title in wholes and wholes[title].fits(base)
            reasons = (v for v in (shown[title], shown[reference]) if isinstance(v, str))
            said = next(reasons, "no reference on this grid")
            content = view.flat(wholes[title] - wholes[reference]) if there else said
            panels[f"{title} − {reference}"] = content
        add(panels, ranges.difference, DIFFERENCES, f"difference{name[name.rfind(' (') :] if '(' in name else ''}")
    return rows


def in_lines(panels: dict[str, Values | str]) -> list[dict[str, Values | str]]:
    """Panels of simulations, some in a row."""
    names = list(panels)
    return [{n: panels[n] for n in names[i : i + ACROSS]} for i in range(0, len(names), ACROSS)]


def in_one_scale(rows: list[Row]) -> list[Row]:
    """Rows of one kind with the colour scale of all their pictures, which they share."""
    scale = rows[0].scale
    limits = colour_range([p for row in rows for p in row.pictures], scale.colours != PLAIN)
    return [replace(row, scale=replace(scale, limits=limits)) for row in rows]


def outline_of(flow: Flow, view: View, numbers: Mapping[str, float] | None = None, cells: int = 200) -> Picture | None:
    """
    The cut of the obstacles and bodies themselves, on a raster finer than the grid: the distance to their surface,
    negative inside, in the part of the drawn plane that holds them; None if there are none. Bodies whose place or shape
    is a parameter are drawn if it is among `numbers`.
    """
    given = flow.obstacles if isinstance(flow.obstacles, list | tuple) else [flow.obstacles]
    solids: list[Any] = [g for o in given if isinstance(g := getattr(o, "geometry", o), Geometry)]
    known = numbers or {}
    every = getattr(flow, "bodies", ())
    bodies = [b for b in every if all(n in known or k in SPEEDS.values() for k, n in b.parameters.items())]
    if not (solids or bodies):
        return None
    across, longest = view.sliced, max(flow.size.values())
    horizontal, vertical = [d for d in view.drawn if d != across]
    lines = {
        d: (np.arange(n) + 0.5) * flow.size[d] / n
        for d in (vertical, horizontal)
        for n in [max(8, round(cells * flow.size[d] / longest))]
    }
    points = dict(zip(lines, (p.ravel() for p in np.meshgrid(*lines.values(), indexing="ij")), strict=True))
    others = {across: view.position} if across else {d: s / 2 for d, s in flow.size.items() if d not in lines}
    points |= {d: np.full(points[vertical].shape, p) for d, p in others.items()}
    # PhiML's settings are those of all threads, and a simulation may run in another one: they stay as they are
    where = math.wrap(np.stack([points[d] for d in flow.size], -1), instance("points"), channel(vector=list(flow.size)))
    distances = [s.approximate_signed_distance(as_axes_of(s, where)).numpy("points") for s in solids]
    for body in bodies:
        own = dict(body.numbers) | {k: known.get(n, body.numbers[k]) for k, n in body.parameters.items()}
        away = {d: where.vector[d] - own[d] for d in body.axes}
        distances.append(body.distance(away, own).numpy("points"))
    distance = np.min(distances, 0)
    distance = distance.reshape([len(c) for c in lines.values()])
    if not (distance <= 0).any():
        return None
    cut = [slice(max(0, hits.min() - 1), hits.max() + 2) for hits in np.nonzero(distance <= 0)]
    return Picture({d: c[s] for (d, c), s in zip(lines.items(), cut, strict=True)}, distance[tuple(cut)])
