"""Drawings as films."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..files import replacing
from ..places import check_file
from ..texts import for_figure
from .drawing import Drawing
from .panels import Row

FORMATS = {".mp4": "ffmpeg", ".gif": "pillow", ".html": "html"}  # Matplotlib's writers
LARGEST = 200  # MB of an HTML film
# what stands on the buttons of Matplotlib's player in the place of a font that it asks a server for
BUTTONS = {"minus": "&minus;", "fast-backward": "|&lt;", "step-backward": "&lt;", "play": "&#9654;", "pause": "||"}
BUTTONS |= {"step-forward": "&gt;", "fast-forward": "&gt;|", "plus": "+"}


def check_target(out: Path):
    """InputError if no film can be written there: another format, no ffmpeg, a file in place of the folder."""
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"{out} must end with one of {', '.join(FORMATS)}.")
    if out.suffix.lower() == ".mp4" and shutil.which("ffmpeg") is None:
        raise InputError(
            "An .mp4 needs the program ffmpeg, which is not installed: install it, or write a .gif or .html."
        )
    check_file(out, "Name another file (out=).")


def write_film(drawing: Drawing, frames: Iterable[tuple[str, list[Row]]], out: Path, fps: float, dpi: int = 100):
    """
    Writes a film of panels of the same form, from title and rows of each frame: .mp4 (needs ffmpeg), .gif or .html by
    the name of the file. A film that is not finished is not left behind. InputError as `check_target`.
    """
    import matplotlib
    from matplotlib import animation

    check_target(out)
    kind = out.suffix.lower()
    options: dict = {"embed_frames": True, "default_mode": "loop"} if kind == ".html" else {}
    writer, figure = animation.writers[FORMATS[kind]](fps=fps, **options), drawing.figure  # type: ignore[arg-type]
    out.parent.mkdir(parents=True, exist_ok=True)
    settings = matplotlib.rc_context({"animation.embed_limit": LARGEST})
    with replacing(out) as part:
        with settings, writer.saving(figure, str(part), dpi):
            for i, (title, rows) in enumerate(frames):
                drawing.draw(rows)
                if i == 0:  # the layout stays as it is now, so that nothing jumps
                    heading = figure.suptitle(for_figure(title), fontsize=11)
                    for _ in range(2):  # the first one does not know the size of the labels yet
                        figure.draw_without_rendering()
                    figure.set_layout_engine("none")
                heading.set_text(for_figure(title))
                writer.grab_frame()
        if kind == ".html":
            part.write_text(_alone(part.read_text("utf-8")), "utf-8")


def _alone(page: str) -> str:
    """A page of Matplotlib's player that asks no server for anything."""
    page = re.sub(r'<link rel="stylesheet"\s+href="https?://[^"]*">', "", page)
    backwards = '<i class="fa fa-play fa-flip-horizontal"></i>'
    return re.sub(r'<i class="fa fa-([a-z-]+)"></i>', lambda m: BUTTONS[m[1]], page.replace(backwards, "&#9664;"))
