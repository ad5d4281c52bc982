"""A short film of all solvers side by side."""

from pathlib import Path

import numpy as np

from .pictures import PLAIN, SIGNED, Pictures

FPS = 12


def write_film(pictures: Pictures, panels: dict[str, dict[int, np.ndarray]], reference: str, path: Path, title: str):
    """
    Writes an animated GIF, which browsers and viewers of Markdown show without a plug-in.

    Args:
        pictures: How the quantity is drawn.
        panels: Picture by frame number, by title; None where a solver has no picture any more.
        reference: Title of the panel that sets the colour scale.
        path: File.
        title: Of the whole; the frame is added.
    """
    from matplotlib.animation import PillowWriter

    frames = sorted(panels[reference])
    limits = pictures.limits(list(panels[reference].values()))
    figure, axes = pictures.panels(list(panels), [""])
    images = {
        name: pictures.draw(axis, panels[name][frames[0]], limits, SIGNED if limits[0] < 0 else PLAIN)
        for name, axis in zip(panels, axes[:, 0], strict=True)
    }
    bar = figure.colorbar(images[reference], ax=axes, shrink=0.8, aspect=35, pad=0.015)
    bar.set_label(pictures.label, fontsize=8)
    heading = figure.suptitle(f"{title}, frame {frames[-1]}", fontsize=9)
    for _ in range(2):  # the first layout does not know the size of the labels yet
        figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout stays as it is now, so that nothing jumps
    writer, part = PillowWriter(fps=FPS), path.with_name(f".{path.name}")
    with writer.saving(figure, str(part), dpi=75):
        for frame in frames:
            for name, image in images.items():
                there = panels[name].get(frame)
                image.set_data(there if there is not None else np.full_like(image.get_array(), np.nan))
            heading.set_text(f"{title}, frame {frame}")
            writer.grab_frame()
    part.replace(path)
