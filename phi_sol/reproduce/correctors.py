"""Reproductions of scenes of a source and a reference flow."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..correctors import Corrector
from ..correctors.statistics import Statistics
from ..errors import InputError, MissingError
from ..evaluation.evaluator import FRAMES, evaluate
from ..evaluation.paper import TABLE
from ..evaluation.records import time_step
from ..evaluation.tables import Table, tables
from ..experiment import SPLITS, Experiment, Schedule
from ..generation.generator import Generator
from ..kernels.compiled import Arrays
from ..solvers.hybrid import HybridSolver
from ..stepping.arrays import array_names, field_arrays, pack
from ..storage.dataset import Dataset, find_simulations
from ..storage.files import check_no_file_in_the_way, first_difference, read_json, write_json
from ..tasks.correction.least_squares import LeastSquares
from ..tasks.correction.methods import REMAT_FROM
from ..training import Plan, Stage, Trainer, Validation, curriculum, make_method
from ..training.optimization import Optimization
from ..training.runs import RUN_FILE

PLAN_FILE = "reproduction.json"


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


@dataclass(frozen=True)
class Cost:
    """
    What a part of a reproduction will take on this machine, by what a little of it took: `text` in words,
        `seconds` in all.
    """

    text: str
    seconds: float


class Reproduction:
    """
    Generates the data of a scene, trains PRE (where the paper has it), NON and SOL from several seeds, and
    evaluates them.

    Whatever was interrupted goes on where it stopped when the same reproduction is called again: simulations,
        trainings and the evaluation.

    Attributes:
        methods: Methods in the order of the trainings.
        trainings: In order.
        schedule: The paper's, or the scene's own where there is a budget.
    """

    shares = {
        "pre": 1,
        "non": 1,
        "sol": 4,
    }  # of a budget, for a training of each method: an iteration of SOL costs many times
    with_steps = ("sol",)  # methods that unroll the schedule's steps
    network_file = "corrector.keras"

    def __init__(self, experiment: Experiment, out: Path, data: Path, budget: float | None = None, seeds: int = 3):
        """
        Args:
            experiment: The scene.
            out: Folder of the reproduction: runs, `evaluation`, and `reproduction.json`, which says what it is.
            data: Folder of the data, with `train` and `test`.
            budget: Seconds of all trainings together, instead of the paper's schedule.
            seeds: Number of seeds, 0, 1, ...

        Raises:
            InputError: if there is neither a paper's schedule nor a budget, a number is not possible, or `out`
                holds another reproduction.
        """
        if seeds < 1:
            raise InputError(f"The number of seeds must be at least 1, not {seeds}.")
        if budget is None and experiment.paper is None:
            raise InputError(
                f"The paper's schedule of {experiment.name!r} is not known: give a --budget for the trainings, e.g. 2h."
            )
        self.experiment, self.out, self.data, self.budget, self.seeds = experiment, Path(out), Path(data), budget, seeds
        self.schedule: Schedule = experiment.schedule if budget is not None else experiment.paper
        check_no_file_in_the_way(self.out, "Name another folder with --out.")
        self.methods = self._methods()
        self.trainings = [self._training(m, seed) for m in self.methods for seed in range(seeds)]
        config = {
            "scene": experiment.name,
            "budget": budget,
            "seeds": seeds,
            "methods": self.methods,
            "schedule": asdict(self.schedule),
        }
        config |= {"data": str(self.data), "pair": experiment.pair.config}
        if (self.out / PLAN_FILE).is_file():
            difference = first_difference(read_json(self.out / PLAN_FILE), config)
            if difference:
                raise InputError(
                    f"{self.out} holds another reproduction: {difference}. Name another folder with --out, or remove this one."
                )
        elif self.out.is_dir() and any(self.out.iterdir()):
            raise InputError(f"{self.out} is in use and holds no reproduction: name another folder with --out.")
        self.config = config
        self.generators = {s: Generator(experiment, s, self.data / s) for s in SPLITS}

    def _methods(self) -> list[str]:
        """All, but PRE only where the paper has it or has no such scene."""
        known = TABLE.get(self.experiment.name)
        return [m for m in self.shares if m != "pre" or known is None or "PRE" in known.figures]

    def _unroll(self, method: str) -> int:
        return self.schedule.unroll if method in self.with_steps else 1

    def _stages(self, method: str) -> tuple[Stage, ...]:
        return curriculum(self._unroll(method))

    def _training(self, method: str, seed: int) -> Training:
        unroll, shares = self._unroll(method), self.shares
        seconds = (
            None
            if self.budget is None
            else self.budget * shares[method] / sum(shares[m] for m in self.methods) / self.seeds
        )
        steps = None if self.budget is not None else self.schedule.steps
        how = self.schedule
        plan = Plan(
            self._stages(method),
            how.batch,
            how.learning_rate,
            steps,
            seconds,
            how.decay,
            warmup=how.warmup,
            clip=how.clip,
        )
        name = f"{method}{unroll}" if method in self.with_steps else method
        return Training(method, seed, self.out / f"{name}_seed{seed}", plan)

    # --- what it will cost ---

    def costs(self) -> list[Cost]:
        """
        Measures a few steps and iterations of whatever is not finished yet; takes a minute or so, nothing is written.
        """
        steps = {s: g.plan()["steps"] for s, g in self.generators.items()}
        result, waiting = [], [t for t in self.trainings if not t.finished]
        if any(steps.values()):
            ms = 1e3 * self._reference_step
            result.append(
                Cost(
                    f"reference simulations: {sum(steps.values())} steps of {ms:.3g} ms", sum(steps.values()) * ms / 1e3
                )
            )
        for method in self.methods:
            left = [t for t in waiting if t.method == method]
            if not left:
                continue
            first, seconds = self.time_iteration(method)
            count, plan = len(left), left[0].plan
            name = f"{left[0].folder.name.partition('_')[0]}: {count} training{'s' if count > 1 else ''}"
            if plan.budget is None:
                result.append(
                    Cost(
                        f"{name} of {plan.steps} iterations of {seconds:.3g} s", count * (first + plan.steps * seconds)
                    )
                )
            else:
                about = max(0, (plan.budget - first) / seconds)
                result.append(Cost(f"{name} of about {about:.0f} iterations of {seconds:.3g} s", count * plan.budget))
            if method == "pre":
                frames = self.generators["train"].frames
                fit = self._fit_seconds + len(self.generators["train"].jobs) * self._reference_step
                result.append(Cost(f"corrections for PRE: {frames} frames of {1e3 * fit:.3g} ms", frames * fit))
        return [*result, self._evaluation_cost()]

    def _evaluation_cost(self) -> Cost:
        seconds = self._hybrid_step * min(self.generators["test"].frames, FRAMES) * len(self.trainings)
        return Cost(f"rollouts of {len(self.trainings)} correctors, and the report", seconds)

    def _batch(self, flow, split: str, size: int) -> tuple[Arrays, Arrays]:
        """The initial states of some simulations: what they hold does not matter for the time that a step takes."""
        simulations = self.experiment.simulations(split)
        chosen = [simulations[i % len(simulations)] for i in range(size)]
        arrays, parameters, _ = pack(flow, flow.initial_state(**{n: [s[n] for s in chosen] for n in flow.parameters}))
        return {n: tf.cast(a, tf.float32) for n, a in arrays.items()}, {
            n: tf.cast(p, tf.float32) for n, p in parameters.items()
        }

    @cached_property
    def _reference_step(self) -> float:
        """Seconds of a reference step of one simulation of a batch."""
        flow, size = (
            self.experiment.pair.reference,
            min(self.generators["train"].batch, len(self.generators["train"].jobs)),
        )
        arrays, parameters = self._batch(flow, "train", size)
        return 1e-3 * time_step(flow, arrays, parameters, seconds=0, steps=10) / size

    @cached_property
    def _fit_seconds(self) -> float:
        """Seconds of the least-squares fits of one frame of all training simulations."""
        pair, total = self.experiment.pair, 0.0
        count = len(self.generators["train"].jobs)
        (coarse, _), (fine, _) = self._batch(pair.source, "train", count), self._batch(pair.reference, "train", count)
        for field in self.experiment.correct:
            fit, names = LeastSquares(pair, field, 0.0), field_arrays(pair.source, field)
            total += median_seconds(
                lambda f=fit, n=names: f([coarse[a].numpy() for a in n], [fine[a].numpy() for a in n], None)
            )
        return total

    def _corrector(self) -> Corrector:
        flow = self.experiment.pair.source
        names = array_names(flow)
        ones = {n: 1.0 for n in flow.parameters}
        statistics = Statistics(
            dict.fromkeys(names, 0.0),
            dict.fromkeys(names, 1.0),
            dict.fromkeys(names, 1.0),
            dict.fromkeys(ones, 0.0),
            ones,
        )
        return Corrector.create(flow, self.schedule.network, statistics, self.experiment.correct)

    def _solver(self, unroll: int) -> HybridSolver:
        """What is trained."""
        return HybridSolver(self.experiment.pair.source, self._corrector(), unroll >= REMAT_FROM)

    @cached_property
    def _hybrid_step(self) -> float:
        """Seconds of a hybrid step of all test simulations together."""
        flow = self.experiment.pair.source
        hybrid = HybridSolver(flow, self._corrector())
        arrays, parameters = self._batch(flow, "test", len(self.generators["test"].jobs))
        return 1e-3 * time_step(hybrid, arrays, parameters, seconds=0, steps=5)

    def time_iteration(self, method: str) -> tuple[float, float]:
        """Seconds of the first iteration, compilation included, and of a later one."""
        flow, unroll = self.experiment.pair.source, self._unroll(method)
        how = self._method(method, 0)
        plan = replace(self.trainings[0].plan, stages=self._stages(method))
        optimization = Optimization(tf.distribute.get_strategy(), self._solver(unroll), plan)
        arrays, parameters = self._batch(flow, "train", plan.batch)
        window = {n: tf.stack([a] * (how.frames + 1), 1) for n, a in arrays.items()}
        window |= (
            {f"{kind}:{n}": w for kind in ("state", "correction") for n, w in window.items()} if how.supervised else {}
        )
        gradients, numbers, zero = optimization.gradients(how), tf.range(plan.batch), tf.constant(0.0, tf.float64)

        def iterate():
            optimization.apply(gradients(window, parameters, numbers, zero)[3])

        begin = time.perf_counter()
        iterate()
        first = time.perf_counter() - begin
        return first, median_seconds(iterate)

    # --- doing it ---

    def generate(self, progress: Callable[[str, int, int], None]):
        """Computes the simulations that are missing. Writes what this reproduction is, first."""
        self.out.mkdir(parents=True, exist_ok=True)
        write_json(self.out / PLAN_FILE, self.config)
        for split, generator in self.generators.items():
            generator.run(lambda done, total, s=split: progress(s, done, total))

    def train(self, training: Training, callbacks: Callable[[Trainer], Sequence] = lambda trainer: (), show=None):
        """
        One training, from the start or from where it was interrupted.

        Args:
            training: One of `trainings`.
            callbacks: Makes Keras callbacks for the trainer.
            show: Called with (steps done, steps in all) while targets of PRE are computed.
        """
        data = Dataset(self.experiment.pair, find_simulations(self.data, "train"))
        method = self._method(training.method, training.seed)
        begun = (training.folder / RUN_FILE).is_file()
        settings = (self.schedule.network, self.experiment.correct, training.seed, self.experiment.name, begun)
        trainer = self._trainer(
            data, training.folder, training.plan, method, *settings, validation=Validation(0), show=show
        )
        trainer.fit(callbacks(trainer))
        del trainer
        gc.collect()

    def _method(self, method: str, seed: int):
        return make_method(method, self._unroll(method), seed=seed)

    def _trainer(self, *args, **options) -> Trainer:
        return Trainer(*args, **options)

    def evaluate(self, command: str, progress: Callable[[str, int, int], None]) -> dict:
        """
        The results of all trainings, as `results.json`; evaluated anew only if there is none that is younger
        than the correctors.
        """
        folder, runs = self.out / "evaluation", [t.folder for t in self.trainings]
        results = folder / "results.json"
        youngest = max((r / self.network_file).stat().st_mtime for r in runs)
        if (folder / "report.html").is_file() and results.is_file() and results.stat().st_mtime > youngest:
            return read_json(results)
        return self._evaluated(runs, folder, command, progress)

    def _evaluated(
        self, runs: list[Path], folder: Path, command: str, progress: Callable[[str, int, int], None]
    ) -> dict:
        return evaluate(self.experiment, runs, self.data, folder, None, command, progress).results

    def tables(self, results: dict) -> list[Table]:
        """What to print of the results."""
        return tables(results)


def median_seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Median time of a call that has run once before."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return float(np.median(times))
