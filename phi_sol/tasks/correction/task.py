"""The task of correcting a source solver."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ...arguments import checked
from ...correctors import Corrector
from ...correctors.statistics import Statistics
from ...errors import InputError, quoted, suggestion
from ...evaluation.compare import of_corrections
from ...evaluation.evaluator import FRAMES, Evaluation, evaluate_corrections
from ...evaluation.milestones import end_key
from ...evaluation.paper import TABLE
from ...evaluation.tables import tables
from ...evaluation.timing import time_step
from ...evaluation.verdicts import verdicts
from ...kernels.compiled import Arrays
from ...solvers.hybrid import HybridSolver
from ...stepping.arrays import field_arrays
from ...storage.dataset import Dataset
from ...training.plan import Stage, curriculum
from ...training.task import Cost, Setting
from ..network import NetworkTask
from ..pinn.task import Pinn
from ..rehearsal import Rehearsal, median_seconds
from .least_squares import LeastSquares
from .losses import Loss
from .methods import CLOSED, METHODS, REMAT_FROM, SINGLE, SOLVERLESS, Method
from .precompute import one_step_corrections, target_shapes, targets
from .validation import rollout_error

REFERENCE = ("reference_error", "reference_simulations")  # options of an evaluation
LOSS = {"loss_weights": "fields", "gradient_loss": "gradient", "spectral_loss": "spectral", "step_weights": "steps"}
LOSS |= {"relative_loss": "relative"}


class Correction(NetworkTask):
    """
    Trains a network to correct a source solver, inside of its loop; what is trained is a `Corrector`. From `set_up` on
    there are `corrector` and `hybrid`, the source with it.

    Examples:
        >>> ps.Correction(data, "sol", "small")
        Correction(sol, of velocity, on Dataset(2 simulations of 12 frames, reynolds 150 to 600,...
    """

    name = "correction"
    product = "corrector"
    files = ("corrector.json", "corrector.keras")
    methods = METHODS
    measures = ("numerics", "schemes", "precision", "anyway", "series", "probes", *REFERENCE)

    @checked
    def __init__(
        self,
        data: Dataset,
        method: Method | str = "sol",
        network: str | keras.Model | Callable | Corrector = "resnet",
        *,
        correct: Sequence[str] = ("velocity",),
        remat: bool | None = None,
        frozen: bool = False,
    ):
        """
        Args:
            data: Training simulations, with those to be held out.
            method: How to train, or its name. The plan's stages say how many steps are unrolled.
            network: Name of a network, or a network or builder of your own, see `Corrector.create`; or a trained
                `Corrector`, whose network is trained on, with its weights and its normalisation.
            correct: Fields that the corrector corrects.
            remat: Whether gradients compute the network's activations again (see `HybridSolver`); None: from SOL-64 on.
            frozen: Whether only the last layer of a trained network is trained, on features that stay as they are.

        Raises:
            InputError: for an unknown method, fields that can't be corrected, or a loss that weighs other fields. In
                `set_up`: for a trained corrector of other fields, parameters or placement.
        """
        super().__init__(data)
        self.method = Method(method) if isinstance(method, str) else method
        self.take(network, Corrector)
        self.correct, self.remat, self.frozen = tuple(correct), remat, frozen
        if frozen and self.start is None:
            raise InputError("Only a network that was trained before can be frozen: give a corrector to start from.")
        self.local = self.start is None or self.start.is_local or not self.start.scale_free  # units that it has learned
        free = [f for f in self.flow.fields if f not in self.flow.prescribed]
        for field in self.correct:
            if field not in free:
                raise InputError(
                    f"{type(self.flow).__name__} has no {quoted(field)} to correct, but {', '.join(free)}."
                )
        self.method.loss.check_fields(self.correct)
        if self.start is not None and self.start.scale_free != self.method.scale_free:
            kind, advice = (
                ("a scale-free", "ask for one") if self.start.scale_free else ("no scale-free", "leave it out")
            )
            raise InputError(
                f"The training can't start from these weights, of {kind} corrector: {advice} (scale_free)."
            )

    def set_up(self, setting: Setting):
        self.method = replace(self.method, seed=self.method.seed or setting.seed)
        method, data, used = self.method.at(setting.longest), self.data, list(setting.simulations)
        names = [n for f in self.correct for n in field_arrays(self.flow, f)]
        self._targets, corrections = {}, {n: np.ones(1) for n in names}
        if not setting.rehearsal:
            if method.supervised:
                self._targets = targets(data, self.correct, method.temporal, setting.show)
            alone = method.name in SOLVERLESS
            corrections = one_step_corrections(data, names, from_state=alone, simulations=used)
        elif method.supervised:
            shapes = target_shapes(data, self.correct)
            self._targets = {n: np.zeros(shape, np.float32) for n, shape in shapes.items()}
        parameters = {n: v[used] for n, v in data.parameters.items() if n not in self.flow.signed}
        statistics = Statistics.of(data.moments(used), corrections, parameters)
        how: dict = dict(seed=setting.seed, policy=setting.precision, correct=self.correct)
        how |= dict(placement=method.placement, project=method.project, form=method.form)
        how |= dict(integrator=method.integrator, scale_free=method.scale_free, local=self.local)
        with setting.scope():
            network = self.begun(setting.precision)
            self.corrector = self.trained = Corrector.create(self.flow, network, statistics, **how)
        if self.start:
            self.corrector.take_over(self.start)
        if not setting.rehearsal:
            self.corrector.watch(self.flow, data.arrays, data.parameters, used)
        remat = setting.longest >= REMAT_FROM if self.remat is None else self.remat
        self.hybrid = HybridSolver(self.flow, self.trained, remat)

    def __repr__(self):
        return f"Correction({self.method.name}, of {', '.join(self.correct)}, on {self.data})"

    @property
    def extra(self) -> dict[str, np.ndarray]:
        return self._targets

    def frames(self, unroll: int) -> int:
        method = self.method.at(unroll)
        return method.push_forward + method.unroll

    def terms(self, unroll: int) -> int:
        return self.method.at(unroll).unroll

    def losses(self, unroll: int, window: Arrays, parameters: Arrays, numbers: tf.Tensor) -> tf.Tensor:
        dt = tf.constant(self.flow.dt, tf.float32)
        return self.method.at(unroll).losses(self.hybrid, window, parameters, dt, numbers=numbers)

    def error(self, simulations: Sequence[int], frames: int) -> float:
        """That of the hybrid solver's rollouts: MAE of the velocity, or of all that is corrected without one."""
        outputs = self.trained.outputs
        names = [n for n in outputs if n.startswith("velocity")] or list(outputs)
        return rollout_error(self.hybrid, self.data, simulations, frames, names)

    @classmethod
    def load(cls, folder: Path) -> Corrector:
        return Corrector.load(folder)

    # --- what commands ask of the class ---

    @classmethod
    def create(cls, experiment, data, *, method="sol", unroll=1, network=None, **how) -> "Correction":
        given = {LOSS[n]: how.pop(n) for n in LOSS if n in how}
        loss = Loss.of(how.pop("loss", None) or experiment.schedule.loss, experiment.schedule.relative)
        loss = replace(loss, gradient=loss.gradient or experiment.schedule.gradient_loss)
        loss = replace(loss, **{n: getattr(Loss.parse(**given), n) for n in given})
        remat, frozen = how.pop("remat", None), how.pop("frozen", None) or False
        network = network or experiment.schedule.network
        if isinstance(network, Corrector):  # it goes on as what it is
            how = {"scale_free": network.scale_free, "form": network.form} | how
        known = {n: how.pop(n) for n in list(how) if n in Method.__dataclass_fields__}
        cls.refuse(experiment, how)
        if method in CLOSED and "placement" not in known:
            known.setdefault("form", experiment.schedule.form)
        if method not in SINGLE:
            usual = Method("sol", experiment.schedule.unroll, push_forward=experiment.schedule.push_forward)
            known.setdefault("push_forward", usual.at(unroll).push_forward)
        chosen = Method(method, unroll, loss=loss, **known)
        return cls(data, chosen, network, correct=experiment.correct, remat=remat, frozen=frozen)

    @classmethod
    def together(cls, experiments, data, *, weights=None, **how) -> "Correction":
        from .shared import SharedCorrection

        given = {"scale_free": True, "relative_loss": True} | how
        first = cls.create(replace(experiments[0], correct=("velocity",)), data[0], **given)
        more: dict = {"weights": weights, "remat": first.remat, "frozen": first.frozen}
        parts = {e.name: d for e, d in zip(experiments, data, strict=True)}
        return SharedCorrection(parts, first.method, first.start or first.network, **more)

    @classmethod
    def stages(cls, method: str, unroll: int, shorter_first: bool = True) -> tuple[Stage, ...]:
        if method not in METHODS and isinstance(method, str):
            known = [*METHODS, *Pinn.methods]
            raise InputError(f"Unknown method {quoted(method)}.{suggestion(method, known)} Known: {', '.join(known)}.")
        unroll = Method(method, unroll).unroll
        return curriculum(unroll) if shorter_first else (Stage(unroll, 1.0),)

    @classmethod
    def solver(cls, folder: Path, flow, strict: bool = True) -> HybridSolver:
        return HybridSolver(flow, Corrector.load(folder), strict=strict)

    @classmethod
    def holds(cls, folder: Path) -> bool:
        """A corrector, or what is evaluated beside one: a solution by physics-informed networks."""
        return super().holds(folder) or Pinn.holds(folder)

    @classmethod
    def evaluate(cls, experiment, runs, data, out=None, **options) -> Evaluation:
        load = lambda folder: (Pinn if Pinn.holds(folder) else cls).load(folder)  # noqa: E731
        return evaluate_corrections(experiment, runs, data, out, load=load, **options)

    @classmethod
    def owns(cls, results: dict) -> bool:
        return super().owns(results) or "REF" in results.get("solvers", {})

    @classmethod
    def check_results(cls, results: dict):
        super().check_results(results)
        _ = results["solvers"]["SRC"]["mae"][end_key(results)], results["solvers"]["REF"], results["parameters"]

    # --- what a reproduction asks ---

    @classmethod
    def reproduced(cls, experiment) -> dict[str, float]:
        """PRE only where the paper has it or has no such scene; an iteration of SOL costs many of the others."""
        known = TABLE.get(experiment.name)
        return ({"pre": 1.0} if known is None or "PRE" in known.figures else {}) | {"non": 1.0, "sol": 4.0}

    def preparation(self, frames: int, reference_step: Callable[[], float]) -> list[Cost]:
        if not self.method.supervised:
            return []
        pair, count = self.data.pair, 2
        coarse, fine = (Rehearsal(pair, self.data.simulations, count, reference=r).start for r in (False, True))
        seconds = reference_step()
        for field in self.correct:
            names = field_arrays(self.flow, field)
            given = [[a[n] for n in names] for a in (coarse, fine)]
            seconds += median_seconds(partial(LeastSquares(pair, field), *given)) * len(self.data) / count
        return [Cost(f"corrections for PRE: {frames} frames of {1e3 * seconds:.3g} ms", frames * seconds)]

    @classmethod
    def evaluation_cost(cls, experiment, runs: int, frames: int, simulations: int) -> Cost:
        data = Rehearsal(experiment.pair, experiment.simulations("test"), simulations)
        task = cls(data, "non", experiment.schedule.network, correct=experiment.correct)  # type: ignore[arg-type]
        task.set_up(Setting(range(simulations), rehearsal=True))
        step = 1e-3 * time_step(task.hybrid, *data.tensors, seconds=0, steps=5)
        return Cost(f"rollouts of {runs} correctors, and the report", step * min(frames, FRAMES) * runs)

    tables = staticmethod(tables)
    verdicts = staticmethod(verdicts)
    compared = staticmethod(of_corrections)
