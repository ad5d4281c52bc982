"""`phi-sol export`."""

from functools import partial
from pathlib import Path
from typing import Annotated

from . import completion
from .common import DataOption, SceneArgument, data_folders, option, quiet_tensorflow, say


def export(
    scene: SceneArgument,
    out: Annotated[Path, option("Folder for the files.", False, "--out", "-o")],
    data: DataOption = None,
    run: Annotated[
        list[Path] | None,
        option("Folder of a corrector; may be repeated.", False, "--run", "--runs", complete=completion.runs),
    ] = None,
    format: Annotated[
        str,
        option(
            "netcdf (for xarray and ParaView), vtk (ParaView), zarr, well (The Well), or phiflow (PhiFlow scenes).",
            complete=completion.one_of("netcdf", "vtk", "zarr", "well", "phiflow"),
        ),
    ] = "netcdf",
    frames: Annotated[int | None, option("Steps.", "as recorded")] = None,
    every: Annotated[int, option("Export every so many frames.")] = 1,
    anyway: Annotated[bool, option("Also correctors of another flow, as for evaluate.", True, "--anyway")] = False,
):
    """
    Write fields of the reference, the source and correctors for other programs, over the test simulations.

    All but PhiFlow scenes have the pressure and the obstacles, too. NetCDF needs xarray and h5netcdf, Zarr xarray and
    zarr: pip install 'phi_sol[netcdf,zarr]'
    """
    from ..experiment import load_experiment
    from ..storage.dataset import Dataset, find_simulations
    from ..storage.shipped import shipped_or_own

    experiment = load_experiment(scene)
    folders = find_simulations(data_folders(data, experiment.name), "test")
    quiet_tensorflow()
    from ..evaluation.evaluator import trained_solvers
    from ..evaluation.export import Exporter
    from ..progress import showing

    runs = [shipped_or_own(folder, experiment.name) for folder in run or []]
    trained, _ = trained_solvers(runs, experiment, strict=not anyway)
    recorded = Dataset(experiment.pair, folders, frames)
    exporter = Exporter(recorded, trained, out, format, frames, every)
    with showing(True) as show:
        notes = exporter.run(partial(show, experiment.name))
    say("\n".join([*notes, f"{len(recorded)} simulations of {', '.join(exporter.solvers)} in {out}"]))
