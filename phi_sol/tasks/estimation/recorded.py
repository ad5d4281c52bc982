"""Estimates of what made recorded simulations, one after the other: the work of `phi-sol estimate`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from phi.math import batch

from ...arguments import checked
from ...correctors import Corrector
from ...errors import InputError, integer, quoted, suggestion
from ...experiment import Experiment
from ...places import check_place
from ...progress import Show
from ...solvers.hybrid import HybridSolver
from ...solvers.probes import Probes
from ...stepping.arrays import unpack
from ...stepping.rollout import Rollout
from ...stepping.solver import Solver
from ...stepping.state import State
from ...storage.dataset import Dataset, find_simulations
from ...storage.files import read_json, versions, write_json
from .estimate import Estimate
from .estimation import Estimation
from .fields import InitialField, Profile
from .measurements import Measurements
from .observations import Observations, Observed
from .report import write_estimates
from .unknowns import Parameter, Unknown

RESULT = "estimate.json"


@dataclass
class Wanted:
    """
    What is estimated of each simulation, and from what.

    Attributes:
        unknowns: Names of parameters, fields and profiles of the flow.
        observe: Fields or components; None for those that are corrected, or else the velocity, or all where there is
            none.
        every: Every so many frames count.
        region: By axis (low, high), in domain units; None for the whole domain.
        probes: Points by axis, in domain units: only there is something seen; none of them for all cells and faces.
        noise: Standard deviation of what is observed; None: it is estimated.
        start: By parameter where its search begins; else in the middle of what the scene is trained for.
        bounds: By name (least, greatest).
        deviation: By field or profile the standard deviation of what is known beforehand around its start.
    """

    unknowns: Sequence[str]
    observe: Sequence[str] | None = None
    every: int = 1
    region: Mapping[str, Sequence[float]] | None = None
    noise: float | None = None
    start: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    deviation: Mapping[str, float] = field(default_factory=dict)
    probes: Sequence[Mapping[str, float]] = ()

    def made(self, experiment: Experiment) -> list[Unknown]:
        """The unknowns, new ones; InputError for names that the flow does not have."""
        flow: Any = experiment.pair.source
        fields = [f for f in flow.fields if f not in flow.prescribed]
        known = [*flow.parameters, *flow.profiles, *fields]
        names = list(self.unknowns)
        if not names:
            raise InputError(f"What shall be estimated? Known unknowns of {experiment.name}: {', '.join(known)}.")
        for name in names:
            if name not in known:
                hint = suggestion(str(name), known)
                raise InputError(f"{flow} has no {quoted(name)} to estimate.{hint} Known: {', '.join(known)}.")
        if self.probes and self.region:
            raise InputError("What is seen is said by a region or by probes, not by both.")
        said = {"start": self.start, "bounds": self.bounds, "deviation": self.deviation}
        for what, name in ((what, n) for what, table in said.items() for n in table):
            if name not in names:
                raise InputError(f"{what} is given for {quoted(name)}, which is not estimated: {', '.join(names)} are.")
        result: list[Unknown] = []
        for name in names:
            if name in flow.parameters:
                middle = [float(np.exp(np.mean(np.log(v)))) for n, v in experiment.train.items() if n == name]
                start = self.start.get(name, middle[0] if middle else None)
                result.append(Parameter(name, start, bounds=self.bounds.get(name)))
            elif name in flow.profiles:
                limits = tuple(self.bounds[name]) if name in self.bounds else None
                result.append(Profile(name, deviation=self.deviation.get(name), bounds=limits))
            else:
                result.append(InitialField(name, self.deviation.get(name)))
        return result


@dataclass
class Estimates:
    """
    Attributes:
        results: The content of `estimate.json`.
        found: An `Estimate` per simulation that was estimated now, by its name.
        files: What was written.
    """

    results: dict[str, Any]
    found: dict[str, Estimate]
    files: list[Path]


@checked
def estimate(
    experiment: Experiment,
    wanted: Wanted,
    data: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    run: str | Path | None = None,
    simulations: Sequence[int] | None = None,
    frames: int | None = None,
    iterations: int = 50,
    method: Any = None,
    starts: int = 1,
    windows: int = 1,
    resume: bool = False,
    command: str = "",
    progress: bool | Show = True,
) -> Estimates:
    """
    Estimates what made each of the recorded simulations of a scene, from frame 0 on by its source or a corrected one,
    and writes `estimate.json`, a report, pictures and the states at the start into `out`.

    Args:
        experiment: The scene.
        wanted: What is estimated, and from what.
        data: Folder of the data, or several; the test simulations of it.
        out: Folder; None: nothing is written.
        run: Folder of a corrector, whose hybrid solver is used; None: the source.
        simulations: Numbers of the simulations; None: all.
        frames: The first so many frames; None: as many as recorded.
        iterations: As for `Estimation.fit`, as are method, starts, windows.
        resume: Goes on in `out`: what is finished is kept, what was interrupted goes on from its best point.
        command: For the record.
        progress: Whether it is shown, or a function that is called with (part, done, all).

    Raises:
        InputError: for unknowns, observations, runs or data that don't fit the scene, or an `out` with other results.
        MissingError: if data or run are missing.
    """
    wanted.made(experiment)  # refuses names before anything is read
    solver: Solver = experiment.pair.source
    flow: Any = solver.flow
    observe = ["velocity"] if "velocity" in flow.fields else None
    if run is not None:
        corrector = Corrector.load(run)
        solver, observe = HybridSolver(flow, corrector), sorted({n.partition(".")[0] for n in corrector.outputs})
    if wanted.observe is None:
        wanted = replace(wanted, observe=observe)
    recorded = Dataset(experiment.pair, find_simulations(data, "test"), frames)
    names = recorded.names
    chosen = range(len(recorded)) if simulations is None else [integer("A simulation", s, 0) for s in simulations]
    if outside := [s for s in chosen if s >= len(recorded)]:
        raise InputError(f"There is no simulation {outside[0]}: the data hold {len(recorded)}, from 0 on.")
    place = None if out is None else Path(out)
    facts = {"scene": experiment.name, "wanted": _plain(wanted), "solver": solver.config(), "frames": recorded.frames}
    results: dict[str, Any] = facts | {"task": "estimation", "command": command, "versions": versions()}
    results["simulations"] = {}
    if place is not None:
        check_place(place, "Name another folder (out=).")
        results["simulations"] = _before(place, facts, resume)
    found, files = {}, []
    for number in chosen:
        name = names[number]
        if name in results["simulations"]:
            continue
        start, seen = _observed(experiment, recorded, number, wanted)
        task = Estimation(solver, start, wanted.made(experiment), seen)
        folder = None if place is None else place / name
        going = resume and folder is not None and (folder / "search.npz").is_file()
        how: dict = dict(starts=starts, windows=windows, folder=folder, resume=going, progress=progress)
        begin = time.perf_counter()
        found[name] = task.fit(iterations, method, **how)
        seconds = time.perf_counter() - begin
        results["simulations"][name] = _entry(found[name], recorded.simulations[number], seen, seconds)
        if place is not None:
            found[name].state.save(place / name / "state.npz")
            write_json(place / RESULT, results)
            files.append(place / name / "state.npz")
        if found[name].message == "interrupted":
            raise KeyboardInterrupt
    if place is not None:
        write_json(place / RESULT, results)
        observed = {n: _rollout(recorded, names.index(n)) for n in found}
        files = [place / RESULT, *write_estimates(results, found, observed, place), *files]
    return Estimates(results, found, files)


def _rollout(recorded: Dataset, number: int) -> Rollout:
    """The recorded frames after the start."""
    flow: Any = recorded.pair.source
    arrays = {n: np.asarray(a[number, 1:])[:, None] for n, a in recorded.arrays.items()}
    parameters = {n: p[number : number + 1] for n, p in recorded.parameters.items()}
    times = flow.dt * np.arange(1, recorded.frames + 1)
    return Rollout(flow, arrays, parameters, times, batch=batch(batch=1))


def _observed(experiment: Experiment, recorded: Dataset, number: int, wanted: Wanted) -> tuple[State, Observed]:
    """The start of a recorded simulation, without what is not known of it, and what is observed later."""
    flow: Any = experiment.pair.source
    arrays = {n: tf.constant(a[number : number + 1, 0]) for n, a in recorded.arrays.items()}
    parameters = {n: tf.constant(p[number : number + 1]) for n, p in recorded.parameters.items()}
    for name in flow.profiles:
        if name in wanted.unknowns:
            parameters[name] = tf.constant(flow.own_profile(name)[None], tf.float32)
    state = unpack(flow, arrays, parameters, batch(batch=1))
    how: dict = dict(every=wanted.every, noise=wanted.noise)
    frames = _rollout(recorded, number)
    if not wanted.probes:
        return state, Observations(frames, wanted.observe, region=wanted.region, **how)
    seen = [f for f in flow.fields if f not in flow.prescribed] if wanted.observe is None else wanted.observe
    return state, Measurements.of(frames, Probes(seen, list(wanted.probes)), name="probes", **how)


def _before(place: Path, facts: dict, resume: bool) -> dict[str, Any]:
    """What is finished in a folder."""
    path = place / RESULT
    if not path.is_file():
        return {}
    if not resume:
        raise InputError(f"{path} is there already: go on with it (resume=True), or name another folder.")
    known = read_json(path)
    simulations = known.get("simulations") if isinstance(known, dict) else None
    if not isinstance(simulations, dict) or any(known.get(n) != v for n, v in facts.items()):
        what = "scene, unknowns, observations or solver differ"
        raise InputError(f"{path} is of other estimates ({what}): name another folder.")
    return {n: e for n, e in simulations.items() if e.get("message") != "interrupted"}


def _plain(wanted: Wanted) -> dict:
    """As JSON has it."""
    tables = {n: dict(getattr(wanted, n) or {}) for n in ("start", "bounds", "deviation", "region")}
    tables = {n: {k: list(v) if isinstance(v, Sequence) else v for k, v in t.items()} for n, t in tables.items()}
    observe = None if wanted.observe is None else list(wanted.observe)
    return {
        "unknowns": list(wanted.unknowns),
        "observe": observe,
        "every": wanted.every,
        "noise": wanted.noise,
        "probes": [dict(p) for p in wanted.probes],
    } | tables


def _entry(found: Estimate, recorded: Mapping[str, float], seen: Observed, seconds: float) -> dict[str, Any]:
    """What `estimate.json` says of a simulation: of fields and profiles the root mean squares."""

    def number(value: Any) -> Any:
        if isinstance(value, Mapping):
            value = np.concatenate([np.ravel(v) for v in value.values()])
        if isinstance(value, np.ndarray):
            return value.tolist() if value.size <= 64 else float(np.sqrt(np.mean(value**2)))
        return value

    return {
        "recorded": {n: recorded[n] for n in found.estimates if n in recorded},
        "estimates": {n: number(v) for n, v in found.estimates.items()},
        "errors": None if found.errors is None else {n: number(v) for n, v in found.errors.items()},
        "chi2": found.chi2,
        "noise": found.noise,
        "rank": found.rank,
        "observed": len(seen),
        "history": found.history,
        "seconds": seconds,
        "message": found.message,
    }
