"""The task of solving simulations by physics-informed networks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...errors import InputError
from ...kernels.compiled import Arrays
from ...kernels.settings import traced
from ...stepping.solver import Solver
from ...storage.dataset import Dataset
from ...training.plan import Stage
from ...training.task import Setting, Task
from ..correction.validation import rollout_error
from .coordinates import DEPTH, WAVES, WIDTH, initial_weights
from .equations import Equations, check_known
from .solution import FILE, KIND, Solution, SolutionSolver

POINTS, FACES = 64, 32  # of each window: where the equations are asked for, and the start along each axis
START = 20.0  # weight of the start


class Pinn(Task):
    """
    Trains networks u(t, x), p(t, x), one for each simulation, to fulfil its equations and to start as it does:

        loss = <|∂u/∂t + u·∇u + ∇p - ν ∇²u + μ u|² + (∇·u)²> + 20 Σ_c <(u_c(0, x) - u_c0)²>

    in units of the velocity at the start, at times and places that are drawn anew in every iteration. Of the recorded
    frames the first is all that is looked at, and how long they last: it is solved, not learned, so that the
    simulations to train for are those to be tested on, and others need a training of their own.

    Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019). Periodic features as in S. Dong,
    N. Ni, J. Comput. Phys. 435 (2021, arXiv:2007.07442).
    """

    name = "pinn"
    product = KIND
    files = (FILE,)
    methods = {"pinn": "no solver and no data: physics-informed networks, trained for the test simulations themselves"}

    def __init__(self, data: Dataset):
        """
        Args:
            data: The simulations to solve.

        Raises:
            InputError: for another flow than a `PeriodicBox` without a force.
        """
        super().__init__(data)
        check_known(self.flow)
        starts = {n: np.array(data.arrays[n][:, 0], np.float32) for n in self.flow.layouts["velocity"].arrays}
        speed = float(np.sqrt(np.mean([np.mean(np.square(a, dtype=np.float64)) for a in starts.values()]))) or 1.0
        self.equations = Equations(self.flow, speed, data.frames * self.flow.dt)
        self.starts, self.description = starts, {"flow": self.flow.config()}
        self._compiled = traced(self._losses)  # by XLA: a third of the time of TensorFlow's own kernels on a CPU
        self._variables: list[keras.Variable] = []

    def set_up(self, setting: Setting):
        count = len(self.data)
        if len(setting.simulations) < count:
            why = "each simulation has a network of its own, so that none can be held out"
            raise InputError(f"A neural solution is not validated ({why}): leave that out, or say simulations=0.")
        axes = self.equations.axes
        with setting.scope():
            weights = initial_weights(count, axes, axes + 1, setting.seed)
            self._variables = [keras.Variable(w, name=f"weight_{i:02d}") for i, w in enumerate(weights)]
        self._seed = setting.seed

    @property
    def variables(self) -> list:
        return self._variables

    @property
    def arrays(self) -> list[str]:
        return []  # no frame of a window is looked at

    def frames(self, unroll: int) -> int:
        return 0

    def losses(self, unroll: int, window: Arrays, parameters: Arrays, numbers: tf.Tensor) -> tf.Tensor:
        """Of each window those of all simulations, at points that are drawn from the number of the first window."""
        return self._compiled([tf.convert_to_tensor(v) for v in self._variables], numbers)

    def _losses(self, weights: list[tf.Tensor], numbers: tf.Tensor) -> tf.Tensor:
        windows = numbers.shape[0]
        axes, seed = self.equations.axes, tf.stack([tf.cast(numbers[0], tf.int64), tf.constant(self._seed, tf.int64)])
        drawn = tf.random.stateless_uniform([windows * POINTS, 1 + axes], seed)
        viscosity = tf.constant(self.data.parameters["viscosity"])
        squares = self.equations.residuals(weights, viscosity, drawn[:, 0], 2 * np.pi * drawn[:, 1:])
        total = tf.reduce_mean(tf.reshape(squares, [-1, windows, POINTS]), [0, 2])
        for k, (name, start) in enumerate(self.starts.items()):
            known, places = start.reshape(len(start), -1), self.equations.places[name]
            own = seed + tf.constant([0, 1000 * (k + 1)], tf.int64)
            chosen = tf.random.stateless_uniform([windows * FACES], own, 0, known.shape[1], tf.int32)
            found = self.equations.on_faces(weights, name, tf.constant(0.0), tf.gather(places, chosen, axis=1))
            wrong = tf.square((found - tf.gather(known, chosen, axis=1)) / self.equations.speed)
            total += START * tf.reduce_mean(tf.reshape(wrong, [-1, windows, FACES]), [0, 2])
        return total[:, None]

    def error(self, simulations: Sequence[int], frames: int) -> float:
        return rollout_error(
            SolutionSolver(self.flow, self._solution()), self.data, simulations, frames, [*self.starts]
        )

    def describe(self, unroll: int) -> dict:
        training = {"points": POINTS, "faces": FACES, "start": START, "waves": WAVES}
        network = f"mlp {DEPTH}x{WIDTH}"
        return {"task": self.name, "method": "pinn", "unroll": 1, "training": training, "network": network}

    def label(self, unroll: int) -> str:
        return "PINN"

    @property
    def summary(self) -> str:
        count = sum(int(np.prod(v.shape[1:])) for v in self._variables)
        return f"{len(self.data)} networks of {DEPTH} layers of {WIDTH} with {count} parameters each"

    def note(self, facts: dict):
        # the simulations are those that it is tested on: it has seen nothing of them but their starts
        self.description |= {"solves" if n == "data" else n: v for n, v in facts.items()} | {"correct": ["velocity"]}

    def _solution(self, **facts) -> Solution:
        weights, equations = [np.asarray(v) for v in self._variables], self.equations
        about: Any = self.description | facts
        return Solution(weights, self.starts, equations.speed, equations.horizon, description=about)

    def save(self, folder: Path, **facts):
        self._solution(**facts).save(folder)

    @classmethod
    def load(cls, folder: Path) -> Solution:
        return Solution.load(folder)

    @classmethod
    def stages(cls, method: str, unroll: int, shorter_first: bool = True) -> tuple[Stage, ...]:
        return (Stage(1, 1.0),)

    @classmethod
    def solver(cls, folder: Path, flow: Any, strict: bool = True) -> Solver:
        return Solution.load(folder).solver_for(flow)
