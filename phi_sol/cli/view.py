"""`phi-sol view` and `phi-sol animate`."""

from pathlib import Path
from typing import Annotated

import typer

from .common import progress_bar, quiet_tensorflow


def view(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH ...", help="Run, data, simulation or evaluation folders, any PhiFlow scene, or a scene."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Data to show with the runs. Default: their scene's test data.", show_default=False),
    ] = None,
    port: Annotated[int, typer.Option(help="Port; if it is in use, the next free one is taken.")] = 8051,
    host: Annotated[str, typer.Option(help="Address to serve on. There is no authentication.")] = "127.0.0.1",
):
    """
    Look at source, corrected and reference in a web browser: recorded, live, and training curves.

    A scene's name stands for data/SCENE and runs/SCENE; with a run, the test data of its scene is shown. Nothing
    outside these folders is read. Needs Dash and Plotly: pip install phi-sol[view]
    """
    from ..viewer.phiflow.compat import require_dash

    require_dash()
    from ..viewer.catalogue import Catalogue

    catalogue = Catalogue(paths, data)
    from ..viewer.server import serve

    serve(catalogue, host, port, quiet_tensorflow, typer.echo)


def animate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH ...", help="As for view.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .mp4, .gif or .html.")],
    data: Annotated[Path | None, typer.Option(help="As for view.", show_default=False)] = None,
    simulation: Annotated[
        str | None, typer.Option(help="Its name, or the end of it.", show_default="the first")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Corrector: its name, or the end of it.", show_default="the first")
    ] = None,
    field: Annotated[str | None, typer.Option(help="Field.", show_default="velocity, or the first")] = None,
    quantity: Annotated[
        str | None, typer.Option(help="A component, magnitude or vorticity.", show_default="vorticity, or the first")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(help="FIRST:LAST or FIRST:LAST:STEP.", show_default="all, at most 200")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 20,
):
    """Write a film of source, corrected and reference side by side, with their errors over time."""
    from ..viewer.catalogue import Catalogue
    from ..viewer.films import Film, check_target

    check_target(out)
    film = Film(Catalogue(paths, data), simulation, run, field, quantity, frames, quiet_tensorflow)
    with progress_bar("frames/s") as bar:
        task = bar.add_task(out.name, total=None)
        film.write(out, fps, lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(f"{out}: {len(film.frames)} frames of {film.title}")
