"""
What is drawn: which quantity of which field, in which plane, in which colours. Independent of any plotting library.
"""

import json
from dataclasses import dataclass
from threading import Lock

import numpy as np

from ..errors import InputError
from ..flows import Flow
from .values import DISPLAY_LIMIT, VOLUME_LIMIT, VORTICITY, Picture, Values, picture, quantities

COMPUTING = Lock()  # held by whoever uses PhiML or TensorFlow: PhiML's settings are shared by all threads

FIELDS, DIFFERENCE, BOTH = "fields", "difference", "both"
VOLUME = "volume"


@dataclass(frozen=True)
class View:
    """
    What is drawn.

    Attributes:
        field: Name of the field.
        quantity: One of `values.quantities`.
        drawn: Axes in the order in which they are drawn.
        show: `fields`, `difference` (to the reference) or `both`.
        across: In 3D the axis that is sliced, or `volume`.
        position: Where it is sliced, in domain units.
    """

    field: str
    quantity: str
    drawn: tuple[str, ...]
    show: str = BOTH
    across: str = ""
    position: float = 0.0

    @property
    def is_volume(self) -> bool:
        return self.across == VOLUME

    def whole(self, values: Values) -> Picture:
        """The quantity over the whole grid."""
        return picture(values, self.quantity, self.drawn)

    def flat(self, whole: Picture) -> Picture:
        """
        What is drawn of it: itself, a slice, or a coarse volume; at most `DISPLAY_LIMIT` or `VOLUME_LIMIT`
            cells per axis.
        """
        if self.is_volume:
            return whole.ordered(tuple(d for d in self.drawn if d in whole.coordinates)).coarsened(VOLUME_LIMIT)
        if len(whole.coordinates) == 3:
            whole = whole.cut(self.across or max(self.drawn), self.position)
        axes = tuple(d for d in self.drawn if d in whole.coordinates)
        return whole.ordered(tuple(reversed(axes))).coarsened(DISPLAY_LIMIT)  # rows are vertical


@dataclass(frozen=True)
class Ranges:
    """Colour ranges of the fields and of their differences; None: of what is drawn."""

    fields: tuple[float, float] | None = None
    difference: tuple[float, float] | None = None


def default_quantity(names: list[str], wanted: str | None = None) -> str | None:
    """The quantity to begin with: the one that was chosen before, the vorticity, or the first."""
    return wanted if wanted in names else VORTICITY if VORTICITY in names else names[0] if names else None


def make_view(
    values: Values,
    field: str,
    quantity: str | None,
    drawn: tuple[str, ...],
    show: str,
    across: str | None,
    share: float | None,
) -> View:
    """
    The view that the controls ask for; what the page may not have adapted yet is replaced by something possible.

    Raises:
        InputError: for a field without quantities.
    """
    quantity = default_quantity(quantities(values), quantity)
    if quantity is None:
        raise InputError(f"{field} can't be shown.")
    across = across if across in (*drawn, VOLUME) and len(drawn) == 3 else max(drawn) if len(drawn) == 3 else ""
    lower, upper = values.bounds.get(across, (0.0, 0.0))
    return View(field, quantity, drawn, show, across, lower + (0.5 if share is None else share) * (upper - lower))


_masks: dict[tuple, Picture | None] = {}


def cached_mask(flow: Flow, view: View, patience: float = 0.3) -> Picture | None:
    """
    `obstacle_mask` for pages: computed once per plane, and only while no simulation uses PhiML, which is not
    safe in several threads. None if it has to wait longer than `patience` seconds for that; the next picture
    will have it.
    """
    key = (
        json.dumps(flow.config(), sort_keys=True),
        view.drawn,
        view.across,
        view.position if len(flow.size) == 3 else 0.0,
    )
    if key not in _masks and COMPUTING.acquire(timeout=patience):
        try:
            if len(_masks) > 200:
                _masks.clear()
            _masks[key] = obstacle_mask(flow, view)
        finally:
            COMPUTING.release()
    return _masks.get(key)


def obstacle_mask(flow: Flow, view: View, cells: int = 200) -> Picture | None:
    """
    1 inside the obstacles and NaN outside, in the part of the drawn plane that holds them; None if there are none.
    """
    from phi import math
    from phi.math import channel, instance

    if not flow.obstacles:
        return None
    across = (view.across or max(view.drawn)) if len(flow.size) == 3 else ""
    horizontal, vertical = [d for d in view.drawn if d != across]
    longest = max(flow.size.values())
    lines = {
        d: (np.arange(n) + 0.5) * flow.size[d] / n
        for d in (vertical, horizontal)
        for n in [max(8, round(cells * flow.size[d] / longest))]
    }
    points = dict(zip(lines, (p.ravel() for p in np.meshgrid(*lines.values(), indexing="ij")), strict=True))
    points |= {across: np.full(points[vertical].shape, view.position)} if across else {}
    with math.NUMPY, math.precision(64):
        where = math.wrap(
            np.stack([points[d] for d in flow.size], -1), instance("points"), channel(vector=list(flow.size))
        )
        inside = sum(o.lies_inside(where).numpy("points") for o in flow.obstacles) > 0
    if not inside.any():
        return None
    inside = inside.reshape([len(c) for c in lines.values()])
    cut = [slice(hits.min(), hits.max() + 1) for hits in np.nonzero(inside)]
    return Picture(
        {d: c[s] for (d, c), s in zip(lines.items(), cut, strict=True)},
        np.where(inside[tuple(cut)], 1, np.nan).astype(np.float32),
    )
