"""Experiments: what a scene file says, and where scene files are found."""

import ast
import importlib
import importlib.util
import pkgutil
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .arguments import check_fields, checked
from .displays import Displayed
from .errors import MOST, InputError, MissingError, check_name, instance, integer, plain, quoted, suggestion
from .files import resolved
from .flows import Flow
from .flows.bodies import as_bodies, free_numbers
from .flows.parameters import check_names, kind_of, possible
from .scene_files import load_file
from .schedule import Schedule
from .solvers.pair import SolverPair

SPLITS = ("train", "test")
FRAMES = 10**6 - 1  # in names of files, velocity_000000.npz
TASK_NAMES = ("correction", "guess")

_set = object.__setattr__  # of frozen ones


@dataclass(frozen=True)
class Experiment(Displayed):
    """
    One experiment: flow pair, parameter lists and training schedule. A scene file fills it in.

    Attributes:
        name: Name of the scene, also of its data and run folders.
        flow: Class of the flow.
        source: Resolution of the source grid. (Or give that of the reference grid, `reference`.)
        ratio: Reference cells per source cell and axis.
        time_ratio: Reference steps per source step, see `SolverPair`.
        reference_options: Arguments of the reference instead of those in `options`, e.g. `dict(advection=...)`.
        reference: Resolution of the reference grid instead of `source`; a multiple of `ratio` along every axis.
        train: Parameter values of the training simulations, by name: lists of equal length, or of one value for all.
        test: The same for the test simulations; never seen in training.
        warmup: Steps (of the source's dt, as all numbers of frames) that are discarded before the first frame.
        frames: Recorded steps; frame 0 is the state after the warm-up.
        keep_reference_every: Every so many frames the full-resolution reference state is stored, too.
        correct: Fields that are corrected; None: the velocity, or where there is none all that are not prescribed.
        schedule: Training schedule.
        paper: The training schedule of the paper, for `phi-sol reproduce`; None where it is not known.
        options: Further arguments of the flow, e.g. `dict(dt=0.5)`.
        task: What is trained: `correction`, `guess`, or a `phi_sol.Task` of one's own.
        origin: Name of the scene, or path of its file, that `load_experiment` has it from; None for another one.

    Examples:
        >>> parts = dict(train=dict(reynolds=(150.0, 600.0)), test=dict(reynolds=(300.0,)))
        >>> ps.Experiment("mine", ps.WakeFlow, dict(y=16, x=8), **parts)
        Experiment('mine': WakeFlow(y=16, x=8), ratio 4, time ratio 1, 2 training and 1 test sim...
    """

    name: str
    flow: type[Flow]
    source: dict[str, int] | None = None
    _: KW_ONLY
    train: dict[str, tuple] = field(default_factory=dict)
    test: dict[str, tuple] = field(default_factory=dict)
    ratio: int = 4
    time_ratio: int = 1
    reference: dict[str, int] | None = None
    reference_options: dict[str, Any] = field(default_factory=dict)
    warmup: int = 1000
    frames: int = 500
    keep_reference_every: int = 50
    correct: tuple[str, ...] | None = None
    schedule: Schedule = field(default_factory=Schedule)
    paper: Schedule | None = None
    options: dict[str, Any] = field(default_factory=dict)
    task: str | type = "correction"
    origin: str | None = field(default=None, init=False, repr=False, compare=False)

    def _told(self) -> dict:
        known = {"scene": self.name, "task": self.task if isinstance(self.task, str) else self.task.__name__}
        known |= {"source": repr(self.pair.source), "reference": repr(self.pair.reference)}
        parts = {s: ", ".join(f"{n} {v}" for n, v in getattr(self, s).items()) for s in SPLITS}
        known |= {f"{s} parameters": text for s, text in parts.items()}
        return known | {"warm-up": f"{self.warmup} steps", "frames": self.frames, "schedule": repr(self.schedule)}

    def __repr__(self):
        grid, counts = self.source or self.reference or {}, [len(self.simulations(s)) for s in SPLITS]
        cells = ", ".join(f"{d}={n}" for d, n in grid.items())
        ratios = f"ratio {self.ratio}, time ratio {self.time_ratio}"
        what = f"{counts[0]} training and {counts[1]} test simulations of {self.frames} frames"
        return f"{type(self).__name__}({self.name!r}: {self.flow.__name__}({cells}), {ratios}, {what})"

    def __post_init__(self):

        def check(fits: Any, name: str, kind: str):
            if not fits:
                raise InputError(f"Scene {self.name!r}: {name} must be {kind}, not {quoted(getattr(self, name))}.")

        check_name("The name of a scene", self.name)
        check(isinstance(self.flow, type) and issubclass(self.flow, Flow), "flow", "a class of flows, such as WakeFlow")
        for name in ("options", "reference_options"):
            check(isinstance(getattr(self, name), dict), name, "a dictionary of arguments of the flow")
        known = self.task in TASK_NAMES if isinstance(self.task, str) else hasattr(self.task, "create")
        check(known, "task", f"one of {', '.join(TASK_NAMES)}, or a class of tasks")
        check(isinstance(self.schedule, Schedule), "schedule", "a Schedule")
        check(self.paper is None or isinstance(self.paper, Schedule), "paper", "a Schedule or None")
        for name in ("source", "reference"):
            check(isinstance(getattr(self, name), dict | None), name, "a dictionary of cells per axis, or None")
        for split in SPLITS:
            check(isinstance(getattr(self, split), dict), split, "a dictionary of lists of values by parameter")
            _set(self, split, {n: self._values(n, v) for n, v in getattr(self, split).items()})
            self.simulations(split)
        for name, least, most in (("warmup", 0, MOST), ("frames", 1, FRAMES), ("keep_reference_every", 1, MOST)):
            _set(self, name, integer(f"Scene {self.name!r}: {name}", getattr(self, name), least, most))
        check(self.correct is None or isinstance(self.correct, list | tuple), "correct", "a tuple of names of fields")
        check_fields(self)
        free = [f for f in self.flow.fields if f not in self.flow.prescribed]
        if self.correct is None:
            _set(self, "correct", ("velocity",) if "velocity" in free else tuple(free))
        check(self.correct, "correct", "a tuple of names of fields")
        for name in self.correct:
            if name not in free:
                kind = "is prescribed" if name in self.flow.fields else "does not exist"
                has = f"{self.flow.__name__} has the fields {', '.join(free)}"
                raise InputError(f"Scene {self.name!r} corrects {quoted(name)}, but this {kind}: {has}.")
        _ = self.pair  # refuses grids and options that the flow refuses

    def _values(self, name: str, given: Any) -> tuple:
        """Values of a parameter, NumPy's as Python's."""
        if not isinstance(given, list | tuple | range | np.ndarray) or np.ndim(given) != 1:
            raise InputError(f"Scene {self.name!r}: {name} must be a list of values, not {quoted(given)}.")
        return tuple(plain(v) for v in given)

    @cached_property
    def pair(self) -> SolverPair:
        """The source and reference flow."""
        own: dict = {"time_ratio": self.time_ratio, "reference_options": self.reference_options}
        return SolverPair(self.flow, self.source, self.ratio, self.reference, **own, **self.options)

    def simulations(self, split: str, parameters: dict[str, list] | None = None) -> list[dict[str, float]]:
        """
        Parameters of each simulation of a split.

        Args:
            split: `train` or `test`.
            parameters: Values instead of the scene's own, by name. One that is not named keeps the scene's value if
                this is the same for all simulations.

        Raises:
            InputError: for unknown names, values that are not possible, lists of unequal length, or equal simulations.
        """
        if split not in SPLITS:
            raise InputError(f"Unknown split {quoted(split)}. Known: {', '.join(SPLITS)}.")
        own = getattr(self, split)
        if parameters is not None:
            known = instance("Parameters of simulations", parameters, dict, "lists of values by name")
            given: dict = {n: self._values(n, v) for n, v in known.items()}
        values = own if parameters is None else {n: v[:1] for n, v in own.items() if len(set(v)) == 1} | given
        free = free_numbers(as_bodies(self.flow.__name__, self.options.get("bodies") or ()))
        known, signed = (*self.flow.parameters, *free), (*self.flow.signed, *(n for n, f in free.items() if f.signed))
        values = {n: (f.value,) for n, f in free.items()} | values
        check_names(f"Scene {self.name!r}", known, values)
        for name, value in ((n, v) for n, given in values.items() for v in given):
            if not possible(name, value, signed):
                raise InputError(f"{name}={quoted(value)} is not possible: it must be {kind_of(name, signed)}.")
        if missing := [n for n in known if not values.get(n)]:
            raise InputError(f"Scene {self.name!r} needs values for {', '.join(missing)}.")
        if not values:
            return [{}]
        count = integer("The number of simulations", max(map(len, values.values())), 1, FRAMES)
        if {len(v) for v in values.values()} - {1, count}:
            found = ", ".join(f"{n} has {len(v)}" for n, v in values.items())
            raise InputError(f"All parameters need lists of the same length: {found}.")
        columns = {n: values[n] if len(values[n]) == count else values[n] * count for n in known}
        rows = zip(*columns.values(), strict=True)
        simulations = [dict(zip(columns, map(float, row), strict=True)) for row in rows]
        seen = set()
        for values in (tuple(s.items()) for s in simulations):
            if values in seen:
                same = ", ".join(f"{n}={v:g}" for n, v in values)
                raise InputError(f"Scene {self.name!r} has the same value twice: {same}.")
            seen.add(values)
        return simulations


def scene_names() -> list[str]:
    """Names of the scenes that come with the package."""
    return sorted(m.name for m in pkgutil.iter_modules(importlib.import_module("phi_sol.scenes").__path__))


def scene_summaries() -> dict[str, str]:
    """The first docstring line of every scene that comes with the package, by name; no scene is imported."""
    specs = {n: importlib.util.find_spec(f"phi_sol.scenes.{n}") for n in scene_names()}
    files = {n: Path(s.origin) for n, s in specs.items() if s and s.origin}
    return {n: (ast.get_docstring(ast.parse(f.read_text())) or "").partition("\n")[0] for n, f in files.items()}


@checked
def load_experiment(scene: str | Path) -> Experiment:
    """
    The experiment of a scene.

    Args:
        scene: Name of a known scene (`karman_2d`) or path of a scene file (`my_scene.py`), a Python file that defines
            `experiment = Experiment(...)`. The file is executed.

    Raises:
        MissingError: if there is no such scene or file.
        InputError: if the file can't be executed or defines no experiment.

    Examples:
        >>> ps.load_experiment("wake_2d").pair
        SolverPair(source=WakeFlow(y=64, x=32, dt=10, advection='semi_lagrangian'), ratio=4, tim...
    """
    scene = str(scene)
    if is_file := scene.endswith(".py") or "/" in scene:
        module = load_file(scene)
    else:
        if scene not in scene_names():
            known = f"Known scenes: {', '.join(scene_names())}; or give the path of a scene file (.py)."
            raise MissingError(f"Unknown scene {scene!r}.{suggestion(scene, scene_names())} {known}")
        module = importlib.import_module(f"phi_sol.scenes.{scene}")
    if not isinstance(experiment := getattr(module, "experiment", None), Experiment):
        needed = "it must contain 'experiment = Experiment(...)', as phi_sol/scenes/karman_2d.py does"
        raise InputError(f"The scene file {scene!r} defines no experiment: {needed}.")
    _set(experiment, "origin", str(resolved(scene)) if is_file else scene)
    return experiment
