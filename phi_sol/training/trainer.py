"""The one training loop: distributed windows, a compiled iteration, and Keras callbacks."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..arguments import checked
from ..displays import Displayed
from ..errors import InputError, integer
from ..places import check_place
from ..progress import Show, showing
from ..storage.files import versions, write_json
from ..storage.locks import FolderLock
from .callbacks import Log, ProgressBar, TensorBoard
from .checkpoints import Checkpoints
from .distribution import check_batch, is_chief
from .divergence import NotFinite, cause
from .interruption import Interruption
from .optimization import Optimization
from .plan import Plan, Stage
from .recovery import LOWER, go_back, go_on
from .runs import RUN_FILE, Course, check_unused, configuration, read_run
from .streams import Streams
from .summaries import outcome, shown, summary
from .task import Setting, Task
from .validation import Validation, Validator

LAST = "last"


class Trainer(Displayed):
    """
    Carries out the training of a task.

    A run lives in a folder: `run.json` (what is trained, how, on which data), `checkpoints/` (weights, optimizer state
    and position, so that a resumed run goes on exactly), `log.csv`, and what is trained: the best one on the
    validation, with the last one in `last/`; without validation the last one.

    Attributes:
        task: What is trained.
        step: Iterations done.
        seconds: Spent on them.
        label: The way of training in the current stage, such as `SOL-8`.
        epoch_length: Iterations between two calls of the epoch callbacks.
        course: What the run was started with, and what has come to it since.
        losses: Of the iterations of the current epoch.

    Examples:
        >>> plan = ps.Plan(ps.curriculum(2), batch=2, learning_rate=1e-3, steps=4)
        >>> trainer = ps.Trainer(ps.Correction(data, "sol", "small"), plan, "runs/mine")
        >>> trainer.fit()  # doctest: +SKIP
    """

    epoch_length = 50

    @checked
    def __init__(
        self,
        task: Task,
        plan: Plan,
        folder: str | Path,
        *,
        seed: int = 0,
        scene: str = "",
        resume: bool = False,
        validation: Validation | None = None,
        strategy: tf.distribute.Strategy | None = None,
        show: Callable[[int, int], None] | None = None,
    ):
        """
        Args:
            task: What is trained, on which data.
            plan: Stages, batch size, optimizer and length of the training.
            folder: Folder of the run. In a training on several machines all of them see it.
            seed: Seed of weights and data order.
            scene: Name of the scene, for the record.
            resume: Goes on with the run in `folder`, which keeps its plan and validation. A plan that is the same but
                longer, in all, makes it longer: what is added is a further stage (see `Plan.longer`).
            validation: How the training is validated; None: as `Validation()` says, or as the run that is resumed.
            strategy: Distributes the work; None: TensorFlow's current strategy, by default one device.
            show: Called with (steps done, steps in all) while a task computes something beforehand.

        Raises:
            InputError: if `folder` is in use and `resume` is false, or holds another run or one with another plan or
                validation; if the frames are too few; if the batch fits no memory, or can't be shared by the devices;
                if no checkpoint can be read; if there is nothing to train.
            MissingError: if there is nothing to resume.
        """
        self.task, self.data, self.folder, self.seed = task, task.data, Path(folder), integer("The seed", seed, 0)
        self.strategy = tf.distribute.get_strategy() if strategy is None else strategy
        self.chief, longest, data = is_chief(self.strategy), max(s.unroll for s in plan.stages), self.data
        config = configuration(task, longest, self.seed, scene)
        check_place(self.folder, "Name another folder (folder=).")
        with self._locked():  # let go if anything is refused below
            if not resume and self.chief:
                check_unused(self.folder)
            self.course = read_run(self.folder, plan, config) if resume else Course.begin(plan, config, validation)
            more = self.course.wanted(plan, validation, self.folder)
            self.plan, self.validation = self.course.plan, self.course.validation
            check_batch(self.strategy, self.plan.batch, task.frames(longest) * data.frame_bytes)
            held_out = task.held_out(self.validation)
            self.simulations = [i for i in range(len(data)) if i not in held_out]
            task.set_up(Setting(self.simulations, longest, self.seed, self.plan.precision, self.strategy, show))
            if not task.variables:
                raise InputError(f"There is nothing to train in this {task.product}: no variable of it is trainable.")
            self.held_out = [data.names[i] for i in held_out]
            validated = asdict(self.validation) | {"held_out": self.held_out}
            self._facts = config | {"validation": validated, "versions": versions(), "label": task.label(longest)}
            self.optimization = Optimization(self.strategy, task.variables, self.plan)
            self._streams: tuple[int, Any] = (-1, None)
            self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
            self._clock = tf.Variable(0.0, dtype=tf.float64, trainable=False)
            self.validator = Validator(self, self.validation, held_out) if held_out else None
            state = task.state | {"optimizer": self.optimization.optimizer, "step": self._step, "clock": self._clock}
            state |= self.validator.state if self.validator else {}
            self.checkpoints = Checkpoints(self, self.folder / "checkpoints", self.course.id, **state)
            if resume:
                go_on(self, more)
            task.note(self._facts | self.course.to_dict())

    @property
    def step(self) -> int:
        return int(self._step)

    @property
    def seconds(self) -> float:
        return float(self._clock)

    @property
    def progress(self) -> float:
        """Fraction of the training that is done, 0 to 1."""
        return self.plan.progress(self.step, self.seconds)

    @property
    def stage(self) -> Stage:
        """The stage of the plan that it is in."""
        return self.plan.stages[self.plan.stage(self.progress)]

    @property
    def label(self) -> str:
        return self.task.label(self.stage.unroll)

    @property
    def finished(self) -> bool:
        """Whether the plan is carried out, or the patience used up."""
        return self.progress >= 1 or (self.validator is not None and self.validator.out_of_patience)

    @property
    def validation_error(self) -> float | None:
        """Error of the last validation, if there was one."""
        error = float(self.validator.last) if self.validator else np.nan
        return None if np.isnan(error) else error

    summary = property(summary)
    outcome = property(outcome)
    _shown = shown

    def __repr__(self):
        done = f"iteration {self.step}, {100 * self.progress:.0f} % done"
        return f"Trainer({self.label} on {len(self.simulations)} simulations, in {self.folder}, {done})"

    def fit(
        self,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        tensorboard: bool = False,
        progress: bool | Show = True,
    ) -> Any:
        """
        Trains to the end of the plan, or goes on with it.

        Args:
            callbacks: Keras callbacks. An epoch is 50 iterations; logs hold `loss` (mean per unrolled step),
                `gradient_norm`, `unroll`, `learning_rate`, `progress`, `step`, `seconds`, and `val_error` if validated.
            tensorboard: Whether logs for TensorBoard are written into `tensorboard/`.
            progress: Whether progress is shown; or a function that is called with (part, share done, 1).

        Returns:
            What the run's folder holds, from `Task.result`: the best one on the validation, or the last one. (None in
            other processes than the first of a training on several machines.)

        Raises:
            InputError: if another process trains in the run's folder.
            DivergedError: if the loss or its gradient is not finite again, after the training has been taken up twice
                at its last good checkpoint with a lower learning rate; it is not applied, and the checkpoint stays.
            KeyboardInterrupt: if interrupted, after the iteration that was under way, with a checkpoint.
        """
        with showing(progress if callable(progress) else bool(progress) and self.chief) as show, self._locked():
            return self._fit([*callbacks, *([ProgressBar(show, self)] if progress else [])], tensorboard)

    def _fit(self, callbacks: Sequence[keras.callbacks.Callback], tensorboard: bool) -> Any:
        own = [self.validator] if self.validator else []
        more = [f"val_error:{n}" for n in self.task.member_names]
        log = Log(self.folder / "log.csv", self.step, ["val_error", *more] if self.validator else [])
        if self.chief:
            own.append(log)
            own += [TensorBoard(self.folder / "tensorboard", self.optimization.optimizer)] if tensorboard else []
            self.write_run()
        model = self.task.model
        calls = keras.callbacks.CallbackList([*own, self.checkpoints, *callbacks], model=model)
        model.stop_training = self.finished  # what callbacks set to end a training
        calls.on_train_begin()
        with Interruption() as interruption:
            try:
                while not model.stop_training and self.progress < 1:
                    try:
                        self._fit_stage(self.plan.stage(self.progress), calls, interruption)
                    except NotFinite as err:
                        go_back(self, str(err), log)
            except KeyboardInterrupt:
                if not interruption.forced:
                    self.checkpoints.save()
                raise
        calls.on_train_end()
        if not self.chief:
            return None
        if self.progress >= 1 or model.stop_training:
            early = self.progress < 1
            self.write_run(not early, steps_done=self.step, seconds=self.seconds, stopped_early=early)
        self._lock.release()
        return self.task.result(self.folder)

    def _locked(self) -> AbstractContextManager:
        """The right to write into the folder, which only the first of several workers needs."""
        advice = "wait for it, or name another folder (folder=)"
        self._lock: Any = FolderLock(self.folder, advice) if self.chief else nullcontext()
        return self._lock

    def write_run(self, complete: bool = False, **facts):
        """Writes `run.json`."""
        write_json(self.folder / RUN_FILE, self._facts | self.course.to_dict() | {"complete": complete} | facts)

    def _fit_stage(self, index: int, calls: keras.callbacks.CallbackList, interruption: Interruption):
        task, optimization, unroll, start = self.task, self.optimization, self.plan.stages[index].unroll, self.step
        if self._streams[0] != index:  # it is the same again where the training was taken up
            # the stream of each stage is numbered by the iterations of the whole run, so that it can start anywhere
            self._streams = index, Streams(task, unroll, self.seed + 1000 * index, self.simulations, optimization)
        streams: Streams = self._streams[1]
        epoch, shown = self.step // self.epoch_length, task.unrolled(unroll)
        self.losses, norms = [], []
        calls.on_epoch_begin(epoch)
        begin = None
        for k, given in streams.batches(self.plan.batch, start):
            if begin is None or not streams.compiled[k]:  # what is compiled counts for no budget
                streams.gradients_of(k, given)
                begin = time.perf_counter()
            gradients_of, member = streams.gradients_of(k, given), streams.tasks[k]
            calls.on_train_batch_begin(self.step)
            rate = self.plan.rate(self.progress) * LOWER ** len(self.course.recoveries)
            optimization.optimizer.learning_rate = rate
            now = time.perf_counter()
            seconds, begin = tf.constant(now - begin, tf.float64), now
            loss, norm, seconds, gradients, parts = gradients_of(*given, seconds)
            loss, norm = float(loss) / member.terms(unroll), float(norm) / optimization.scale
            # too large a scale is float16's own affair
            if not np.isfinite(loss) or (not np.isfinite(norm) and optimization.scale <= 1):
                parts, numbers = (np.asarray(self.strategy.gather(v, axis=0)) for v in (parts, given[-1]))
                raise NotFinite(cause(loss, parts, numbers, member, unroll, streams.windows[k], self.step + 1))
            optimization.apply(gradients)
            self._clock.assign_add(seconds)
            self._step.assign_add(1)
            changes = self.progress < 1 and self.plan.stage(self.progress) != index
            if changes:
                optimization.renew()  # before anything is saved, so that a run resumed here goes on like this one
            self.losses.append(loss)
            norms.append(norm)
            logs = {"loss": float(np.mean(self.losses)), "gradient_norm": float(np.mean(norms)), "unroll": shown}
            logs |= {"learning_rate": rate, "progress": self.progress, "step": self.step, "seconds": self.seconds}
            calls.on_train_batch_end(self.step - 1, logs)
            ends = self.progress >= 1 or changes or task.model.stop_training
            if self.step % self.epoch_length == 0 or ends:
                calls.on_epoch_end(epoch, logs)
                self.losses, norms, epoch = [], [], self.step // self.epoch_length
                if ends or task.model.stop_training:
                    return
                calls.on_epoch_begin(epoch)
            interruption.check()

    def save(self):
        """Writes the model as it is now: into the run's folder, or beside the best one if there is one."""
        with self.optimization.averaged(self.step > 0):
            if self.validator:
                self._save(self.folder / LAST, "last")
            if not self.validator or not int(self.validator.best_step):
                self._save(self.folder, "last")

    def save_best(self):
        """Writes the model as it is now as the best one."""
        if self.chief:
            facts = {"val_errors": dict(self.task.errors)} if self.task.errors else {}
            self._save(self.folder, "best on validation", val_error=float(self.validator.best), **facts)

    def _save(self, folder: Path, kind: str, **facts):
        self.task.save(folder, chosen={"kind": kind, "step": self.step, "averaged": self.plan.ema is not None} | facts)
