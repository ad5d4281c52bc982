"""The evaluation of a scene: SRC and every corrector from the same start, compared with the recorded reference."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..correctors import Corrector
from ..correctors.files import load_runs
from ..errors import InputError
from ..experiment import Experiment
from ..metrics import Metric
from ..solvers.hybrid import HybridSolver
from ..stepping.solver import Solver
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
    """`results`: the content of `results.json`; `runs`: record per solver, `SRC` first; `files` that were written."""

    results: dict
    runs: dict[str, Record]
    files: list[Path]


def evaluate_corrections(
    experiment: Experiment,
    runs: Mapping[str, Corrector | Solver | str | Path] | Sequence[str | Path],
    data: str | Path,
    out: str | Path | None = None,
    *,
    frames: int | None = None,
    command: str = "",
    progress: Callable[[str, int, int], None] = lambda solver, done, total: None,
    numerics: bool = True,
    metrics: Iterable[Metric] = (),
) -> Evaluation:
    """
    Rolls out SRC, better numerics without a network (see `baselines`) and the given correctors over the test
    simulations, and writes `results.json`, pictures, `report.md` and `report.html` into `out`.

    Errors are those of `phi_sol.evaluate`, and an InputError for more frames than are recorded.

    Args:
        runs: Folders of correctors, which are named after their folders; or by name a corrector, any solver of the
            source flow's states, or a folder. Without any, SRC and the numerics are evaluated alone.
        frames: Steps of the rollouts; default: as many as recorded, at most 500.
        numerics: Whether the source is also run on a finer grid and with second-order advection.
        metrics: Further metrics of one's own.
    """
    if frames is not None and frames < 1:
        raise InputError(f"The number of frames must be at least 1, not {frames}.")
    if out is not None:
        check_no_file_in_the_way(Path(out), "Name another folder with --out.")
    flow = experiment.pair.source
    trained, descriptions = trained_solvers(runs, experiment)
    test = Dataset(experiment.pair, find_simulations(data, "test"), frames)
    test.check_unseen(descriptions.values(), "corrector")
    count = min(test.frames, FRAMES) if frames is None else frames
    corrected = {f for d in descriptions.values() for f in d.get("correct", [])}
    measures = Measures(test, count, [f for f in flow.fields if f in corrected], metrics)
    solvers = {"SRC": flow} | (baselines(experiment) if numerics else {}) | trained
    rollouts = {}
    for name, solver in solvers.items():
        start = start_of(solver, experiment, test)
        rollouts[name] = run_solver(solver, test, count, kept_frames(count), partial(progress, name), measures, start)
    reference_ms = time_reference(test)
    groups = group_runs(rollouts, descriptions)
    summary = group_results(groups, count)
    grids = {n: s.flow.resolution for n, s in solvers.items() if n not in trained}
    reference = reference_results(measures, reference_ms)
    results = {
        "scene": experiment.name,
        "task": "correction",
        "frames": count,
        "parameters": test.simulations,
        "solvers": {n: solver_results(r, count, measures) for n, r in rollouts.items()} | {"REF": reference},
        "metrics": measures.facts,
        "groups": summary,
        "paper": comparison(experiment.name, rollouts["SRC"].mean(count), summary),
        "correctors": {n: _facts(d) for n, d in descriptions.items()},
        "grids": grids | {"REF": experiment.pair.reference.resolution},
        "data": {"folder": str(data), "sha256": data_hash(test, count), "fingerprints": test.fingerprints},
        "versions": versions(),
        "command": command,
    }
    if out is None:
        return Evaluation(results, rollouts, [])
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "results.json", results)
    draw = lambda done, total: progress("report", done, total + 1)  # noqa: E731
    pictures = write_pictures(groups, measures, reference_ms, out, experiment.name, draw)
    reports = write_reports(flow_report(results, pictures), out)
    progress("report", len(pictures) + 1, len(pictures) + 1)
    return Evaluation(results, rollouts, [out / "results.json", *reports, *pictures])


def trained_solvers(runs, experiment: Experiment) -> tuple[dict[str, Solver], dict[str, dict]]:
    """
    What is evaluated beside the source, by name, and what each was trained with.

    Raises:
        InputError: if one does not belong to the scene's source flow, or is damaged.
        MissingError: if there is none in a folder.
    """
    flow = experiment.pair.source
    if not isinstance(runs, Mapping):
        loaded = load_runs([Path(r) for r in runs], Corrector.load, flow, _is_taken)
        return {n: HybridSolver(flow, c) for n, c in loaded.items()}, {n: c.description for n, c in loaded.items()}
    solvers, descriptions = {}, {}
    for name, given in runs.items():
        if _is_taken(name):
            raise InputError(f"{name!r} means something else in an evaluation: give it another name.")
        given = Corrector.load(given) if isinstance(given, str | Path) else given
        solver = given if isinstance(given, Solver) else HybridSolver(flow, given)
        if solver.output.resolution != flow.resolution:
            raise InputError(f"{name}: rollouts of {solver} are not on the source grid of {experiment.name}.")
        solvers[name], descriptions[name] = solver, getattr(getattr(solver, "corrector", None), "description", {})
    return solvers, descriptions


def _is_taken(name: str) -> bool:
    return name == "REF" or name.startswith("SRC")


def data_hash(data: Dataset, frames: int) -> str:
    """SHA-256 of the values of all frames that were used, in the order of simulations and array names."""
    known = hashlib.sha256()
    for name in sorted(data.arrays):
        for simulation in data.arrays[name]:
            known.update(np.ascontiguousarray(simulation[: frames + 1]).data)
    return known.hexdigest()


def _facts(description: dict) -> dict:
    names = ("method", "unroll", "network", "seed", "placement", "project", "correct", "chosen")
    return {n: description.get(n) for n in names} | {"trained_with": description.get("versions")}
