"""A film of a rollout."""

from pathlib import Path

import numpy as np

from ..errors import InputError, is_real
from ..flows import Flow
from ..pictures.drawing import Drawing
from ..pictures.film import check_target, write_film
from ..pictures.panels import FIELDS, Choice, Ranges, colour_range, drawn_axes, make_rows
from ..pictures.values import flow_values, quantities
from ..stepping.rollout import Rollout

LOOKED_AT = 5  # frames that decide the colours


def write_film_of(
    frames: Rollout, path: Path, field: str | None = None, quantity: str | None = None, *, fps: float = 10.0
):
    """
    A film of one field with its obstacles, `.mp4` (needs ffmpeg), `.gif` or `.html`; of a batch all simulations side by
    side, with one colour scale.

    Args:
        field: Default: `velocity`, or the first.
        quantity: As for `phi_sol.plot`; default: the vorticity of a velocity.
        fps: Frames per second.

    Raises:
        InputError: for a field or quantity that there isn't, or a place that can't be written to.
    """
    check_target(path)
    if not (is_real(fps) and fps > 0):
        raise InputError(f"The number of frames per second must be positive, not {fps!r}.")
    flow: Flow = frames.flow  # type: ignore[assignment]
    simulations = len(next(iter(frames.arrays.values()))[0])
    titles = [", ".join(f"{p}={v[s]:g}" for p, v in frames.parameters.items()) for s in range(simulations)]
    titles = [t or f"simulation {s}" for s, t in enumerate(titles)]
    titles = titles if len(set(titles)) == len(titles) else [f"{s}: {t}" for s, t in enumerate(titles)]

    def values(frame: int) -> dict:
        parts = [{n: a[frame, s] for n, a in frames.arrays.items()} for s in range(simulations)]
        return {t: flow_values(flow, p)[name] for t, p in zip(titles, parts, strict=True)}

    names = list(flow_values(flow, {n: a[0, 0] for n, a in frames.arrays.items()}))
    name = field or ("velocity" if "velocity" in names else names[0])
    if name not in names:
        raise InputError(f"There is no field {name!r}. Fields: {', '.join(names)}.")
    first = next(iter(values(0).values()))
    if quantity and quantity not in quantities(first):
        raise InputError(f"There is no quantity {quantity!r} of {name}. Known: {', '.join(quantities(first))}.")
    view = Choice(name, quantity, FIELDS).view(first, drawn_axes(first.axes, flow.drawn))
    looked_at = np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).astype(int))
    seen = [view.flat(view.whole(v)) for f in looked_at for v in values(f).values()]
    ranges = Ranges(colour_range(seen, view.is_signed))
    rows = ((f"time {t:g}", make_rows(values(f), view, ranges, flow=flow)) for f, t in enumerate(frames.times))
    write_film(Drawing(make_rows(values(0), view, ranges, flow=flow)), rows, path, fps)
