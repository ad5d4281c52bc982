"""A film of a rollout."""

from pathlib import Path

import numpy as np

from ..arguments import checked
from ..errors import InputError, positive, quoted
from ..flows import Flow
from ..pictures.drawing import Drawing
from ..pictures.film import check_target, write_film
from ..pictures.panels import FIELDS, Choice, Ranges, Row, colour_range, drawn_axes, in_lines, make_rows
from ..pictures.values import Values, flow_values, meant, quantities, simulation_titles
from ..stepping.rollout import Rollout

LOOKED_AT = 5  # frames that decide the colours


@checked
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
    fps = positive("The number of frames per second", fps)
    flow: Flow = frames.flow  # type: ignore[assignment]
    simulations = len(next(iter(frames.arrays.values()))[0])
    titles = simulation_titles(frames.parameters, simulations)

    def values(frame: int) -> dict[str, Values | str]:
        parts = [{n: a[frame, s] for n, a in frames.arrays.items()} for s in range(simulations)]
        return {t: flow_values(flow, p)[name] for t, p in zip(titles, parts, strict=True)}

    names = list(flow_values(flow, {n: a[0, 0] for n, a in frames.arrays.items()}))
    field, quantity = meant(quantity, field, names)
    name = field or ("velocity" if "velocity" in names else names[0])
    if name not in names:
        raise InputError(f"There is no field {quoted(name)}. Fields: {', '.join(names)}.")
    first = flow_values(flow, {n: a[0, 0] for n, a in frames.arrays.items()})[name]
    if quantity and quantity not in quantities(first):
        raise InputError(f"There is no quantity {quoted(quantity)} of {name}. Known: {', '.join(quantities(first))}.")
    view = Choice(name, quantity, FIELDS).view(first, drawn_axes(first.axes, flow.drawn))
    looked_at = np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).astype(int))
    seen = [view.flat(view.whole(v)) for f in looked_at for v in values(f).values() if isinstance(v, Values)]
    ranges = Ranges(colour_range(seen, view.is_signed))

    def rows(frame: int) -> list[Row]:
        return [row for line in in_lines(values(frame)) for row in make_rows(line, view, ranges, flow=flow)]

    write_film(Drawing(rows(0)), ((f"time {t:g}", rows(f)) for f, t in enumerate(frames.times)), path, fps)
