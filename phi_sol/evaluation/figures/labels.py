"""Labels of points in a figure, where they cover neither each other nor the points."""

from itertools import pairwise, product

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ...texts import for_figure

ANGLES = np.deg2rad([20, 160, -20, -160, 60, 120, -60, -120, 90, -90, 0, 180])
REACH = (9, 16, 26, 40, 58)  # points between a label and what it belongs to


def place_labels(
    axis,
    labels: dict[str, tuple[float, float]],
    *,
    first=(),
    lines=(),
    artists=(),
    fontsize: float = 8,
) -> list[str]:
    """
    Writes labels beside points, each at the nearest place that is free and nearer to its point than to others, with a
    thin line where this is far away. Where there is none, another point may be nearer.

    Args:
        axis: Matplotlib axes of which the limits are set and all is drawn, also the figure's title.
        labels: Position in data coordinates, by text; where there is no free place, the text is left out.
        first: Texts that are placed before the others, in bold.
        lines: Corners of lines along the axes that nothing may cover, in data coordinates.
        artists: What else nothing may cover.

    Returns:
        The texts that found a place.
    """
    figure = axis.figure
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the places are those of this layout
    renderer, scale = canvas.get_renderer(), figure.dpi / 72
    frame = axis.get_window_extent(renderer)
    points = [axis.transData.transform(p) for p in labels.values()]
    taken = [(x - 5 * scale, y - 5 * scale, x + 5 * scale, y + 5 * scale) for x, y in points]
    taken += [tuple(a.get_window_extent(renderer).extents) for a in artists]
    for line in lines:
        corners = [axis.transData.transform(p) for p in line]
        for a, b in pairwise(corners):
            taken.append((*(np.minimum(a, b) - scale), *(np.maximum(a, b) + scale)))
    placed = []
    for text in sorted(labels, key=lambda t: t not in first):
        weight = "bold" if text in first else "normal"
        note = axis.annotate(for_figure(text), labels[text], fontsize=fontsize, fontweight=weight, zorder=6)
        box = note.get_window_extent(renderer)
        note.remove()
        width, height = box.width + 2 * scale, box.height + scale
        x, y = here = axis.transData.transform(labels[text])
        for clear, reach, angle in product((True, False), REACH, ANGLES):
            left = x + reach * scale * np.cos(angle) - width * (1 - np.cos(angle)) / 2
            low = y + reach * scale * np.sin(angle) - height * (1 - np.sin(angle)) / 2
            place = (left, low, left + width, low + height)
            inside = left > frame.x0 and low > frame.y0 and place[2] < frame.x1 and place[3] < frame.y1
            if not inside or any(_overlap(place, other) for other in taken):
                continue
            if clear and any(_distance(p, place) < _distance(here, place) for p in points):
                continue
            far = not clear or reach > REACH[0]
            line = dict(arrowstyle="-", color="0.6", linewidth=0.6, shrinkA=0, shrinkB=4) if far else None
            where = dict(xytext=((left - x) / scale, (low - y) / scale), textcoords="offset points")
            style: dict = dict(fontsize=fontsize, fontweight=weight, arrowprops=line, zorder=6)
            axis.annotate(for_figure(text), labels[text], **where, **style)
            taken.append(place)
            placed.append(text)
            break
    return placed


def _distance(point, box) -> float:
    """Of a point from a box, zero inside."""
    outside = np.maximum(0, np.maximum(np.subtract(box[:2], point), np.subtract(point, box[2:])))
    return float(np.hypot(*outside))


def _overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
