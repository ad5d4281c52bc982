"""The one training loop: a distributed `tf.data` set, a compiled step, and Keras callbacks."""

import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..correctors import Corrector
from ..data.dataset import Dataset
from ..data.statistics import Statistics
from ..data.store import check_no_file_in_the_way, first_difference, read_json, versions, write_json
from ..errors import DivergedError, InputError, MissingError
from ..hybrid import HybridSolver
from ..stepping import array_names, compile_whole
from .callbacks import Checkpoints
from .methods import REMAT_FROM, Method, make_method
from .plan import Plan, Stage
from .windows import windows

RUN_FILE = "run.json"
EPOCH = 50  # iterations between two calls of the epoch callbacks


class Trainer:
    """
    Trains a corrector inside the loop of its source solver.

    A run lives in a folder: `run.json` (what is trained, how, on which data), `checkpoints/` (weights, optimizer state
    and position, so that a resumed run goes on exactly), `log.csv`, and the corrector itself.

    Attributes:
        corrector: The corrector; its network is being trained.
        step: Iterations done.
    """

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
    ):
        """
        Args:
            data: Training simulations.
            folder: Folder of the run.
            plan: Stages, batch size, learning rate and length of the training.
            method: How to train, or a name for `make_method`. The plan's stages say how many steps are unrolled.
            network: Name of a network.
            correct: Fields that the corrector corrects.
            seed: Seed of weights and data order.
            scene: Name of the scene, for the record.
            resume: Goes on with the run in `folder`, with the plan that it was started with.
            remat: Whether gradients compute the network's activations again (see `HybridSolver`); None: from SOL-64 on.

        Raises:
            InputError: if `folder` is in use and `resume` is false, or holds another run; if the frames are too few.
            MissingError: if there is nothing to resume.
        """
        self.data, self.folder, self.plan, self.seed = data, Path(folder), plan, seed
        self.flow = data.pair.source
        longest = max(s.unroll for s in plan.stages)
        method = (make_method(method) if isinstance(method, str) else method).at(longest)
        if method.frames > data.frames:
            raise InputError(f"{method} needs simulations of at least {method.frames} frames, but these have {data.frames}.")
        method.loss.check_fields(correct)
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
        names = [n for n in array_names(self.flow) if n.partition(".")[0] in correct]
        self._check_folder(config, resume)
        self.methods = [method.at(s.unroll) for s in self.plan.stages]  # a resumed run has its own plan
        self.targets = method.targets(data, correct)
        statistics = Statistics.of(data.arrays, method.corrections(data, names), data.parameters)
        self.corrector = Corrector.create(self.flow, network, statistics, correct, seed, method.placement, method.project)
        self.corrector.description |= config | {"versions": versions()}
        self.hybrid = HybridSolver(self.flow, self.corrector, longest >= REMAT_FROM if remat is None else remat)
        self.optimizer = keras.optimizers.Adam(plan.learning_rate)
        self.optimizer.build(self.network.trainable_variables)
        self.clock = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.checkpoints = Checkpoints(self)
        if resume and not self.checkpoints.restore() and self.checkpoints.manager.checkpoints:
            raise InputError(f"No checkpoint in {self.folder / 'checkpoints'} can be read: remove the run or name another folder with --out.")
        self._run = config | {"plan": self.plan.to_dict(), "versions": versions(), "complete": False}

    @property
    def network(self) -> keras.Model:
        return self.corrector.network

    @property
    def step(self) -> int:
        return int(self.optimizer.iterations)

    @property
    def progress(self) -> float:
        """Fraction of the training that is done, 0 to 1."""
        return self.plan.progress(self.step, float(self.clock))

    @property
    def stage(self) -> Stage:
        return self.plan.stages[self.plan.stage(self.progress)]

    def _check_folder(self, config: dict, resume: bool):
        path = self.folder / RUN_FILE
        check_no_file_in_the_way(self.folder, "Name another folder with --out.")
        if resume:
            if not path.is_file():
                raise MissingError(f"There is no run to resume in {self.folder}.")
            run = read_json(path)
            difference = first_difference({k: run.get(k) for k in config}, config)
            if difference:
                raise InputError(f"{self.folder} holds another run: {difference}. Name another folder with --out.")
            self.plan = Plan.from_dict(run["plan"])
        elif self.folder.is_dir() and any(self.folder.iterdir()):
            advice = "--resume goes on with it" if path.is_file() else "it is not a run of phi_sol"
            raise InputError(f"{self.folder} is in use ({advice}): name another folder with --out, or remove it.")

    def fit(self, callbacks: Sequence[keras.callbacks.Callback] = ()) -> Corrector:
        """
        Trains to the end of the plan, or goes on with it.

        Args:
            callbacks: Keras callbacks. An epoch is 50 iterations; logs hold `loss` (mean per unrolled step), `unroll`,
                `learning_rate` and `progress`.

        Returns:
            The trained corrector, which is also in the run's folder.

        Raises:
            DivergedError: if the loss is no longer finite. The last checkpoint stays.
            KeyboardInterrupt: if interrupted; a checkpoint has been written then.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / RUN_FILE, self._run)
        logger = keras.callbacks.CSVLogger(str(self.folder / "log.csv"), append=True)
        calls = keras.callbacks.CallbackList([self.checkpoints, logger, *callbacks], model=self.network)
        self.network.stop_training = False  # what EarlyStopping and TerminateOnNaN set
        calls.on_train_begin()
        try:
            while self.progress < 1 and not self.network.stop_training:
                self._fit_stage(self.plan.stage(self.progress), calls)
        except KeyboardInterrupt:
            self.checkpoints.save()
            raise
        calls.on_train_end()
        if self.progress >= 1:
            write_json(self.folder / RUN_FILE, self._run | {"complete": True, "steps_done": self.step, "seconds": float(self.clock)})
        return self.corrector

    def _fit_stage(self, index: int, calls: keras.callbacks.CallbackList):
        method, batch = self.methods[index], self.plan.batch
        train_step = self._compile(method)
        # the stream of each stage is numbered by the iterations of the whole run, so that it can start anywhere
        seed = self.seed + 1000 * index
        stream = windows(self.data, method.frames + 1, batch, seed, self.step, 2**31, array_names(self.flow), self.targets)
        losses, epoch = [], self.step // EPOCH
        calls.on_epoch_begin(epoch)
        begin = time.perf_counter()
        for window, parameters, numbers in tf.distribute.get_strategy().experimental_distribute_dataset(stream):
            calls.on_train_batch_begin(self.step)
            progress = self.progress
            self.optimizer.learning_rate.assign(self.plan.rate(progress))
            loss = float(train_step(window, parameters, numbers)) / method.unroll
            if not np.isfinite(loss):
                raise DivergedError(f"The loss is {loss} at iteration {self.step} ({method}). The last checkpoint is in {self.folder}.")
            losses.append(loss)
            now = time.perf_counter()
            self.clock.assign_add(now - begin)
            begin = now
            logs = {"loss": float(np.mean(losses)), "unroll": method.unroll, "learning_rate": self.plan.rate(progress), "progress": self.progress}
            calls.on_train_batch_end(self.step - 1, logs)
            ends = self.progress >= 1 or self.plan.stage(self.progress) != index or self.network.stop_training
            if self.step % EPOCH == 0 or ends:
                calls.on_epoch_end(epoch, logs)
                losses, epoch = [], self.step // EPOCH
                if ends or self.network.stop_training:
                    return
                calls.on_epoch_begin(epoch)

    def _compile(self, method: Method):
        strategy, variables = tf.distribute.get_strategy(), self.network.trainable_variables
        dt = tf.constant(self.flow.dt, tf.float32)

        def replica_step(window, parameters, numbers):
            with tf.GradientTape() as tape:
                losses = method.losses(self.hybrid, window, parameters, dt, numbers)
                loss = tf.reduce_sum(tf.reduce_mean(losses, 0)) / strategy.num_replicas_in_sync
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return loss

        def train_step(window, parameters, numbers):
            return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(replica_step, (window, parameters, numbers)), axis=None)

        return tf.function(train_step, autograph=False, jit_compile=compile_whole())
