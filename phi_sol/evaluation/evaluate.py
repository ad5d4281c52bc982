"""The evaluation of a scene: SRC and every corrector from the same start, compared with the recorded reference."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..correctors import Corrector
from ..data.dataset import Dataset, find_simulations
from ..data.store import check_no_file_in_the_way, versions, write_json
from ..errors import InputError, MissingError
from ..experiment import Experiment
from ..hybrid import HybridSolver
from .report import error_figure, fields_figure, solver_results
from .rollout import Rollout, run_solver, time_reference


@dataclass
class Evaluation:
    """
    Attributes:
        results: The content of `results.json`.
        runs: Rollout per solver, `SRC` first.
        files: Files that were written.
    """

    results: dict
    runs: dict[str, Rollout]
    files: list[Path]


def find_runs(folder: Path) -> list[Path]:
    """Folders below `folder` that hold a corrector."""
    return sorted(p.parent for p in Path(folder).glob("*/corrector.json"))


def evaluate(
    experiment: Experiment,
    runs: list[Path],
    data: Path,
    out: Path,
    frames: int | None = None,
    command: str = "",
    progress: Callable[[str, int, int], None] = lambda solver, done, total: None,
) -> Evaluation:
    """
    Rolls out SRC and the given correctors over the test simulations and writes `results.json`, `error_curves.png` and
    `fields.png` into `out`.

    Args:
        experiment: The scene.
        runs: Folders of correctors; a run is named after its folder.
        data: Data folder with the test simulations.
        out: Folder for the results.
        frames: Steps of the rollouts; default: as many as recorded, at most 500.
        command: For the record.
        progress: Called with (solver, steps done, steps in all).

    Raises:
        InputError: if data or a corrector do not fit the scene, or more frames are asked for than are recorded.
        MissingError: if data or a corrector are missing.
    """
    if frames is not None and frames < 1:
        raise InputError(f"The number of frames must be at least 1, not {frames}.")
    if not runs:
        raise MissingError(f"No corrector to evaluate: train one first ('phi-sol train {experiment.name}'), or name a run with --run.")
    out = Path(out)
    check_no_file_in_the_way(out, "Name another folder with --out.")
    flow = experiment.pair.source
    correctors: dict[str, Corrector] = {}
    for run in runs:
        name = Path(run).resolve().name
        if name in correctors:
            name = str(run)
        corrector = Corrector.load(run)
        try:
            corrector.check_flow(flow)
        except InputError as err:
            raise InputError(f"{run}: {err}") from err
        correctors[name] = corrector
    test = Dataset(experiment.pair, find_simulations(data, "test"), frames)
    trained_on = {f for c in correctors.values() for f in c.description.get("data", [])}
    known = [f.name for f, print_ in zip(test.folders, test.fingerprints, strict=True) if print_ in trained_on]
    if known:
        raise InputError(f"{test.folders[0].parent} holds simulations that a corrector was trained on ({', '.join(known)}): evaluate on test data.")
    count = min(test.frames, 500) if frames is None else frames
    shown = sorted({max(1, count // 5), count})
    solvers = {"SRC": flow.compiled} | {n: HybridSolver(flow, c) for n, c in correctors.items()}
    rollouts = {}
    for name, solver in solvers.items():
        done = iter(range(1, count + 1))
        rollouts[name] = run_solver(solver, test, count, shown, lambda n=name, d=done: progress(n, next(d), count))
    results = {
        "scene": experiment.name,
        "frames": count,
        "parameters": test.simulations,
        "solvers": {n: solver_results(r, count) for n, r in rollouts.items()} | {"REF": {"ms_per_step": time_reference(test)}},
        "versions": versions(),
        "command": command,
    }
    out.mkdir(parents=True, exist_ok=True)
    files = [out / "results.json", out / "error_curves.png", out / "fields.png"]
    write_json(files[0], results)
    error_figure(rollouts, files[1], flow.dt, f"{experiment.name}: error against the restricted reference")
    fields_figure(test, rollouts, files[2], len(test) // 2, shown)
    return Evaluation(results, rollouts, files)
