"""The evaluation of a scene: SRC and every corrector from the same start, compared with the recorded reference."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import check, check_fields, checked
from ..correctors import Corrector
from ..correctors.files import load_runs
from ..displays import Displayed, Html, facts, together
from ..errors import InputError, integer
from ..experiment import Experiment
from ..metrics import Metric
from ..metrics.series import check_ending, probe_metric
from ..networks import check_policy
from ..places import check_place
from ..solvers.hybrid import HybridSolver
from ..stepping.solver import Solver
from ..storage.dataset import Dataset, find_simulations, folder_names
from ..storage.files import versions, write_json
from .baselines import check_schemes, plain_solvers
from .figures.cost import cost_picture
from .groups import group_runs
from .illustrate import write_pictures
from .measures import Measures
from .paper import comparison
from .records import Record
from .reference_error import SIMULATIONS
from .reference_error import reference_error as own_error
from .report import flow_report, write_reports
from .results import add_costs, group_results, reference_results, solver_results
from .rollouts import check_steps, roll_out
from .series import write_all_series
from .table import Table

FRAMES = 500  # of a rollout unless it is said


@dataclass
class Evaluation(Displayed):
    """
    What was measured. Notebooks show its tables.

    Attributes:
        results: The content of `results.json`.
        runs: Record per solver, `SRC` first.
        files: What was written.
        tables: What a command prints.

    Examples:
        >>> ps.Evaluation({"scene": "tiny", "solvers": {}}, {}, [])
        Evaluation(scene='tiny': )
    """

    results: dict[str, Any]
    runs: dict[str, Record]
    files: list[Path]
    tables: list[Table] = field(default_factory=list)

    def __post_init__(self):
        check_fields(self)
        for what, values, kind in (("runs", self.runs.values(), Record), ("tables", self.tables, Table)):
            for value in values:
                check(f"Each of the {what} of an Evaluation", value, kind)
        for file in self.files:
            check("Each of the files of an Evaluation", file, Path)

    def __repr__(self):
        known = ("scene", "task", "frames")
        facts = [f"{n}={self.results[n]!r}" for n in known if n in self.results]
        where = f", in {Path(self.files[0]).parent}" if self.files else ""
        return f"Evaluation({', '.join(facts)}: {', '.join(self.results.get('solvers', {}))}{where})"

    def _shown(self) -> str:
        tables = [together(facts(t.title, {}), Html(t._repr_html_())) for t in self.tables]
        return together(*(tables or [facts("Evaluation", {"": repr(self)})]), cost_picture(self.results, self.files))


@checked
def evaluate_corrections(
    experiment: Experiment,
    runs: Mapping[str, Corrector | Solver | str | Path] | Sequence[str | Path],
    data: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    load: Callable[[Path], Any] = Corrector.load,
    frames: int | None = None,
    command: str = "",
    progress: Callable[[str, int, int], None] = lambda solver, done, total: None,
    numerics: bool = True,
    schemes: Sequence[str] | None = None,
    precision: str | None = None,
    anyway: bool = False,
    reference_error: bool = False,
    reference_simulations: int | None = None,
    metrics: Iterable[Metric] = (),
    series: bool | str = False,
    probes: Iterable[Mapping[str, float]] = (),
) -> Evaluation:
    """
    Rolls out SRC, plain numerics without a network (see `plain_solvers`) and the given correctors over the test
    simulations, times all of them, and writes `results.json`, pictures, `report.md` and `report.html` into `out`.

    Errors are those of `phi_sol.evaluate`, and an InputError for more frames than are recorded.

    Args:
        runs: Folders of correctors, which are named after their folders; or by name a corrector, any solver of the
            source flow's states, or a folder. Without any, SRC and the numerics are evaluated alone.
        load: Reads a folder: a corrector, or what has a `solver_for` a flow.
        frames: Frames of the rollouts; default: as many as recorded, at most 500.
        numerics: Whether plain numerics are run beside the source.
        schemes: The schemes of advection of these; default: all.
        precision: Of the networks of all correctors, see `Corrector.in_precision`; default: each one's own.
        anyway: Whether correctors of another flow are evaluated, too, where they can be used (`HybridSolver` without
            `strict`); results and report say what differs.
        reference_error: Whether the reference is compared with itself on a finer grid, with a smaller time step and
            with another scheme: see `phi_sol.evaluation.reference_error`.
        reference_simulations: Over how many test simulations; default: 2.
        metrics: Further metrics of one's own.
        series: Whether all measures over time are written, into the folder `series` of `out`: as CSV files (True), or
            `"parquet"`.
        probes: Points at which these have all fields, too, by their positions along all axes.
    """
    if frames is not None:
        integer("The number of frames", frames, 1)
    check_policy(precision)
    if reference_simulations is not None:
        integer("The number of simulations that the reference's error is measured over", reference_simulations, 1)
        if not reference_error:
            raise InputError("The reference's error is not asked for: give reference_error=True, too.")
    if schemes is not None:
        schemes = check_schemes(experiment, schemes)
        if not numerics:
            raise InputError("Without plain numerics there are no schemes= to choose: leave out one of the two.")
    if out is not None:
        check_place(Path(out), "Name another folder (out=).")
    flow = experiment.pair.source
    points = [probe_metric(flow, at) for at in probes]
    if (points and not series) or (series and out is None):
        missing = "series, which have them" if points and not series else "a folder for the series"
        raise InputError(f"Series need a place, and probes series: ask for {missing}, too.")
    ending = "csv" if isinstance(series, bool) else series
    check_ending(Path(f"series.{ending}"))
    trained, descriptions = trained_solvers(runs, experiment, precision, strict=not anyway, load=load)
    test = Dataset(experiment.pair, find_simulations(data, "test"), frames)
    test.check_unseen(descriptions.values(), "corrector")
    count = min(test.frames, FRAMES) if frames is None else frames
    for name, solver in trained.items():
        check_steps(name, solver, flow.dt, count)
    corrected = {f for d in descriptions.values() for f in d.get("correct", [])}
    measures = Measures(test, count, [f for f in flow.fields if f in corrected], [*metrics, *points])
    plain = plain_solvers(experiment, test.simulations, count, schemes) if numerics else {}
    records, plain, reference_ms = roll_out(plain, trained, measures, progress)
    solvers = {"SRC": flow} | {n: p.solver for n, p in plain.items()} | trained
    groups = group_runs({n: records[n] for n in solvers if n not in plain or plain[n].named}, descriptions)
    summary = group_results(groups, count, flow.dt)
    entries = {n: solver_results(r, count, flow.dt, measures if r.is_full else None) for n, r in records.items()}
    grids = {n: s.flow.resolution for n, s in solvers.items() if n not in trained}
    results = {
        "scene": experiment.name,
        "task": "correction",
        "frames": count,
        "dt": flow.dt,
        "time_ratio": experiment.pair.time_ratio,
        "parameters": test.simulations,
        "solvers": entries | {"REF": reference_results(measures, reference_ms)},
        "metrics": measures.facts,
        "groups": summary,
        "paper": comparison(experiment.name, records["SRC"].mean(count), summary),
        "correctors": {n: _facts(d) | _elsewhere(trained[n], test) for n, d in descriptions.items()},
        "grids": grids | {"REF": experiment.pair.reference.resolution},
        "numerics": {n: p.facts for n, p in plain.items()} if numerics else None,
        "schemes": None if schemes is None else list(schemes),
        "data": {"folder": folder_names(data), "sha256": data_hash(test, count), "fingerprints": test.fingerprints}
        | ({"imported": test.imported} if test.imported else {}),
        "versions": versions(),
        "command": command,
    }
    add_costs(results, records)
    if reference_error:
        results |= own_error(experiment, measures, reference_simulations or SIMULATIONS, progress)
    if out is None:
        return Evaluation(results, records, [])
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "results.json", results)
    draw = lambda done, total: progress("report", done, total + 1)  # noqa: E731
    shown = [g for g in groups if g.first.is_full]
    pictures = write_pictures(shown, measures, results, out, draw)
    reports = write_reports(flow_report(results, pictures), out)
    curves = write_all_series(records, measures, out, ending) if series else []
    progress("report", len(pictures) + 1, len(pictures) + 1)
    return Evaluation(results, records, [out / "results.json", *reports, *pictures, *curves])


def trained_solvers(
    runs,
    experiment: Experiment,
    precision: str | None = None,
    strict: bool = True,
    load: Callable[[Path], Any] = Corrector.load,
) -> tuple[dict[str, Solver], dict[str, dict]]:
    """
    What is evaluated beside the source, by name, and what each was trained with; networks in `precision`, or their own;
    with `strict` those of this flow only; `load` reads folders.

    Raises:
        InputError: if one does not belong to the scene's source flow, or is damaged.
        MissingError: if there is none in a folder.
    """
    flow = experiment.pair.source
    if not isinstance(runs, Mapping):
        runs = load_runs([Path(r) for r in runs], load, flow, _is_taken, strict)
    solvers, descriptions = {}, {}
    for name, given in runs.items():
        if _is_taken(name):
            raise InputError(f"{name!r} means something else in an evaluation: give it another name.")
        given = load(Path(given)) if isinstance(given, str | Path) else given
        if hasattr(given, "solver_for"):
            given = given.solver_for(flow)
        if precision is not None:
            if isinstance(given, Solver):
                raise InputError(f"{name} is a solver: choose the precision where you make it (in_precision).")
            given = given.in_precision(precision)
        solver = given if isinstance(given, Solver) else HybridSolver(flow, given, strict=strict)
        if solver.output.resolution != flow.resolution:
            raise InputError(f"{name}: rollouts of {solver} are not on the source grid of {experiment.name}.")
        solvers[name], descriptions[name] = solver, _description(solver)
    return solvers, descriptions


def _description(solver: Solver) -> dict:
    """What a solver or its corrector was trained with; nothing of one that was not, or does not say it."""
    found = getattr(getattr(solver, "corrector", solver), "description", {})
    return found if isinstance(found, dict) else {}


def _is_taken(name: str) -> bool:
    return name == "REF" or name.startswith(("SRC", "REF-"))


def data_hash(data: Dataset, frames: int) -> str:
    """SHA-256 of the values of all frames that were used, in the order of simulations and array names."""
    known = hashlib.sha256()
    for name in sorted(data.arrays):
        for simulation in data.arrays[name]:
            known.update(np.ascontiguousarray(simulation[: frames + 1]).data)
    return known.hexdigest()


def _facts(description: dict) -> dict:
    names = ("method", "unroll", "network", "seed", "placement", "project", "correct", "chosen", "precision")
    more = {n: description[n] for n in ("integrator",) if n in description}
    return {n: description.get(n) for n in names} | more | {"trained_with": description.get("versions")}


def _elsewhere(solver: Solver, test: Dataset) -> dict:
    """What is said of a corrector of another flow, over all frames of the test simulations, and of one with a gain."""
    remark = solver.remark(test.arrays, test.parameters)
    return {"remark": remark} if remark else {}
