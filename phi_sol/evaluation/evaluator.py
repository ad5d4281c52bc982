"""The evaluation of a scene: SRC and every corrector from the same start, compared with the recorded reference."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..correctors import Corrector
from ..correctors.files import load_runs
from ..errors import InputError, MissingError
from ..experiment import Experiment
from ..solvers.hybrid import HybridSolver
from ..storage.dataset import Dataset, find_simulations
from ..storage.files import check_no_file_in_the_way, versions, write_json
from .baselines import baselines, start_of
from .groups import group_runs
from .illustrate import kept_frames, write_pictures
from .measures import Measures
from .paper import comparison
from .records import Record, run_solver, time_reference
from .report import flow_report, write_reports
from .results import group_results, reference_results, solver_results

FRAMES = 500  # of a rollout unless it is said


@dataclass
class Evaluation:
    """
    Attributes:
        results: The content of `results.json`.
        runs: Record per solver, `SRC` first.
        files: Files that were written.
    """

    results: dict
    runs: dict[str, Record]
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
    compare_numerics: bool = True,
) -> Evaluation:
    """
    Rolls out SRC, better numerics without a network (see `baselines`) and the given correctors over the test
    simulations, and writes `results.json`, pictures, `report.md` and `report.html` into `out`.

    Args:
        experiment: The scene.
        runs: Folders of correctors; a run is named after its folder.
        data: Data folder with the test simulations.
        out: Folder for the results.
        frames: Steps of the rollouts; default: as many as recorded, at most 500.
        command: For the record.
        progress: Called with (solver, steps done, steps in all).
        compare_numerics: Whether the source is also run on a finer grid and with second-order advection.

    Raises:
        InputError: if data or a corrector do not fit the scene, or more frames are asked for than are recorded.
        MissingError: if data or a corrector are missing.
    """
    if frames is not None and frames < 1:
        raise InputError(f"The number of frames must be at least 1, not {frames}.")
    if not runs:
        raise MissingError(
            f"No corrector to evaluate: train one first ('phi-sol train {experiment.name}'), or name a run with --run."
        )
    out = Path(out)
    check_no_file_in_the_way(out, "Name another folder with --out.")
    flow = experiment.pair.source
    correctors = load_correctors(runs, experiment)
    test = Dataset(experiment.pair, find_simulations(data, "test"), frames)
    test.check_unseen([c.description for c in correctors.values()], "corrector")
    count = min(test.frames, FRAMES) if frames is None else frames
    fields = tuple(
        dict.fromkeys(
            [
                "velocity",
                *(f for f in flow.fields if any(f in c.description.get("correct", []) for c in correctors.values())),
            ]
        )
    )
    measures = Measures(test, count, fields)
    numerics = baselines(experiment) if compare_numerics else {}
    solvers = {"SRC": flow} | numerics | {n: HybridSolver(flow, c) for n, c in correctors.items()}
    rollouts = {}
    for name, solver in solvers.items():
        done = iter(range(1, count + 1))
        start = start_of(solver, experiment, test)
        show = lambda n=name, d=done: progress(n, next(d), count)  # noqa: E731
        rollouts[name] = run_solver(solver, test, count, kept_frames(count), show, measures, start)
    reference_ms = time_reference(test)
    groups = group_runs(rollouts, {n: c.description for n, c in correctors.items()})
    summary = group_results(groups, count)
    results = {
        "scene": experiment.name,
        "frames": count,
        "parameters": test.simulations,
        "solvers": {n: solver_results(r, count, measures) for n, r in rollouts.items()}
        | {"REF": reference_results(measures, reference_ms)},
        "groups": summary,
        "paper": comparison(experiment.name, rollouts["SRC"].mean(count), summary),
        "correctors": {n: _facts(c.description) for n, c in correctors.items()},
        "grids": {n: s.flow.resolution for n, s in solvers.items() if n not in correctors}
        | {"REF": experiment.pair.reference.resolution},
        "data": {"folder": str(data), "sha256": data_hash(test, count), "fingerprints": test.fingerprints},
        "versions": versions(),
        "command": command,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "results.json", results)
    pictures = write_pictures(
        groups, measures, reference_ms, out, experiment.name, lambda done, total: progress("report", done, total + 1)
    )
    reports = write_reports(flow_report(results, pictures), out)
    progress("report", len(pictures) + 1, len(pictures) + 1)
    return Evaluation(results, rollouts, [out / "results.json", *reports, *pictures])


def load_correctors(runs: list[Path], experiment: Experiment) -> dict[str, Corrector]:
    """
    The correctors of runs by name.

    Raises:
        InputError: if one does not belong to the scene's source flow, or is damaged.
        MissingError: if there is none.
    """
    return load_runs(runs, Corrector.load, experiment.pair.source, lambda name: name == "REF" or name.startswith("SRC"))


def data_hash(data: Dataset, frames: int) -> str:
    """SHA-256 of the values of all frames that were used, in the order of simulations and array names."""
    known = hashlib.sha256()
    for name in sorted(data.arrays):
        for simulation in data.arrays[name]:
            known.update(np.ascontiguousarray(simulation[: frames + 1]))
    return known.hexdigest()


def _facts(description: dict) -> dict:
    names = ("method", "unroll", "network", "seed", "placement", "project", "correct")
    return {n: description.get(n) for n in names} | {
        "trained_with": description.get("versions"),
        "chosen": description.get("chosen"),
    }
