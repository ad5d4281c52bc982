"""`phi-sol calibrate`."""

from pathlib import Path
from typing import Annotated

from . import completion
from .common import DataOption, OutOption, SceneArgument, data_folders, option, quiet_tensorflow, say


def calibrate(
    scene: SceneArgument,
    run: Annotated[
        Path, option("Folder of a corrector, or pretrained:SCENE.", False, "--run", complete=completion.runs)
    ],
    data: DataOption = None,
    without_data: Annotated[
        bool, option("Nothing is recorded: simulate a reference of twice the cells here.", True, "--without-data")
    ] = False,
    frames: Annotated[int | None, option("Steps of each simulation.", "as recorded; 20 without data")] = None,
    out: OutOption = None,
):
    """
    Adapt a corrector to a scene that it was not trained in, in seconds: how much of its corrections is right there.

    All corrections are multiplied by one number between 0 and 1, which a few recorded frames say; nothing is trained.
    One short simulation of the training split is enough: phi-sol generate SCENE --frames 20. --without-data asks a
    reference of twice the source's cells instead, which is simulated on the spot. Then evaluate it with --anyway.
    Default output: runs/SCENE/calibrated.
    """
    from ..errors import InputError
    from ..experiment import load_experiment
    from ..places import check_place
    from ..storage.dataset import Dataset, find_simulations
    from ..storage.shipped import shipped_or_own

    experiment = load_experiment(scene)
    folder = out or Path("runs") / experiment.name / "calibrated"
    check_place(folder, "Name another folder (--out).")
    if data and without_data:
        raise InputError("--data and --without-data exclude each other.")
    folders = [] if without_data else find_simulations(data_folders(data, experiment.name), "train")
    quiet_tensorflow()
    from ..correctors import Corrector
    from ..tasks.correction.calibration import calibrated

    corrector = Corrector.load(shipped_or_own(run, experiment.name))
    known = experiment if without_data else Dataset(experiment.pair, folders, frames)
    found = calibrated(corrector, known, frames)
    found.save(folder)
    told = found.description["calibration"]
    say(f"Gain {found.gain:.2f}; error over {told['frames']} steps, relative to the source's:")
    for gain, error in told["errors"]:
        what = {0.0: " (the source alone)", 1.0: " (as it was)"}.get(gain, "")
        say(f"  with the gain {gain:.2f}{what}: {'it diverges' if error is None else f'{error:.3f}'}")
    say(f"Corrector in {folder}; evaluate it with --run {folder} --anyway.")
