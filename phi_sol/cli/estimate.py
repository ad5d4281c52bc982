"""`phi-sol estimate`."""

from pathlib import Path
from typing import Annotated

from . import common, completion
from .common import OutOption, SceneArgument, option, say


def estimate(
    scene: SceneArgument,
    unknown: Annotated[
        list[str] | None,
        option(
            "A parameter, a field at the start, or a profile such as inlet; may be repeated.",
            False,
            complete=completion.unknowns,
        ),
    ] = None,
    data: Annotated[
        list[Path] | None, option("Data folder; may be repeated. Default: data/SCENE.", False, "--data", "--from")
    ] = None,
    simulation: Annotated[
        list[int] | None, option("Number of a simulation in the data; may be repeated. Default: all.", False)
    ] = None,
    run: Annotated[
        Path | None,
        option(
            "Folder of a run, or pretrained: the corrected source instead of the source.",
            False,
            complete=completion.runs,
        ),
    ] = None,
    observe: Annotated[
        list[str] | None,
        option(
            "A field or component that is seen; may be repeated.",
            "velocity, or what the run corrects",
            complete=completion.fields,
        ),
    ] = None,
    every: Annotated[int, option("Only every so many frames are seen.")] = 1,
    region: Annotated[str | None, option("Where: from and to by axis, e.g. y=100:150,x=20:80.", "everywhere")] = None,
    probe: Annotated[
        list[str] | None,
        option("A point where it is seen, instead of a region, e.g. y=100,x=50; may be repeated.", "everywhere"),
    ] = None,
    noise: Annotated[float | None, option("Standard deviation of what is seen.", "estimated")] = None,
    frames: Annotated[int | None, option("The first so many frames.", "as recorded")] = None,
    start: Annotated[
        list[str] | None, option("Where the search begins, e.g. reynolds=200.", "amid the values of the scene")
    ] = None,
    bounds: Annotated[list[str] | None, option("Least and greatest value, e.g. reynolds=100:1000.", "none")] = None,
    deviation: Annotated[
        list[str] | None,
        option("Of a field or profile: how far off its start may well be, e.g. velocity=0.1.", "not known"),
    ] = None,
    method: Annotated[
        str | None,
        option(
            "gauss-newton, gauss-newton-products, l-bfgs, or an optimizer of Keras.",
            "the first for up to 32 numbers, else l-bfgs",
            complete=completion.searches,
        ),
    ] = None,
    iterations: Annotated[int, option("At most so many, for each start and window.")] = 50,
    starts: Annotated[int, option("Points that the search begins from (needs bounds or deviations).")] = 1,
    windows: Annotated[int, option("Parts of the frames, which are seen one after the other.")] = 1,
    resume: Annotated[bool, option("Go on where a command was interrupted.", True, "--resume")] = False,
    out: OutOption = None,
):
    """
    Estimate what made recorded simulations: parameters, fields at the start, profiles, with error bars.

    Each simulation is followed from its frame 0 on by the source, or with --run by a corrected one. Writes
    estimate.json, report.html, report.md, pictures, and a folder per simulation with the state at the start. Default
    output: runs/SCENE/estimate.
    """
    from ..errors import InputError
    from ..experiment import load_experiment
    from ..storage.dataset import find_simulations
    from ..storage.shipped import shipped_or_own
    from . import pairs

    experiment = load_experiment(scene)
    folders = common.data_folders(data, experiment.name)
    numbers = pairs.numbers(start, "start", "reynolds=200")
    known = pairs.numbers(deviation, "deviation", "velocity=0.1")
    limits = pairs.intervals(bounds, "bounds", "reynolds=100:1000")
    seen = pairs.intervals(region.split(",") if region else None, "region", "y=100:150")
    points = pairs.points(probe)
    if not unknown:
        raise InputError(
            "What shall be estimated? Name it by --unknown, e.g. --unknown " + experiment.flow.parameters[0]
        )
    find_simulations(folders, "test")
    if run is not None:
        run = shipped_or_own(run, experiment.name)
    common.quiet_tensorflow()
    from ..tasks.estimation.recorded import Wanted
    from ..tasks.estimation.recorded import estimate as carry_out
    from ..tasks.estimation.report import table_of, verdicts_of

    wanted = Wanted(unknown, observe, every, seen or None, noise, numbers, limits, known, points)
    how: dict = dict(run=run, simulations=simulation, frames=frames, iterations=iterations, method=method)
    how |= dict(starts=starts, windows=windows, resume=resume, command=common.command_line())
    found = carry_out(experiment, wanted, folders, out or Path("runs") / experiment.name / "estimate", **how)
    common.show_results([table_of(found.results)], verdicts_of(found.results))
    for file in found.files:
        say(str(file))
