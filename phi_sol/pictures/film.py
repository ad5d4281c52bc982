"""Drawings as films."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from .drawing import Drawing
from .panels import Row

FORMATS = {".mp4": "ffmpeg", ".gif": "pillow", ".html": "html"}  # Matplotlib's writers
LARGEST = 200  # MB of an HTML film


def write_film(drawing: Drawing, frames: Iterable[tuple[str, list[Row]]], out: Path, fps: float, dpi: int = 100):
    """
    Writes a film of panels of the same form, from title and rows of each frame: .mp4 (needs ffmpeg), .gif or .html by
    the name of the file, InputError for others. A film that is not finished is not left behind.
    """
    import matplotlib
    from matplotlib import animation

    kind = out.suffix.lower()
    if kind not in FORMATS:
        raise InputError(f"{out} must end with one of {', '.join(FORMATS)}.")
    options: dict = {"embed_frames": True, "default_mode": "loop"} if kind == ".html" else {}
    writer, figure = animation.writers[FORMATS[kind]](fps=fps, **options), drawing.figure  # type: ignore[arg-type]
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".part-{out.name}")
    try:
        with matplotlib.rc_context({"animation.embed_limit": LARGEST}), writer.saving(figure, str(part), dpi):
            for i, (title, rows) in enumerate(frames):
                drawing.draw(rows)
                if i == 0:  # the layout stays as it is now, so that nothing jumps
                    heading = figure.suptitle(title, fontsize=11)
                    for _ in range(2):  # the first one does not know the size of the labels yet
                        figure.draw_without_rendering()
                    figure.set_layout_engine("none")
                heading.set_text(title)
                writer.grab_frame()
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
