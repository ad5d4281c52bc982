"""
What is optimised: a correction of a source solver, an initial guess for its pressure, or a task of one's own.

Everything above asks here which task a scene, a folder or a file of results belongs to; nothing else branches on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import check, checked
from ..errors import InputError, MissingError, instance, quoted, suggestion
from ..experiment import Experiment
from ..progress import Show, showing
from ..storage.files import read_json

if TYPE_CHECKING:
    from ..evaluation.evaluator import Evaluation
    from ..evaluation.tables import Table
    from ..stepping.solver import Solver
    from ..training.task import Task

TASKS = {  # module, class, and what a folder with its product holds: looked up without TensorFlow
    "correction": ("correction.task", "Correction", ("corrector.json", "corrector.keras")),
    "guess": ("guess.task", "PressureGuess", ("guess.json", "guess.keras")),
    "pinn": ("pinn.task", "Pinn", ("pinn.npz",)),
}
SOLVING = {"pinn": "correction"}
"""Methods that solve the test simulations themselves, which are tasks of their own, and whose results are evaluated by
that of a scene."""
RESULTS = "results.json"


def task_named(name: str) -> type[Task]:
    """Raises InputError for an unknown name."""
    if name not in TASKS:
        known = f"{', '.join(TASKS)}; or give a class of your own"
        raise InputError(f"Unknown task {quoted(name)}.{suggestion(name, TASKS)} Known: {known}.")
    module, cls, _ = TASKS[name]
    return getattr(import_module(f".{module}", __name__), cls)


def split_of(method: str) -> str:
    """The split of a scene's simulations that a method is trained on."""
    return "test" if method in SOLVING else "train"


def task_of(experiment: Experiment, method: str = "") -> type[Task]:
    """The task of a scene, or that of a method of `SOLVING`, where the scene's can evaluate it."""
    instance("What is evaluated or trained", experiment, Experiment, "an Experiment")
    if SOLVING.get(method, "") == experiment.task:
        return task_named(method)
    return task_named(experiment.task) if isinstance(experiment.task, str) else experiment.task


def task_in(folder: Path, known: Iterable[type[Task]] = ()) -> type[Task] | None:
    """The task whose product a folder holds, None if it holds none; the known ones are tried before ours."""
    theirs, ours = (t for t in known if t.holds(folder)), (task_named(n) for n in TASKS if _holds(folder, n))
    return next(chain(theirs, ours), None)


def _holds(folder: Path, name: str) -> bool:
    return all((Path(folder) / f).is_file() for f in TASKS[name][2])


def holds_model(folder: Path, known: Iterable[type[Task]] = ()) -> bool:
    """Whether a folder holds what some task trained."""
    return any(_holds(folder, n) for n in TASKS) or any(task.holds(folder) for task in known)


def solver_of(folder: Path, flow: Any, known: Iterable[type[Task]] = (), strict: bool = True) -> Solver:
    """
    What a folder holds as a solver of a flow's states, with `strict` of the one that it was trained for. Raises
    MissingError, or InputError if it is not.
    """
    task = task_in(folder, known)
    if task is None:
        raise MissingError(f"There is nothing trained in {folder}: train something first ('phi-sol train').")
    return task.solver(folder, flow, strict)


def task_of_results(results: dict, known: Iterable[type[Task]] = ()) -> type[Task]:
    """The task that results (the content of a `results.json`) belong to. Raises InputError if none is known."""
    for task in (*known, *map(task_named, TASKS)):
        if task.owns(results):
            return task
    raise InputError(f"Results of the task {results.get('task')!r} are not known here.")


def read_results(path: str | Path) -> dict:
    """
    The results of an evaluation, by its folder or its `results.json`. Raises MissingError if there is none, InputError
    if the file is damaged or of something else.
    """
    path = Path(path)
    file = path / RESULTS if path.is_dir() else path
    if not file.is_file():
        advice = f"give a folder with a {RESULTS}, which 'phi-sol evaluate' writes"
        raise MissingError(f"There is no evaluation in {path}: {advice}.")
    results = read_json(file)
    try:
        task_of_results(results).check_results(results)
    except (KeyError, TypeError, InputError) as err:
        missing = f"{err} is missing" if isinstance(err, KeyError) else str(err)
        raise InputError(f"{file} does not hold the results of an evaluation: {missing}.") from err
    return results


def compare(a: dict, b: dict) -> Table:
    """Two evaluations side by side, see `phi_sol.evaluation.compare.compare`."""
    from ..evaluation.compare import compare as side_by_side

    return side_by_side(a, b, task_of_results(a).compared)


@checked
def evaluate(
    experiment: Experiment,
    runs: Any,
    data: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    progress: bool | Show = True,
    **options,
) -> Evaluation:
    """
    Measures what was trained on the test simulations of a scene, as the command `evaluate` does.

    Args:
        experiment: The scene.
        runs: Folder of a run, or several; or by name what was trained (`Corrector`, `PoissonGuess`, for corrections any
            solver).
        data: Folder of the data, or several.
        out: Folder for `results.json`, report and pictures; None: nothing is written.
        progress: Whether progress is shown; or a function that is called with (part, done, in all).
        options: `frames`, `command` (for the record), and those of the scene's task, such as `numerics` of a
            correction.

    Raises:
        InputError: if data or runs do not fit the scene.
        MissingError: if data or runs are missing.

    Examples:
        >>> ps.evaluate(scene, ["runs/tiny/sol"], "data/tiny", "evaluation")  # doctest: +SKIP
    """
    task = task_of(experiment)
    if not isinstance(runs, Iterable):
        raise InputError(f"runs are folders, or what was trained by name, {{name: ...}}, not {type(runs).__name__}.")
    runs = [runs] if isinstance(runs, str | Path) else runs
    for run in runs if not isinstance(runs, Mapping) else ():
        check("A run", run, str | Path)
    with showing(progress) as show:
        found = task.evaluate(experiment, runs, data, out, progress=show, **options)
    found.tables = task.tables(found.results)
    return found
