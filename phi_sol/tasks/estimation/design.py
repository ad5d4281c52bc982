"""Design and control: the unknowns that make a quantity of a simulation least."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...arguments import checked
from ...errors import InputError, integer
from ...progress import Show
from ...stepping.adjoint import flattened
from ...stepping.solver import Solver
from ...stepping.state import State
from .estimate import Found, rows_of
from .quantities import Quantity
from .search import Search
from .unknowns import Unknown


@dataclass(kw_only=True, repr=False)
class Optimum(Found):
    """
    What a design found, with what `Found` has; its `history` is of the quantity and priors.

    Attributes:
        values: By name of the unknown, in its own units.
        quantity: The mean of the quantity, with the best of them.
        before: The same, where the search began.
    """

    values: dict[str, Any]
    quantity: float
    before: float

    def _told(self) -> dict:
        return {"quantity": float(self.quantity), "before": float(self.before)}

    def _rows(self) -> list[tuple[str, str, str]]:
        return rows_of(self.values)

    def __repr__(self):
        parts = [f"{n} = {v:.6g}" if isinstance(v, float) else n for n, v in self.values.items()]
        return f"Optimum({', '.join(parts)}; {self.before:.6g} -> {self.quantity:.6g})"


class Design(Search):
    """
    Finds the unknowns x of a simulation that make the mean of a quantity q over times (and simulations) least:

        1/K Σ_k q(s(t_k; x)) + ½ Σ ((x_j - m_j) / p_j)²

    with s the solver's rollout from the state that x gives, and priors of mean m and deviation p, if there are some,
    which say what a change costs. By L-BFGS-B, or an optimizer of Keras, with gradients through all steps.

    Examples:
        >>> push = lambda state: math.mean(state.velocity.vector["x"].values ** 2)
        >>> ps.Design(flow, start, "reynolds", push, steps=4)
        Design(reynolds of WakeFlow(y=16, x=8, dt=1, advection='semi_lagrangian'))
    """

    what = "design"

    @checked
    def __init__(
        self,
        solver: Solver,
        state: State,
        unknowns: Sequence | Unknown | str,
        quantity: Callable,
        *,
        steps: int,
        every: int = 1,
        after: int = 0,
    ):
        """
        Args:
            solver: A flow, or whatever steps states.
            state: The start, in which the unknowns are replaced; its values are where the search begins.
            unknowns: As for `Estimation`.
            quantity: Of a `State`: a number, as a tensor of PhiML or TensorFlow without dimensions but the batch. It
                gets the states of many times at once, as one batch.
            steps: Of the simulation.
            every: The quantity is taken every so many steps,
            after: from this step on.

        Raises:
            InputError: for numbers that are not possible, unknowns that the flow does not have, and a quantity that is
                none.
        """
        super().__init__(solver, state, unknowns)
        steps, every = integer("The steps of a design", steps, 1), integer("every of a design", every, 1)
        after = integer("after of a design", after, 0)
        self._frames = [s for s in range(every, steps + 1, every) if s > after]
        if not self._frames:
            raise InputError(f"The quantity is never taken in {steps} steps with every={every}, after={after}.")
        self.quantity = quantity
        self._quantity = Quantity("The quantity of a design", solver.output, quantity)

    def __repr__(self):
        return f"Design({', '.join(u.name for u in self.unknowns)} of {self.solver})"

    def cost(self, x: np.ndarray, show: Callable[[int, int], None]) -> tuple[float, np.ndarray]:
        def of_frames(frames: list[int], kept: dict, parameters: dict):
            values = self._quantity(*flattened(kept, parameters))
            if values.shape[1] != 1:
                raise InputError(f"The quantity of a design is one number, not {values.shape[1]}.")
            return tf.reduce_mean(tf.cast(values, tf.float64)) * (len(frames) / len(self._frames))

        return self.simulation.gradient(x, self._frames, of_frames, show)

    @checked
    def fit(
        self,
        iterations: int = 50,
        method: Any = "l-bfgs",
        *,
        starts: int = 1,
        seed: int = 0,
        folder: str | Path | None = None,
        resume: bool = False,
        progress: bool | Show = True,
    ) -> Optimum:
        """
        Searches. Interrupted by Ctrl-C it returns the best point so far. Arguments and errors as of `Estimation.fit`;
        the methods are `l-bfgs` and the optimizers of Keras.
        """
        nothing = lambda done, total: None  # noqa: E731
        before = self.cost(self.simulation.begin, nothing)[0]
        track = self._find(iterations, method, starts, seed, None if folder is None else Path(folder), resume, progress)
        x = track.x
        quantity = self.cost(x, nothing)[0]
        return Optimum(
            values=self.simulation.values(x),
            quantity=quantity,
            before=before,
            history=track.history,
            gradients=track.gradients,
            x=x,
            state=self.simulation.state(x),
            message=track.message,
            _solver=self.solver,
        )
