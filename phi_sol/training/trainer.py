"""The one training loop: distributed windows, a compiled iteration, and Keras callbacks."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..correctors import Corrector, describe
from ..correctors.statistics import Statistics
from ..errors import DivergedError, InputError
from ..solvers.hybrid import HybridSolver
from ..stepping.arrays import array_names
from ..storage.dataset import Dataset
from ..storage.files import check_no_file_in_the_way, versions, write_json
from ..tasks.correction.methods import REMAT_FROM, Method, make_method
from ..tasks.correction.validation import rollout_error
from .callbacks import Log, TensorBoard
from .checkpoints import Checkpoints
from .distribution import check_batch, device_summary, is_chief
from .divergence import cause
from .interruption import Interruption
from .optimization import Optimization
from .plan import Plan, Stage
from .runs import RUN_FILE, check_unused, stored_run
from .validation import Validation, Validator
from .windows import Windows

LAST = "last"
DEFAULT = Validation()


class Trainer:
    """
    Trains a corrector inside the loop of its source solver.

    A run lives in a folder: `run.json` (what is trained, how, on which data), `checkpoints/` (weights, optimizer state
    and position, so that a resumed run goes on exactly), `log.csv`, and the corrector itself: the best one on the
    validation, with the last one in `last/`; without validation the last one.

    Attributes:
        corrector: The corrector; its network is being trained.
        step: Iterations done.
        method: The method of the current stage.
        epoch_length: Iterations between two calls of the epoch callbacks.
    """

    epoch_length = 50

    def __init__(
        self,
        data: Dataset,
        folder: str | Path,
        plan: Plan,
        method: Method | str = "sol",
        network: str = "resnet",
        correct: tuple[str, ...] = ("velocity",),
        seed: int = 0,
        scene: str = "",
        resume: bool = False,
        remat: bool | None = None,
        validation: Validation = DEFAULT,
        strategy: tf.distribute.Strategy | None = None,
        show: Callable[[int, int], None] | None = None,
    ):
        """
        Args:
            data: Training simulations, with those to be held out.
            folder: Folder of the run. In a training on several machines all of them see it.
            plan: Stages, batch size, optimizer and length of the training.
            method: How to train, or a name for `make_method`. The plan's stages say how many steps are unrolled.
            network: Name of a network.
            correct: Fields that the corrector corrects.
            seed: Seed of weights and data order.
            scene: Name of the scene, for the record.
            resume: Goes on with the run in `folder`, with the plan and the validation that it was started with.
            remat: Whether gradients compute the network's activations again (see `HybridSolver`); None: from SOL-64 on.
            validation: How the training is validated.
            strategy: Distributes the work; None: TensorFlow's current strategy, by default one device.
            show: Called with (steps done, steps in all) while targets of a supervised method are computed.

        Raises:
            InputError: if `folder` is in use and `resume` is false, or holds another run; if the frames are too
                few; if the batch can't be shared by the devices; if no checkpoint can be read.
            MissingError: if there is nothing to resume.
        """
        self.data, self.folder, self.plan, self.seed, self.validation = data, Path(folder), plan, seed, validation
        self.flow = data.pair.source
        self.strategy = tf.distribute.get_strategy() if strategy is None else strategy
        self.chief = is_chief(self.strategy)
        longest = max(s.unroll for s in plan.stages)
        method = (make_method(method) if isinstance(method, str) else method).at(longest)
        if method.frames > data.frames:
            raise InputError(
                f"{method} needs simulations of at least {method.frames} frames, but these have {data.frames}."
            )
        method.check_fields(correct)
        config = {
            "scene": scene,
            "method": method.name,
            "unroll": method.unroll,
            "training": method.to_dict(),
            "network": network,
            "correct": list(correct),
            "seed": seed,
            "pair": data.pair.config,
            "data": data.fingerprints,
            "parameters": {n: v.tolist() for n, v in data.parameters.items()},
        }
        check_no_file_in_the_way(self.folder, "Name another folder with --out.")
        if resume:  # with the run's own plan and validation
            self.plan, self.validation = stored_run(self.folder, config)
        elif self.chief:
            check_unused(self.folder)
        check_batch(self.strategy, self.plan.batch)
        self.methods = [method.at(s.unroll) for s in self.plan.stages]
        held_out = self.validation.held_out(len(data))
        self.simulations = [i for i in range(len(data)) if i not in held_out]
        self.targets = method.targets(data, correct, show)
        self.hybrid = self._create_solver(method, network, correct, longest >= REMAT_FROM if remat is None else remat)
        self.corrector = self.hybrid.corrector
        kept_out = [data.folders[i].name for i in held_out]
        facts = config | {
            "plan": self.plan.to_dict(),
            "validation": self.validation.to_dict() | {"held_out": kept_out},
            "versions": versions(),
        }
        self.corrector.description |= facts
        self._run = facts | {"complete": False}
        self.optimization = Optimization(self.strategy, self.hybrid, self.plan)
        self._step, self._clock = (
            tf.Variable(0, dtype=tf.int64, trainable=False),
            tf.Variable(0.0, dtype=tf.float64, trainable=False),
        )
        self.validator = Validator(self, self.validation, held_out) if held_out else None
        state = {
            "model": self.network,
            "optimizer": self.optimization.optimizer,
            "step": self._step,
            "clock": self._clock,
        }
        state |= self.validator.state if self.validator else {}
        self.checkpoints = Checkpoints(self, self.folder / "checkpoints", **state)
        if resume:
            self.checkpoints.restore()

    def _create_solver(self, method: Method, network: str, correct: tuple[str, ...], remat: bool) -> HybridSolver:
        """What is trained: a solver with an untrained network in its attribute `corrector`."""
        names = [n for n in array_names(self.flow) if n.partition(".")[0] in correct]
        moments, parameters = (
            self.data.moments(self.simulations),
            {n: v[self.simulations] for n, v in self.data.parameters.items()},
        )
        statistics = Statistics.of(moments, method.corrections(self.data, names, self.simulations), parameters)
        with self.strategy.scope():
            corrector = Corrector.create(
                self.flow,
                network,
                statistics,
                correct,
                self.seed,
                method.placement,
                method.project,
                self.plan.precision,
            )
        return HybridSolver(self.flow, corrector, remat)

    @property
    def window_arrays(self) -> list[str]:
        """Names of the recorded arrays that losses need."""
        return array_names(self.flow)

    def error(self, simulations: Sequence[int], frames: int) -> float:
        """
        The validation error now, over the first so many frames of some simulations: that of rollouts of the
            hybrid solver.
        """
        outputs = self.corrector.adapter.outputs
        names = [n for n in outputs if n.startswith("velocity")] or list(outputs)
        return rollout_error(self.hybrid, self.data, simulations, frames, names)

    @property
    def network(self) -> keras.Model:
        return self.corrector.network

    @property
    def step(self) -> int:
        return int(self._step)

    @property
    def progress(self) -> float:
        """Fraction of the training that is done, 0 to 1."""
        return self.plan.progress(self.step, float(self._clock))

    @property
    def stage(self) -> Stage:
        return self.plan.stages[self.plan.stage(self.progress)]

    @property
    def method(self) -> Method:
        return self.methods[self.plan.stage(self.progress)]

    @property
    def finished(self) -> bool:
        """Whether the plan is carried out, or the patience used up."""
        return self.progress >= 1 or (self.validator is not None and self.validator.out_of_patience)

    @property
    def validation_error(self) -> float | None:
        """Error of the last validation, if there was one."""
        error = float(self.validator.last) if self.validator else np.nan
        return None if np.isnan(error) else error

    @property
    def summary(self) -> str:
        """One line: network, method, data, devices."""
        megabytes = self.data.nbytes / 1e6 * len(self.simulations) / len(self.data)
        held_out = ", ".join(self.corrector.description["validation"]["held_out"])
        facts = describe(self.network, tuple(self.flow.resolution.values()))
        seen = "the whole domain" if facts.receptive_field is None else f"{facts.receptive_field} cells"
        parts = [
            f"{self.corrector.description['network']}: {facts.parameters} parameters, receptive field {seen}",
            f"{self.methods[-1]} on {len(self.simulations)} simulations of {self.data.frames} frames ({megabytes:.1f} MB)",
            f"validated on {held_out}" if held_out else "no validation",
            device_summary(self.strategy),
        ]
        return "; ".join(parts)

    @property
    def outcome(self) -> str:
        """Which corrector the run's folder holds."""
        kind = "average of the weights" if self.plan.ema is not None else "corrector"
        if self.validator is None or not int(self.validator.best_step):
            return f"last {kind}"
        return f"best {kind} (iteration {int(self.validator.best_step)}, validation error {float(self.validator.best):.4f})"

    def fit(self, callbacks: Sequence[keras.callbacks.Callback] = (), tensorboard: bool = False) -> Corrector:
        """
        Trains to the end of the plan, or goes on with it.

        Args:
            callbacks: Keras callbacks. An epoch is 50 iterations; logs hold `loss` (mean per unrolled step),
                `gradient_norm`, `unroll`, `learning_rate`, `progress`, `step`, `seconds`, and where there was a
                validation `val_error`.
            tensorboard: Whether logs for TensorBoard are written into `tensorboard/`.

        Returns:
            The corrector in the run's folder: the best one on the validation, or the last one.

        Raises:
            DivergedError: if the loss or its gradient is no longer finite. That gradient is not applied, and
                the last checkpoint stays.
            KeyboardInterrupt: if interrupted, after the iteration that was under way; a checkpoint has been
                written then.
        """
        own = [self.validator] if self.validator else []
        if self.chief:
            own.append(Log(self.folder / "log.csv", self.step, self.validator is not None))
            own += [TensorBoard(self.folder / "tensorboard", self.optimization.optimizer)] if tensorboard else []
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / RUN_FILE, self._run)
        calls = keras.callbacks.CallbackList([*own, self.checkpoints, *callbacks], model=self.network)
        self.network.stop_training = self.finished  # what callbacks set to end a training
        calls.on_train_begin()
        with Interruption() as interruption:
            try:
                while not self.network.stop_training and self.progress < 1:
                    self._fit_stage(self.plan.stage(self.progress), calls, interruption)
            except KeyboardInterrupt:
                if not interruption.forced:
                    self.checkpoints.save()
                raise
        calls.on_train_end()
        if self.chief and (self.progress >= 1 or self.network.stop_training):
            done = {"steps_done": self.step, "seconds": float(self._clock), "stopped_early": self.progress < 1}
            write_json(self.folder / RUN_FILE, self._run | {"complete": self.progress >= 1} | done)
        return type(self.corrector).load(self.folder) if self.chief else self.corrector

    def _fit_stage(self, index: int, calls: keras.callbacks.CallbackList, interruption: Interruption):
        method, batch, optimization = self.methods[index], self.plan.batch, self.optimization
        gradients_of = optimization.gradients(method)
        # the stream of each stage is numbered by the iterations of the whole run, so that it can start anywhere
        names, seed, start = self.window_arrays, self.seed + 1000 * index, self.step
        stream = Windows(self.data, method.frames + 1, seed, names, self.targets, self.simulations)
        batches = self.strategy.distribute_datasets_from_function(
            lambda part: stream.batches(batch, start, 2**31, part)
        )
        losses, norms, epoch = [], [], self.step // self.epoch_length
        calls.on_epoch_begin(epoch)
        begin = time.perf_counter()
        for window, parameters, numbers in batches:
            calls.on_train_batch_begin(self.step)
            rate = self.plan.rate(self.progress)
            optimization.optimizer.learning_rate = rate
            now = time.perf_counter()
            seconds, begin = now - begin, now
            loss, norm, seconds, gradients, parts = gradients_of(
                window, parameters, numbers, tf.constant(seconds, tf.float64)
            )
            loss, norm = float(loss) / method.terms, float(norm) / optimization.scale
            if not np.isfinite(loss) or (
                not np.isfinite(norm) and optimization.scale <= 1
            ):  # too large a scale is float16's own affair
                parts, numbers = (np.asarray(self.strategy.gather(v, axis=0)) for v in (parts, numbers))
                raise DivergedError(
                    f"{cause(loss, parts, numbers, method, stream, self.data, self.step + 1)} {self.checkpoints.summary}"
                )
            optimization.apply(gradients)
            self._clock.assign_add(seconds)
            self._step.assign_add(1)
            losses.append(loss)
            norms.append(norm)
            logs = {
                "loss": float(np.mean(losses)),
                "gradient_norm": float(np.mean(norms)),
                "unroll": method.unroll,
                "learning_rate": rate,
            }
            logs |= {"progress": self.progress, "step": self.step, "seconds": float(self._clock)}
            calls.on_train_batch_end(self.step - 1, logs)
            ends = self.progress >= 1 or self.plan.stage(self.progress) != index or self.network.stop_training
            if self.step % self.epoch_length == 0 or ends:
                calls.on_epoch_end(epoch, logs)
                losses, norms, epoch = [], [], self.step // self.epoch_length
                if ends or self.network.stop_training:
                    return
                calls.on_epoch_begin(epoch)
            interruption.check()

    def save_corrector(self):
        """Writes the corrector as it is now: into the run's folder, or beside the best one if there is one."""
        validated = self.validator is not None
        with self.optimization.averaged():
            if validated:
                self._save(self.folder / LAST, "last")
            if not validated or not int(self.validator.best_step):
                self._save(self.folder, "last")

    def save_best(self):
        """Writes the corrector as it is now as the best one."""
        if self.chief:
            self._save(self.folder, "best on validation", val_error=float(self.validator.best))

    def _save(self, folder: Path, kind: str, **facts):
        chosen = {"kind": kind, "step": self.step, "averaged": self.plan.ema is not None} | facts
        self.corrector.save(folder, chosen=chosen)
