"""What a physics-informed network gives: a solution of some simulations, its file, and a solver that follows it."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import tensorflow as tf

from ...correctors.files import LARGEST, check_trained_for
from ...displays import Displayed
from ...errors import InputError, MissingError
from ...files import check_unpacked, checksum, read_arrays, reading, write_arrays
from ...flows import Flow
from ...kernels.compiled import Arrays
from ...kernels.settings import compile_whole
from ...places import check_place
from ...stepping.solver import Solver
from ...storage.schemas import SOLUTION
from .coordinates import feature_count
from .equations import Equations

FILE, KIND = "pinn.npz", "neural solution"
ELAPSED, SIMULATION = "elapsed", "simulation"
CLOSE = 1e-4  # how near a state must be to a start, relative to the speed


class Solution(Displayed):
    """
    The solution of some simulations as networks of time and place, one for each.

    Attributes:
        weights: Of all networks, see `coordinates.initial_weights`.
        starts: The states that they start from, by array name, shape (simulations, *spatial).
        speed: Unit of the velocity.
        horizon: Units of time that were trained for; later times are extrapolated.
        description: JSON-ready facts: the flow's configuration, how it was trained and the like.
    """

    def __init__(
        self,
        weights: list[np.ndarray],
        starts: dict[str, np.ndarray],
        speed: float,
        horizon: float,
        *,
        description: dict,
    ):
        self.weights, self.starts, self.speed, self.horizon = weights, starts, speed, horizon
        self.description = description

    def __len__(self) -> int:
        return len(self.weights[0])

    def _told(self) -> dict:
        flow, count = self.description["flow"].get("type", ""), sum(w[0].size for w in self.weights)
        return {"flow": flow, "simulations": len(self), "up to": f"{self.horizon:g}", "parameters of each": count}

    def __repr__(self):
        count, type = sum(w[0].size for w in self.weights), self.description["flow"].get("type", "")
        return f"Solution({len(self)} simulations of {type} up to {self.horizon:g}, {count} parameters each)"

    def check_flow(self, flow: Flow):
        """Raises InputError if it is one of another flow or grid."""
        check_trained_for(flow, self.description, "solution")

    def solver_for(self, flow: Flow, strict: bool = True) -> "SolutionSolver":
        """It as a solver of a flow's states; errors as `check_flow`, `strict` or not."""
        return SolutionSolver(flow, self)

    def save(self, folder: str | Path):
        """Writes `pinn.npz` into a folder, as a whole."""
        check_place(Path(folder), "Name another folder.")
        Path(folder).mkdir(parents=True, exist_ok=True)
        arrays = {f"weight_{i:02d}": w for i, w in enumerate(self.weights)}
        arrays |= {f"start_{n}": a for n, a in self.starts.items()}
        about = self.description | {"kind": KIND, "speed": self.speed, "horizon": self.horizon}
        write_arrays(Path(folder) / FILE, arrays, about)

    @staticmethod
    def load(folder: str | Path) -> "Solution":
        """Reads what `save` wrote. Raises MissingError if there is none, InputError if it is damaged."""
        path = Path(folder) / FILE
        if not path.is_file():
            raise MissingError(f"There is no {KIND} in {folder}: train one first ('phi-sol train --method pinn').")
        with reading(path, ": copy it once more, or train again"), ZipFile(path) as file:
            check_unpacked(file, LARGEST, f"{path} is too large for a {KIND}")
        about, arrays = read_arrays(path, KIND)
        if wrong := SOLUTION.violation(about):
            raise InputError(f"{path} is damaged ({wrong}): {SOLUTION.advice}.")
        speed, horizon = (float(about.pop(n)) for n in ("speed", "horizon"))
        about.pop("kind")
        weights = [arrays[n] for n in sorted(arrays) if n.startswith("weight_")]
        starts = {n.removeprefix("start_"): a for n, a in arrays.items() if n.startswith("start_")}
        axes = len(about["flow"].get("resolution", {}))
        _check_shapes(path, weights, starts, axes)
        return Solution(weights, starts, speed, horizon, description=about)


def _check_shapes(path: Path, weights: list[np.ndarray], starts: dict[str, np.ndarray], axes: int):
    """Raises InputError if weights do not fit one another, or as many starts."""
    known = [*weights, *starts.values()]
    fits = len(weights) >= 2 and len(starts) == axes and len({len(a) if a.ndim else 0 for a in known}) == 1
    fits = fits and all(a.dtype == np.float32 and np.isfinite(a).all() for a in known)
    before = feature_count(axes)
    for weight, bias in zip(weights[::2], weights[1::2], strict=False):
        fits = fits and weight.ndim == 3 and weight.shape[1] == before and bias.shape == weight.shape[::2]
        before = weight.shape[-1]
    if not fits or len(weights) % 2 or before != axes + 1:
        raise InputError(f"{path} is damaged (shapes that do not fit): {SOLUTION.advice}.")


class SolutionSolver(Solver):
    """
    Follows a `Solution` from the start of one of its simulations: each step evaluates the network at the next time,
    whatever the state is, so that errors do not add up. It can't start from any other state.

    Attributes:
        solution: The solution.
    """

    def __init__(self, flow: Flow, solution: Solution):
        """Raises InputError if the solution is one of another flow."""
        solution.check_flow(flow)
        self.flow, self.dt, self.solution = flow, flow.dt, solution
        self.equations = Equations(flow, solution.speed, solution.horizon)
        self.description = solution.description
        self.jit_compile = compile_whole()
        shapes = [w.shape[1:] for w in solution.weights]
        self.measured = f"{type(self).__name__}, {flow}, {shapes}"

    def config(self) -> dict:
        return super().config() | {"solution": checksum({str(i): w for i, w in enumerate(self.solution.weights)})}

    def check_start(self, arrays: dict, parameters: dict, dt: float):
        """Nothing is stepped that could be unstable."""

    def begin(self, arrays: dict) -> dict:
        """Arrays with the time since the start and the number of the simulation. InputError for other states."""
        if ELAPSED in arrays:
            return dict(arrays)
        starts, batch = self.solution.starts, len(next(iter(arrays.values())))
        far: Any = np.zeros((batch, len(self.solution)))
        for name, known in starts.items():
            given = np.asarray(arrays[name])[:, None]
            far = np.maximum(far, np.abs(given - known).reshape(*far.shape, -1).max(2))
        if not (far.min(1) <= CLOSE * self.solution.speed).all():
            rule = f"follows the {len(self.solution)} simulations that it was trained for, from their starts"
            raise InputError(f"A neural solution (pinn) {rule}: none of them starts from this state.")
        dtype = tf.as_dtype(next(iter(arrays.values())).dtype)
        more = {ELAPSED: tf.zeros([batch], dtype), SIMULATION: tf.constant(far.argmin(1), tf.int32)}
        return dict(arrays) | more

    def __call__(self, arrays: dict, parameters: dict, dt: Any = None) -> dict:
        return super().__call__(self.begin(arrays), parameters, dt)

    def keep(self, arrays: dict, parameters: dict) -> dict:
        return {n: a for n, a in arrays.items() if n not in (ELAPSED, SIMULATION)}

    def advance(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> Arrays:
        time = arrays[ELAPSED] + dt
        weights = [tf.gather(tf.constant(w), arrays[SIMULATION]) for w in self.solution.weights]
        after = self.equations.arrays(weights, tf.cast(time[0], tf.float32) / self.solution.horizon)
        after = {n: tf.cast(a, arrays[n].dtype) for n, a in after.items()}
        return after | {ELAPSED: time, SIMULATION: arrays[SIMULATION]}

    def __repr__(self):
        return f"SolutionSolver({self.flow}, {self.solution})"
