"""`phi-sol view` and `phi-sol animate`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from .common import option, quiet_tensorflow, say


def view(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH ...", help="Run, data, simulation or evaluation folders, any PhiFlow scene, or a scene."
        ),
    ],
    data: Annotated[
        list[Path] | None,
        option("Data to show with the runs; may be repeated. Default: their scene's test data.", False),
    ] = None,
    port: Annotated[int, option("Port; if it is in use, the next free one is taken.")] = 8051,
    host: Annotated[str, option("Address to serve on; with others than local ones a token is needed.")] = "127.0.0.1",
    allow_control: Annotated[
        bool, option("With such a --host: also save scenes, PhiFlow's controls and Kill.", True, "--allow-control")
    ] = False,
    anyway: Annotated[bool, option("Also correctors of another flow, as for evaluate.", True, "--anyway")] = False,
):
    """
    Look at source, corrected and reference in a web browser: recorded, live, and training curves.

    A scene's name stands for data/SCENE and runs/SCENE; with a run, the test data of its scene is shown. Nothing
    outside these folders is read. Needs Dash and Plotly: pip install 'phi_sol[view]'
    """
    from ..viewer.phiflow.compat import require_dash

    require_dash()
    from ..viewer.catalogue import Catalogue

    catalogue = Catalogue(paths, data, strict=not anyway)
    from ..viewer.server import serve

    serve(catalogue, host, port, quiet_tensorflow, typer.echo, allow_control)


def animate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH ...", help="As for view.")],
    out: Annotated[Path, option("File to write: .mp4, .gif or .html.", True, "--out", "-o")],
    data: Annotated[list[Path] | None, option("As for view.", False)] = None,
    simulation: Annotated[str | None, option("Its name, or the end of it.", "the first")] = None,
    run: Annotated[str | None, option("Corrector: its name, or the end of it.", "the first")] = None,
    field: Annotated[str | None, option("Field.", "velocity, or the first")] = None,
    quantity: Annotated[str | None, option("A component, magnitude, speed, vorticity, a field.", "vorticity")] = None,
    frames: Annotated[str | None, option("FIRST:LAST or FIRST:LAST:STEP.", "all, at most 200")] = None,
    fps: Annotated[float, option("Frames per second.")] = 20,
    anyway: Annotated[bool, option("Also correctors of another flow, as for evaluate.", True, "--anyway")] = False,
):
    """Write a film of source, corrected and reference side by side, with their errors over time."""
    from ..pictures.film import check_target
    from ..progress import showing
    from ..viewer.catalogue import Catalogue
    from ..viewer.films import Film

    check_target(out)
    film = Film(Catalogue(paths, data, strict=not anyway), simulation, run, field, quantity, frames, quiet_tensorflow)
    with showing(True, "frames/s") as show:
        film.write(out, fps, partial(show, out.name))
    for line in filter(None, [film.remark, f"{out}: {len(film.frames)} frames of {film.title}"]):
        say(line)
