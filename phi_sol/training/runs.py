"""Folders of runs: whether one is free, and what a run was started with."""

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from ..errors import InputError, MissingError
from ..files import visible
from ..flows.comparison import first_difference
from ..storage.files import fingerprint, read_json
from ..storage.schemas import RUN
from .plan import Plan
from .task import Task
from .validation import Validation

RUN_FILE = "run.json"
LENGTHS = ("steps", "budget")


def configuration(task: Task, longest: int, seed: int, scene: str) -> dict:
    """
    What a run is resumed with only where it is the same, beside its plan and validation. Raises InputError if the data
    have too few frames for as many unrolled steps as its longest stage has.
    """
    data = task.data
    if task.frames(longest) > data.frames:
        needed = f"{task.label(longest)} needs simulations of at least {task.frames(longest)} frames"
        raise InputError(f"{needed}, but these have {data.frames}.")
    config = {"scene": scene} | task.describe(longest)
    config |= {"seed": seed, "pair": data.pair.config, "data": data.fingerprints}
    return config | {"parameters": {n: v.tolist() for n, v in data.parameters.items()}}


def check_unused(folder: Path):
    """Raises InputError if there is anything in `folder` but what a process left that was killed at its very start."""
    if visible(folder):
        advice = "resume=True goes on with it" if (folder / RUN_FILE).is_file() else "it is not a run of phi_sol"
        raise InputError(f"{folder} is in use ({advice}): name another folder (folder=), or remove it.")


@dataclass
class Course:
    """
    What a run was started with, and what has come to it since; all but this is in its checkpoints.

    Attributes:
        begun: The plan that it was started with.
        id: Tells it from other runs; None for one from earlier versions.
        validation: How it is validated.
        longer: What made the plan longer, in order: arguments of `Plan.longer`.
        recoveries: For every time that it diverged and was taken up again: `iteration`, `back_to`, `cause`.
    """

    begun: Plan
    validation: Validation
    longer: list[dict] = field(default_factory=list)
    recoveries: list[dict] = field(default_factory=list)
    id: str | None = None

    @staticmethod
    def begin(plan: Plan, config: dict, validation: Validation | None) -> "Course":
        """Of a run with this configuration: data, method, network, seed and the like."""
        course = Course(plan, validation or Validation())
        about = course.to_dict() | {"config": config, "validation": asdict(course.validation)}
        return replace(course, id=fingerprint(about))

    @property
    def plan(self) -> Plan:
        """The plan with all that made it longer."""
        plan = self.begun
        for how in self.longer:
            plan = plan.longer(**how)
        return plan

    def to_dict(self) -> dict:
        """JSON-ready, as entries of `run.json`; without what has not happened."""
        happened = {n: getattr(self, n) for n in ("id", "longer", "recoveries")}
        return {"plan": self.begun.to_dict()} | {n: v for n, v in happened.items() if v}

    def wanted(self, plan: Plan, validation: Validation | None, folder: Path) -> float | None:
        """
        How long the run is to be in all, if that is longer than it is planned now. Raises InputError if a plan differs
        from that of the run in anything but being longer, or a validation (None: as it is) in anything.
        """
        ours, theirs = ({n: v for n, v in p.to_dict().items() if n not in LENGTHS} for p in (self.begun, plan))
        ours["validation"], theirs["validation"] = (asdict(v) for v in (self.validation, validation or self.validation))
        if difference := first_difference(ours, theirs):
            advice = "A run keeps its plan: leave this out, or start another run from its weights"
            raise InputError(f"{folder} was started with another plan: {difference}. {advice}.")
        planned, given, units = self.plan.length, plan.length, ("iterations", "seconds")
        unit, other = units if plan.budget is None else units[::-1]
        if (plan.budget is None) != (self.begun.budget is None):
            raise InputError(f"{folder} is planned in {other} ({planned:.9g}), not in {unit}: give those, or nothing.")
        if given < planned:
            rule = f"it can be made longer, not end at {given:.9g}"
            raise InputError(f"{folder} is planned for {planned:.9g} {unit} in all: {rule}.")
        return given if given > planned else None


def read_run(folder: Path, plan: Plan, config: dict | None = None) -> Course:
    """
    The course of the run in `folder`, which must have been started with `config`: data, method, network and the like.
    The given plan has the objects that files hold by their names only. Raises MissingError if there is no run,
    InputError if it is another one, had other objects, or its file is damaged.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        raise MissingError(f"There is no run to resume in {folder}.")
    run = read_json(path, RUN)
    if difference := first_difference({k: run.get(k) for k in config or {}}, config or {}):
        raise InputError(f"{folder} holds another run: {difference}. Name another folder (folder=).")
    try:
        validation = Validation(**{f.name: run["validation"][f.name] for f in fields(Validation)})
        begun = plan.stored(run["plan"])
        return Course(begun, validation, run.get("longer", []), run.get("recoveries", []), run.get("id"))
    except (KeyError, TypeError) as err:
        raise InputError(f"{path} is damaged: {err!r}. Name another folder (folder=).") from err
