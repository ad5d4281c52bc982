"""What a flow says of itself, for people."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from phi.geom import Geometry

from ..stepping.system import System


def told(flow: Any) -> dict[str, str]:
    """By name what defines a flow: its domain, fields, parameters, time step, and what stands in it."""
    lengths = " x ".join(f"{s:g}" for s in flow.size.values())
    cells = " x ".join(str(n) for n in flow.resolution.values())
    spacing = " x ".join(f"{s:.4g}" for s in flow.spacing.values())
    return {
        "domain": f"{', '.join(flow.size)}: {lengths}",
        "grid": f"{cells} cells of {spacing}",
        "time step": f"{flow.dt:g}",
        "advection": flow.advection,
        "fields": ", ".join(_field(flow, n) for n in flow.fields),
        "parameters": ", ".join(flow.parameters),
        "profiles": ", ".join(flow.profiles),
        "boundaries": "; ".join(f"{n}: {_boundary(b)}" for n, b in flow.boundaries.items()),
        "obstacles": "; ".join(obstacle(o) for o in _sequence(flow.obstacles)),
        "bodies": "; ".join(map(repr, getattr(flow, "bodies", ()))),
    }


def _boundary(given: Any) -> str:
    """PhiFlow's words without types and quotes."""
    return re.sub(r"float\d+ |['{}]", "", str(given))


def _sequence(given: Any) -> Sequence:
    return given if isinstance(given, list | tuple) else [given]


def _field(flow: System, name: str) -> str:
    return f"{name} (staggered)" if name in flow.staggered else name


def obstacle(given: Any) -> str:
    """A geometry in a few words: its kind, where it is and how large."""
    geometry = getattr(given, "geometry", given)
    if not isinstance(geometry, Geometry):
        return str(geometry)
    if geometry.shape.instance:
        return f"{type(geometry).__name__} of {geometry.shape.instance.volume} parts"
    center, radius = geometry.center, np.ravel(geometry.bounding_half_extent().numpy("vector"))
    names = center.shape.get_item_names("vector") or [""] * len(radius)
    place = ", ".join(f"{n}={v:g}" for n, v in zip(names, center.numpy("vector"), strict=True))
    return f"{type(geometry).__name__} at {place}, {' x '.join(f'{2 * r:.4g}' for r in radius)} large"
