"""How figures look: told apart by line style, lightness and colour, so that they read in greyscale, too."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from ...files import write_atomic
from ...texts import for_figure
from ..groups import Group

COLOURS = ["#0b3c8c", "#e07b00", "#2a9d8f", "#b5179e", "#7fb800", "#8c564b"]
DASHES = ["-", (0, (6, 2)), (0, (6, 2, 1, 2)), (0, (2, 1.5)), (0, (8, 2, 1, 2, 1, 2)), (0, (1, 1))]
MARKERS = "oDv^Ps"
DPI = 130
IMPORTED = "imported data"  # in the place of the reference


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options):
    """A Matplotlib figure that belongs to no window system, and its axes as a 2D array."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def save(figure, path: Path, title: str = ""):
    """Writes a PNG, with a title of the whole, so that it is there completely or not at all."""
    if title:
        figure.suptitle(for_figure(title), fontsize=10)
    figure.savefig(image := BytesIO(), dpi=DPI, format="png")
    write_atomic(path, image.getvalue())


def trained_style(index: int) -> dict:
    """Arguments for the line of the trained solver of an index."""
    return {"color": COLOURS[index % 6], "linestyle": DASHES[index % 6], "linewidth": 1.6}


def line_styles(groups: list[Group]) -> dict[str, dict]:
    """Arguments for lines by label: SRC black, solvers without a corrector grey, correctors coloured."""
    result, greys, colours = {}, 0, 0
    for group in groups:
        if group.label == "SRC":
            style = {"color": "k", "linestyle": "-", "linewidth": 1.8}
        elif not group.method:
            style = {"color": ["0.35", "0.6"][greys % 2], "linestyle": ["--", "-."][greys % 2], "linewidth": 1.4}
            greys += 1
        else:
            style = trained_style(colours)
            colours += 1
        result[group.label] = style
    return result


_REFERENCE = {"color": "k", "linestyle": (0, (1, 1.2)), "linewidth": 2.2, "label": "reference", "zorder": 5}


def reference_style(imported: Sequence[str]) -> dict:
    """Of the reference's line, or of that of data that are imported, which no reference of the scene has made."""
    return _REFERENCE | ({"label": IMPORTED} if imported else {})
