"""Reproductions: data, trainings from several seeds, and their evaluation, for the task of any scene."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..arguments import checked
from ..errors import InputError, MissingError, integer
from ..evaluation.timing import time_step
from ..experiment import SPLITS, Experiment
from ..files import visible
from ..flows.comparison import first_difference
from ..flows.definition import describe
from ..generation.generator import Generator
from ..places import check_place
from ..schedule import Schedule
from ..storage.dataset import Dataset, find_simulations
from ..storage.files import read_json, write_json
from ..tasks import task_of
from ..tasks.rehearsal import Rehearsal, median_seconds
from ..training.optimization import Optimization
from ..training.plan import EARLIER, Plan
from ..training.runs import RUN_FILE
from ..training.task import Cost, Setting, Task
from ..training.trainer import Trainer
from ..training.validation import Validation
from ..workers.items import Engine

PLAN_FILE = "reproduction.json"
MOST_SEEDS = 1000
# entries of schedules that earlier versions did not have
IMPLIED = {"relative": False, "curriculum": True, "loss": None, "optimizer": "adam"}


@dataclass(frozen=True)
class Training:
    """One training of a reproduction."""

    method: str
    seed: int
    folder: Path
    plan: Plan

    @property
    def finished(self) -> bool:
        """Whether it is carried out to the end."""
        try:
            return bool(read_json(self.folder / RUN_FILE).get("complete"))
        except MissingError:
            return False


class Reproduction:
    """
    Generates the data of a scene, trains its task by all methods that the paper compares, from several seeds, and
    evaluates them.

    Whatever was interrupted goes on where it stopped when the same reproduction is called again: simulations, trainings
    and the evaluation.

    Attributes:
        task: Class of the task.
        methods: Methods in the order of the `trainings`.
        schedule: The paper's, or the scene's own where there is a budget.
    """

    @checked
    def __init__(self, experiment: Experiment, out: Path, data: Path, budget: float | None = None, seeds: int = 3):
        """
        Args:
            out: Folder of the reproduction: runs, `evaluation`, and `reproduction.json`, which says what it is.
            data: Folder of the data, with `train` and `test`.
            budget: Seconds of all trainings together, instead of the paper's schedule.
            seeds: Number of seeds, 0, 1, ...

        Raises:
            InputError: if there is neither a paper's schedule nor a budget, a number is not possible, or `out` holds
                another reproduction.
        """
        integer("The number of seeds", seeds, 1, MOST_SEEDS)
        schedule = experiment.paper if budget is None else experiment.schedule
        if schedule is None:
            advice = "give a budget= for the trainings, e.g. 2h."
            raise InputError(f"The paper's schedule of {experiment.name!r} is not known: {advice}")
        if hasattr(schedule.network, "get_weights") or hasattr(schedule.network, "network"):
            advice = "give the scene a builder (layers, x, outputs), which makes a new one for each"
            raise InputError(f"A reproduction trains several networks, {experiment.name!r} has one: {advice}.")
        self.experiment, self.out, self.data, self.budget, self.seeds = experiment, Path(out), Path(data), budget, seeds
        self.schedule: Schedule = schedule
        check_place(self.out, "Name another folder (out=).")
        self.task = task_of(experiment)
        self.shares = self.task.reproduced(experiment)
        self.methods = list(self.shares)
        if not self.methods:
            raise InputError(f"There is nothing to reproduce of {experiment.name!r}: its task compares no methods.")
        self.trainings = [self._training(m, seed) for m in self.methods for seed in range(seeds)]
        optimizer = self.trainings[0].plan.to_dict()["optimizer"]
        self.config: dict = {"scene": experiment.name, "budget": budget, "seeds": seeds, "methods": self.methods}
        self.config |= {
            "schedule": describe(vars(self.schedule) | {"optimizer": optimizer}),
            "data": str(self.data),
            "pair": experiment.pair.config,
        }
        if (self.out / PLAN_FILE).is_file():
            stored = read_json(self.out / PLAN_FILE)
            stored["schedule"] = IMPLIED | {EARLIER.get(n, n): v for n, v in stored.get("schedule", {}).items()}
            difference = first_difference(stored, self.config)
            if difference:
                advice = "Name another folder (out=), or remove this one."
                raise InputError(f"{self.out} holds another reproduction: {difference}. {advice}")
        elif visible(self.out):
            raise InputError(f"{self.out} is in use and holds no reproduction: name another folder (out=).")
        self.generators = {s: Generator(experiment, s, self.data / s) for s in SPLITS}

    def _training(self, method: str, seed: int) -> Training:
        how, shares = self.schedule, self.shares
        stages = self.task.stages(method, how.unroll, how.curriculum)
        seconds = None if self.budget is None else self.budget * shares[method] / sum(shares.values()) / self.seeds
        steps = None if self.budget is not None else how.steps
        limits: dict = dict(steps=steps, budget=seconds, decay=how.decay, ramp=how.ramp, clip=how.clip)
        limits |= dict(optimizer=how.optimizer)
        plan = Plan(stages, how.batch, how.learning_rate, **limits)
        name = method if stages[-1].unroll == 1 else f"{method}{stages[-1].unroll}"
        return Training(method, seed, self.out / f"{name}_seed{seed}", plan)

    def _create(self, training: Training, data: Any):
        """The task of a training, on recorded simulations or a rehearsal."""
        how: dict = dict(method=training.method, unroll=training.plan.stages[-1].unroll, network=self.schedule.network)
        return self.task.create(self.experiment, data, **how)

    # --- what it will cost ---

    def costs(self) -> list[Cost]:
        """Measures a little of whatever is not finished yet; takes a minute or so, nothing is written."""
        total, result = sum(g.plan()["steps"] for g in self.generators.values()), []
        if total:
            ms = 1e3 * self._reference_step
            result.append(Cost(f"reference simulations: {total} steps of {ms:.3g} ms", total * ms / 1e3))
        frames, jobs = self.generators["train"].frames, len(self.generators["train"].jobs)
        for method in self.methods:
            left = [t for t in self.trainings if t.method == method and not t.finished]
            if not left:
                continue
            task, first, seconds = self.time_iteration(left[0])
            count, plan = len(left), left[0].plan
            name = f"{left[0].folder.name.partition('_')[0]}: {count} training{'s' if count > 1 else ''}"
            if plan.budget is None:
                text, spent = f"{name} of {plan.steps} iterations", (plan.steps or 0) * seconds
            else:  # which what is compiled does not count for
                text, spent = f"{name} of about {plan.budget / seconds:.0f} iterations", plan.budget
            result.append(Cost(f"{text} of {seconds:.3g} s", count * (first + spent)))
            result += task.preparation(frames, lambda: jobs * self._reference_step)
        test = self.generators["test"]
        return [*result, self.task.evaluation_cost(self.experiment, len(self.trainings), test.frames, len(test.jobs))]

    def _rehearsal(self, count: int, frames: int = 1, reference: bool = False) -> Rehearsal:
        return Rehearsal(self.experiment.pair, self.experiment.simulations("train"), count, frames, reference)

    @cached_property
    def _reference_step(self) -> float:
        """Seconds of a reference step of one simulation of a batch."""
        size = min(self.generators["train"].batch, len(self.generators["train"].jobs))
        data = self._rehearsal(size, reference=True)
        return 1e-3 * time_step(self.experiment.pair.fine, *data.tensors, seconds=0, steps=10) / size

    def time_iteration(self, training: Training) -> tuple[Task, float, float]:
        """A training's task with stand-ins for data; seconds of its first iteration, compiled in it, and of a later."""
        plan, longest = training.plan, training.plan.stages[-1].unroll
        frames = self._create(training, self._rehearsal(1)).frames(longest)
        data = self._rehearsal(plan.batch, frames)
        task = self._create(training, data)
        task.set_up(Setting(range(plan.batch), longest, precision=plan.precision, rehearsal=True))
        optimization = Optimization(tf.distribute.get_strategy(), task.variables, plan)
        arrays = {n: data.arrays[n] for n in task.arrays} | task.extra
        window = {n: tf.constant(a[:, : frames + 1]) for n, a in arrays.items()}
        parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
        gradients = optimization.gradients(lambda *given: task.losses(longest, *given))
        numbers, zero = tf.range(plan.batch), tf.constant(0.0, tf.float64)

        def iterate():
            optimization.apply(gradients(window, parameters, numbers, zero)[3])

        begin = time.perf_counter()
        iterate()
        first = time.perf_counter() - begin
        return task, first, median_seconds(iterate)

    # --- doing it ---

    def generate(self, progress: bool = True, engine: Engine | None = None):
        """
        Computes the simulations that are missing, by the processes of an engine if there is one, errors as
        `Generator.run`. Writes what this is, first.
        """
        Generator.check_room([*self.generators.values()])
        self.out.mkdir(parents=True, exist_ok=True)
        write_json(self.out / PLAN_FILE, self.config)
        for generator in self.generators.values():
            generator.run(progress, workers=engine)

    def train(self, training: Training, callbacks: Callable[[Trainer], Sequence] = lambda trainer: (), show=None):
        """
        One training, from the start or from where it was interrupted.

        Args:
            callbacks: Makes Keras callbacks for the trainer.
            show: Called with (steps done, steps in all) while a task computes something beforehand.
        """
        task = self._create(training, Dataset(self.experiment.pair, find_simulations(self.data, "train")))
        options = {"seed": training.seed, "scene": self.experiment.name, "validation": Validation(0), "show": show}
        begun = (training.folder / RUN_FILE).is_file()
        trainer = Trainer(task, training.plan, training.folder, resume=begun, **options)
        trainer.fit(callbacks(trainer))
        del trainer, task
        gc.collect()

    def evaluate(self, command: str, progress: Callable[[str, int, int], None]) -> dict:
        """The results of all trainings, as `results.json`, which is made anew unless it is younger than they are."""
        folder, runs = self.out / "evaluation", [t.folder for t in self.trainings]
        results = folder / "results.json"
        youngest = max((r / f).stat().st_mtime for r in runs for f in self.task.files)
        if (folder / "report.html").is_file() and results.is_file() and results.stat().st_mtime > youngest:
            return read_json(results)
        options = {"command": command, "progress": progress}
        return self.task.evaluate(self.experiment, runs, self.data, folder, **options).results
