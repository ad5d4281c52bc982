"""Labels of points in a figure, where they cover neither each other nor the points."""

from itertools import product

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

ANGLES = np.deg2rad([20, 160, -20, -160, 60, 120, -60, -120, 90, -90, 0, 180])
REACH = (9, 16, 26, 40, 58)  # points between a label and what it belongs to


def place_labels(axis, labels: dict[str, tuple[float, float]], *, first=(), keep=(), fontsize: float = 8) -> list[str]:
    """
    Writes labels beside points, each at the nearest place that is free, with a thin line where this is far away.

    Args:
        axis: Matplotlib axes of which the limits are set and all is drawn.
        labels: Position in data coordinates, by text; where there is no free place, the text is left out.
        first: Texts that are placed before the others, in bold.
        keep: Further positions that nothing may cover.

    Returns:
        The texts that found a place.
    """
    figure = axis.figure
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the places are those of this layout
    renderer, scale = canvas.get_renderer(), figure.dpi / 72
    frame = axis.get_window_extent(renderer)
    points = np.array([axis.transData.transform(p) for p in (*labels.values(), *keep)]).reshape(-1, 2)
    taken: list[tuple[float, float, float, float]] = [
        (x - 5 * scale, y - 5 * scale, x + 5 * scale, y + 5 * scale) for x, y in points
    ]
    placed = []
    for text in sorted(labels, key=lambda t: t not in first):
        weight = "bold" if text in first else "normal"
        note = axis.annotate(text, labels[text], fontsize=fontsize, fontweight=weight, zorder=6)
        box = note.get_window_extent(renderer)
        width, height = box.width + 2 * scale, box.height + scale
        x, y = axis.transData.transform(labels[text])
        for reach, angle in product(REACH, ANGLES):
            left = x + reach * scale * np.cos(angle) - width * (1 - np.cos(angle)) / 2
            low = y + reach * scale * np.sin(angle) - height * (1 - np.sin(angle)) / 2
            place = (left, low, left + width, low + height)
            inside = left > frame.x0 and low > frame.y0 and place[2] < frame.x1 and place[3] < frame.y1
            if inside and not any(_overlap(place, other) for other in taken):
                note.remove()
                _write(axis, text, labels[text], (left - x, low - y), scale, reach, fontsize, weight)
                taken.append(place)
                placed.append(text)
                break
        else:
            note.remove()
    return placed


def _overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _write(axis, text: str, at, offset, scale: float, reach: float, fontsize: float, weight: str):
    line = dict(arrowstyle="-", color="0.6", linewidth=0.6, shrinkA=0, shrinkB=4) if reach > REACH[1] else None
    where = dict(xytext=(offset[0] / scale, offset[1] / scale), textcoords="offset points")
    axis.annotate(text, at, **where, fontsize=fontsize, fontweight=weight, arrowprops=line, zorder=6)
