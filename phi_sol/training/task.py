"""What a training optimises, as the trainer sees it."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ..errors import InputError, MissingError, article
from ..kernels.compiled import Arrays
from ..stepping.arrays import array_names
from ..stepping.solver import Solver
from ..storage.dataset import Dataset
from .members import Members
from .plan import Stage

Show = Callable[[int, int], None]


@dataclass(frozen=True)
class Setting:
    """
    What a task has to know of its training before it makes its variables.

    Attributes:
        simulations: Indices of the simulations to train on; the others are held out.
        longest: Unrolled steps of the longest stage.
        seed: Seed of the initial values.
        precision: Of networks, see `Plan`.
        strategy: In whose scope variables are made.
        show: Called with (done, in all) while something is computed beforehand.
        rehearsal: Whether only an iteration's time counts: what is computed beforehand may be anything of its shape.
    """

    simulations: Sequence[int]
    longest: int = 1
    seed: int = 0
    precision: str = "float32"
    strategy: tf.distribute.Strategy | None = None
    show: Show | None = None
    rehearsal: bool = False

    def scope(self):
        return (self.strategy or tf.distribute.get_strategy()).scope()


@dataclass(frozen=True)
class Cost:
    """What a part of a reproduction takes on this machine, by what a little of it took: `text`, `seconds`."""

    text: str
    seconds: float


class Task(Members):
    """
    One thing to be optimised over recorded simulations: its variables, its windows and loss, its validation error, how
    it is saved, and how what was trained is evaluated and tabulated. Trainer, commands and viewer know nothing else.

    A task of one's own defines `set_up`, `variables`, `losses`, `error`, `save` and `load`; a scene names it as
    `Experiment(task=MyTask)`. The rest has defaults.

    Attributes:
        data: The recorded simulations; `flow` is their source flow.
        name: Of the kind, as results have it.
        product: What a run holds, in words, for messages.
        files: Files that a folder with such a product has.
        methods: Ways to train, by name, in a line each.
        measures: Options of the command `evaluate` that are its own.
        width: Characters that its tables take where there is no terminal.

    Examples:
        >>> isinstance(ps.Correction(data, "sol", "small"), ps.Task)
        True
    """

    name: ClassVar[str] = ""
    product: ClassVar[str] = "model"
    files: ClassVar[tuple[str, ...]] = ()
    methods: ClassVar[dict[str, str]] = {}
    measures: ClassVar[tuple[str, ...]] = ()
    width: ClassVar[int] = 110

    def __init__(self, data: Dataset):
        if not hasattr(data, "pair"):
            raise InputError(f"A task needs a Dataset, Dataset.load(pair, folder), not a {type(data).__name__}.")
        self.data, self.flow = data, data.pair.source

    # --- what is trained ---

    @abstractmethod
    def set_up(self, setting: Setting):
        """Makes the variables; called once, before anything below."""

    @property
    @abstractmethod
    def variables(self) -> list:
        """The variables to optimise (`keras.Variable`s)."""

    @property
    def model(self) -> Any:
        """What Keras callbacks get as their model, and checkpoints keep: the network where there is one."""
        if not hasattr(self, "_model"):
            self._model = SimpleNamespace(stop_training=False, layers=[])
        return self._model

    @property
    def state(self) -> dict[str, Any]:
        """What checkpoints hold of the task, by name."""
        return {f"variable_{i}": v for i, v in enumerate(self.variables)}

    @abstractmethod
    def losses(self, unroll: int, window: Arrays, parameters: Arrays, numbers: tf.Tensor) -> tf.Tensor:
        """
        The losses of windows, for compiled functions; their mean over the batch, summed over terms, is minimised.

        Args:
            unroll: Unrolled steps n of the stage.
            window: By array name, shape (batch, frames(unroll) + 1, *spatial).
            parameters: By parameter name, shape (batch,).
            numbers: Number of each window in the stream of windows, (batch,): what is random depends on it alone.

        Returns:
            Shape (batch, terms(unroll)).
        """

    @abstractmethod
    def error(self, simulations: Sequence[int], frames: int) -> float:
        """The validation error over the first so many frames of some simulations; infinite where it is not finite."""

    @abstractmethod
    def save(self, folder: Path, **facts):
        """Writes what is trained, as it is now, with further facts, into a folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Any:
        """What `save` wrote. Raises MissingError or InputError."""

    def result(self, folder: Path) -> Any:
        """What a training that has ended gives: what is in its folder."""
        return self.load(folder)

    # --- windows ---

    @property
    def arrays(self) -> list[str]:
        """Names of the recorded arrays that losses need."""
        return array_names(self.flow)

    @property
    def extra(self) -> dict[str, np.ndarray]:
        """Further arrays of shape (simulations, frames + 1, *spatial) that windows are cut from."""
        return {}

    def frames(self, unroll: int) -> int:
        """Frames that a window needs after its first."""
        return unroll

    def terms(self, unroll: int) -> int:
        """Losses of one window, which the logged loss is the mean of."""
        return 1

    def unrolled(self, unroll: int) -> int:
        """The steps that are really unrolled in a stage that says `unroll`: one, for ways that unroll nothing."""
        return int(self.describe(unroll).get("unroll", unroll))

    # --- words ---

    def label(self, unroll: int) -> str:
        """The way of training in a stage, in short, such as `SOL-8`."""
        return self.name.upper()

    def describe(self, unroll: int) -> dict:
        """JSON-ready facts that define the training, beside data and plan; resumed only where they are the same."""
        return {"task": self.name, "unroll": unroll}

    def note(self, facts: dict):
        """Takes facts about the run (`run.json`) for what `save` writes."""

    @property
    def summary(self) -> str:
        """What is trained, in a few words, for the line that a training begins with; may be empty."""
        return ""

    # --- what commands ask of the class ---

    @classmethod
    def create(
        cls, experiment: Any, data: Dataset, *, method: str = "", unroll: int = 1, network: Any = None, **how
    ) -> "Task":
        """
        The task of a scene with its training simulations, for one of `methods` and the unrolled steps of the longest
        stage; with the name of a network or the network itself for tasks that train one, and further options, as the
        command `train` has them. Raises InputError for an unknown method or options that the task does not have.
        """
        given = {"network": network, "loss": experiment.schedule.loss}
        cls.refuse(experiment, {n: v for n, v in given.items() if v is not None} | how)
        return cls(data)

    @classmethod
    def refuse(cls, experiment: Any, options: dict):
        """Raises InputError if there are options that the task does not have."""
        for name in options:
            _refuse(cls, experiment, f"{name}=")

    @classmethod
    def stages(cls, method: str, unroll: int, shorter_first: bool = True) -> tuple[Stage, ...]:
        """The stages of a training with so many unrolled steps, if none are given; shorter first, if that helps."""
        return (Stage(unroll, 1.0),)

    @classmethod
    def holds(cls, folder: Path) -> bool:
        """Whether a folder holds what this task trains."""
        return bool(cls.files) and all((Path(folder) / f).is_file() for f in cls.files)

    @classmethod
    def find(cls, folder: Path) -> list[Path]:
        """Folders below `folder` that hold what this task trains."""
        return sorted(p for p in Path(folder).glob("*") if cls.holds(p))

    @classmethod
    def require(cls, folder: Path, scene: str):
        """Raises MissingError if a folder holds nothing that this task trains."""
        if not cls.holds(folder):
            advice = f"train one first ('phi-sol train {scene}'), or name another run"
            raise MissingError(f"There is no {cls.product} in {folder}: {advice}.")

    @classmethod
    def solver(cls, folder: Path, flow: Any, strict: bool = True) -> Solver:
        """
        What a run holds, as a solver of the states of a flow: with `strict` of the one that it was trained for. Raises
        InputError where it is none.
        """
        raise InputError(f"{folder} holds {article(cls.product)}, which can't step a simulation.")

    @classmethod
    def evaluate(cls, experiment: Any, runs: Any, data: Any, out: str | Path | None = None, **options) -> Any:
        """
        Measures what was trained, by folders of runs, on the test simulations in `data` (folder or folders), and writes
        `results.json` and a report into `out` (None: nowhere): an `Evaluation`. Options are `frames`, `command` (for
        the record), `progress` (called with part, done, in all), and those of the task.
        """
        raise InputError(f"There is no evaluation of {article(cls.product)}.")

    @classmethod
    def check_evaluation(cls, experiment: Any, options: dict):
        """Raises InputError for options of an evaluation that the task does not have."""
        for name, value in options.items():
            if name not in cls.measures:
                _refuse(cls, experiment, f"{name}={'False' * (value is False)}")

    @classmethod
    def owns(cls, results: dict) -> bool:
        """Whether results (`results.json`) are those of this task."""
        return bool(cls.name) and results.get("task") == cls.name

    @classmethod
    def check_results(cls, results: dict):
        """Looks up what all else relies on in results; raises KeyError or TypeError where something is missing."""
        _ = results["scene"], results["solvers"]

    @classmethod
    def tables(cls, results: dict) -> list:
        """The tables of results (`phi_sol.evaluation.table.Table`)."""
        return []

    @classmethod
    def verdicts(cls, results: dict) -> list[str]:
        """What the numbers say, line by line."""
        return []

    @classmethod
    def compared(cls, results: dict) -> tuple[str, int, dict[str, tuple[float | None, float | None, int]]]:
        """What evaluations are compared by: name, digits, and by solver or group mean, deviation, seeds."""
        raise InputError(f"Evaluations of {article(cls.product)} can't be compared.")

    # --- what a reproduction asks ---

    @classmethod
    def reproduced(cls, experiment: Any) -> dict[str, float]:
        """The methods that a reproduction compares, in order, and what share of a budget a training by each gets."""
        return {}

    def preparation(self, frames: int, reference_step: Callable[[], float]) -> list[Cost]:
        """What is computed before a training; `reference_step` measures the seconds of a step of all references."""
        return []

    @classmethod
    def evaluation_cost(cls, experiment: Any, runs: int, frames: int, simulations: int) -> Cost:
        """What an evaluation of so many runs will cost, over test simulations of so many frames."""
        return Cost(f"evaluation of {runs} runs", 0.0)


def _refuse(task: type[Task], experiment: Any, option: str):
    raise InputError(f"{option} is not for {experiment.name}, which trains {article(task.product)}: leave it out.")
