"""Ways to train a guess: what its loss is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import tensorflow as tf
from phi.tf import TENSORFLOW

from ...arguments import check_fields
from ...correctors.guess import PoissonGuess
from ...errors import InputError, integer, quoted, suggestion
from ...flows import Flow
from ...kernels.compiled import Arrays, differentiable
from ...pressure.cg import Recurrence, fixed_steps

METHODS = {
    "non": "supervised by the solution",
    "phy": "smallest residual of the guess",
    "sol": "smallest distance between the guess and what k steps of conjugate gradients make of it",
    "sol-phy": "smallest residual after k steps of conjugate gradients from the guess",
}
WITH_SOLVER = ("sol", "sol-phy")


@dataclass(frozen=True)
class PoissonMethod:
    """
    One way to train a guess p of the solution p* of `K p = b`, K = -∇², with CG_k(p) the k-th iterate of conjugate
    gradients that start at p, and <.> the mean over cells:

        NON        <(p - p*)²>
        PHY        <(b - K p)²>
        SOL-k      <(p - CG_k(p))²>
        SOL-PHY-k  <(b - K CG_k(p))²>

    Every sample's loss is divided by what it is for p = 0, so that an untrained guess has the loss one and small
    right-hand sides count as much as large ones. The gradient passes all k steps and both terms of SOL.

    In terms of the residual r = b - K p of the guess, `CG_k(p) - p = q(K) r` with a polynomial q of degree k - 1 that
    depends on r, and `b - K CG_k(p) = (1 - K q(K)) r`: SOL is between PHY (q constant) and NON (q = K⁻¹); SOL-PHY
    counts what the solver will not remove.

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), appendix B.4; SOL-PHY: R. Brand,
    github.com/tum-pbs/CG-Solver-in-the-Loop.

    Attributes:
        name: A key of `METHODS`.
        unroll: Steps k of conjugate gradients inside the loss; 1 where there are none.

    Examples:
        >>> ps.PoissonMethod("sol", 4)
        PoissonMethod(name='sol', unroll=4)
    """

    name: str
    unroll: int = 1

    def __post_init__(self):
        check_fields(self)
        if self.name not in METHODS:
            hint = suggestion(self.name, METHODS)
            raise InputError(
                f"Unknown method {quoted(self.name)} for a Poisson problem.{hint} Known: {', '.join(METHODS)}."
            )
        steps = integer("The number of steps of conjugate gradients in a loss", self.unroll, 1)
        object.__setattr__(self, "unroll", steps if self.name in WITH_SOLVER else 1)

    def at(self, unroll: int) -> "PoissonMethod":
        """The same method with another number of steps in the solver (those without solver stay as they are)."""
        return replace(self, unroll=unroll)

    def to_dict(self) -> dict:
        """JSON-ready."""
        return asdict(self)

    def __str__(self):
        return f"{self.name.upper()}{f'-{self.unroll}' if self.name in WITH_SOLVER else ''}"

    def losses(self, problem: "GuessProblem", window: Arrays) -> tf.Tensor:
        """
        The losses of a batch, shape (batch, 1), from windows of `divergence` and `pressure`, shape (batch, 2,
        *spatial), of which the second frame is used.
        """
        b = -window["divergence"][:, 1]
        p = problem.guess.native(b)
        if self.name == "non":
            solution = window["pressure"][:, 1]
            return tf.math.divide_no_nan(_mean_square(p - solution), _mean_square(solution))[:, None]
        return problem.solver_loss(self.name, self.unroll)(p, b)[0][:, None]


class GuessProblem:
    """The guess that is trained together with the operator of its flow's pressure."""

    def __init__(self, flow: Flow, guess: PoissonGuess):
        guess.check_flow(flow)
        self.flow, self.guess, self.operator = flow, guess, flow.projection.solver.operator
        self._losses = {}

    def solver_loss(self, name: str, steps: int) -> Callable:
        """The loss of a method that applies the operator: a function of (p, b), one compiled unit with its gradient."""
        if (name, steps) not in self._losses:
            recurrence = Recurrence(TENSORFLOW, lambda p: self.operator(TENSORFLOW, p))

            def error(p, b):
                if name == "phy":
                    return _mean_square(b - recurrence.operator(p))
                after = fixed_steps(recurrence, b, p, steps)
                return _mean_square(p - after if name == "sol" else b - recurrence.operator(after))

            def loss(p, b):
                b = tf.stop_gradient(b)
                return [tf.math.divide_no_nan(error(p, b), error(tf.zeros_like(b), b))]

            self._losses[name, steps] = differentiable(loss)
        return self._losses[name, steps]


def _mean_square(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(x), list(range(1, x.shape.rank)))
