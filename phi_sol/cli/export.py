"""`phi-sol export`."""

from pathlib import Path
from typing import Annotated

import typer

from .common import DataOption, SceneArgument, progress_bar, quiet_tensorflow


def export(
    scene: SceneArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.", show_default=False)],
    data: DataOption = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", "--runs", help="Folder of a corrector; may be repeated.", show_default=False),
    ] = None,
    format: Annotated[
        str, typer.Option(help="netcdf (for xarray and ParaView) or phiflow (PhiFlow scenes).")
    ] = "netcdf",
    frames: Annotated[int | None, typer.Option(help="Steps.", show_default="as recorded")] = None,
    every: Annotated[int, typer.Option(help="Export every so many frames.")] = 1,
):
    """
    Write fields of the reference, the source and correctors as NetCDF or PhiFlow scenes, over the test simulations.

    NetCDF needs xarray and h5netcdf: pip install phi_sol[netcdf]
    """
    from ..experiment import load_experiment

    experiment = load_experiment(scene)
    data = data if data is not None else Path("data") / experiment.name
    from ..storage.dataset import Dataset, find_simulations

    folders = find_simulations(data, "test")
    quiet_tensorflow()
    from ..evaluation.evaluator import trained_solvers
    from ..evaluation.export import Exporter

    trained, _ = trained_solvers(run or [], experiment)
    exporter = Exporter(Dataset(experiment.pair, folders, frames), trained, out, format, frames, every)
    with progress_bar() as bar:
        task = bar.add_task(experiment.name, total=None)
        notes = exporter.run(lambda done, total: bar.update(task, completed=done, total=total))
    for note in notes:
        typer.echo(note)
    typer.echo(f"{len(folders)} simulations of {', '.join(exporter.solvers)} in {out}")
