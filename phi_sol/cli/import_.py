"""`phi-sol import`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import OutOption, SceneArgument, option, quiet_tensorflow, say


def import_(
    scene: SceneArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="One or several, each with simulations.")],
    split: Annotated[str, option("train or test.", complete=completion.one_of("train", "test"))] = "train",
    param: Annotated[
        list[str] | None,
        option(
            "Values of a parameter, one for each simulation or one for all: reynolds=100,200.",
            False,
            complete=completion.parameters,
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        option("Names in the files of fields and axes of the flow: velocity=U, x=X; may be repeated.", False, "--map"),
    ] = None,
    axes: Annotated[str | None, option("Axes of arrays without names, in their order: time,y,x,vector.", False)] = None,
    dt: Annotated[float | None, option("Time between frames, where files don't say it.", False)] = None,
    staggered: Annotated[
        bool | None,
        option("Velocities are on faces, or at cell centres.", "by their number", "--staggered/--centred"),
    ] = None,
    out: OutOption = None,
):
    """
    Take over simulations of other programs, or measurements, as data of a scene.

    Reads NumPy (.npz, .npy), NetCDF (.nc), Zarr, HDF5 in the layout of The Well, VTK image data (.vti, .pvd) and scenes
    of PhiFlow. Grids that are finer by a whole number are restricted to the source's. Default output: data/SCENE/train
    or test; simulations that are there stay, and `train` and `evaluate` take all of them.
    """
    import numpy as np

    from ..errors import InputError, quoted
    from ..experiment import SPLITS, load_experiment
    from ..storage.others import renamed
    from ..storage.readers import read_recorded
    from . import pairs

    experiment = load_experiment(scene)
    if split not in SPLITS:
        raise InputError(f"Unknown split {quoted(split)}. Known: {', '.join(SPLITS)}.")
    names = dict(pairs.once(map_, "map", "velocity=U"))
    order = None if axes is None else tuple(a.strip() for a in axes.split(","))
    contents = [renamed(c, names) for file in files for c in read_recorded(file, order)]
    values = pairs.lists(param, "param", "reynolds=100,200")
    for name, given in values.items():
        if len(given) not in (1, len(contents)):
            raise InputError(f"--param {name} has {len(given)} values, but there are {len(contents)} simulations.")
    quiet_tensorflow()
    from ..generation.imported import record

    folder = out or Path("data") / experiment.name / split
    for i, content in enumerate(contents):
        own = {n: v[i if len(v) > 1 else 0] for n, v in values.items()}
        if dt is not None:
            count = max(len(a) for n, a in content.fields.items() if content.axes[n][:1] == ("time",))
            content = replace(content, times=dt * np.arange(count))
        place = record(experiment, replace(content, parameters=content.parameters | own), folder, split, staggered)
        say(f"{content.name}: {place}")
