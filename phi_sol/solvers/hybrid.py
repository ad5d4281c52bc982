"""The hybrid solver: a step of any solver with a corrector after it, inside it, or in its place."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import tensorflow as tf

from ..errors import InputError, flag, quoted
from ..flows.runge_kutta import METHODS, march
from ..kernels.compiled import Arrays
from ..kernels.settings import compile_whole
from ..stepping.arrays import array_names
from ..stepping.solver import Solver
from .wrapped import Wrapped

PLACEMENTS = {
    "after": "the correction is added to the result of the source step",
    "inside": "the correction enters the source step as a force, before the projection",
    "instead": "there is no source step: the correction is added to the state itself",
    "rate": "there is no source step: the network is the rate of change of the state, in a Runge-Kutta method",
}
INTEGRATOR = "rk4"
"""The Runge-Kutta method of the placement `rate`, unless another one is named."""


Corrects = TypeVar("Corrects", bound="Correction")


class Correction(Protocol):
    """What a hybrid solver asks of a corrector (`phi_sol.Corrector` is one)."""

    @property
    def placement(self) -> str:
        """One of `PLACEMENTS`."""

    @property
    def project(self) -> bool:
        """Whether the corrected velocity is projected."""

    @property
    def integrator(self) -> str:
        """A name of `flows.runge_kutta.METHODS`; only the placement `rate` asks for it."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the arrays that are corrected."""

    @property
    def architecture(self) -> str:
        """What of the network decides how long it takes: its layers with the shapes of their weights."""

    @property
    def fingerprint(self) -> str:
        """Short hash of all that decides its corrections, weights included."""

    def check_flow(self, flow):
        """Raises InputError if the corrector does not belong to a flow."""

    def for_flow(self: Corrects, flow) -> Corrects:
        """The corrector for a flow that it was not trained for; InputError where that is impossible."""

    def on(self: Corrects, flow) -> Corrects:
        """The corrector with the grid of a flow."""

    def remark(self, flow, arrays: Arrays, parameters: Arrays) -> str:
        """A line about such a flow and inputs; nothing for those that it was trained for."""

    def __call__(self, arrays: Arrays, parameters: Arrays, weights: list[tf.Tensor] | None = None) -> Arrays:
        """The correction of each corrected array."""


class HybridSolver(Wrapped, Generic[Corrects]):
    """
    A solver with a corrector in its loop. With P the step of the solver (as a rule, of the source flow) and C the
    corrector, by the corrector's placement:

    - `after` (the paper): `s_{t+1} = P(s_t) + C(P(s_t))`;
    - `inside` (INC; Wei et al. 2025, arXiv:2511.12764): `s_{t+1} = P(s_t; C(s_t))`, the correction a force that is
      integrated by the step, before its projection, so that the result is divergence-free;
    - `instead` (PURE): `s_{t+1} = s_t + C(s_t)`. Fields that are not corrected (a passive marker, a forcing) still come
      from the source step;
    - `rate` (a neural ODE; Chen et al., NeurIPS 2018, arXiv:1806.07366): `ds/dt = C(s) / dt`, with dt the flow's time
      step, integrated by the Runge-Kutta method that the corrector says. Steps of any length can be taken. Fields that
      are not corrected come from the source step, for each stage from one of its length where the network sees them.

    With a corrector that says `project`, the corrected velocity is projected: also divergence-free, at the cost of one
    more pressure solve; with `rate` one for each stage, so that the network sees such velocities only.

    Called on native arrays it is one step that TensorFlow can differentiate, with respect to the state and the
    network's weights. `step` and `rollout` take and return PhiFlow states.

    Attributes:
        solver: What steps without the correction.
        corrector: The corrector.

    Examples:
        >>> ps.HybridSolver(scene.pair.source, ps.Corrector.load("runs/tiny/sol"))
        HybridSolver(WakeFlow(y=24, x=12, dt=1, advection='semi_lagrangian'), Corrector(small, 9...
    """

    _made_anew = ("loop", "_recomputed")

    def __init__(self, solver: Solver, corrector: Corrects, remat: bool = False, *, strict: bool = True):
        """
        Args:
            solver: The source flow, or any solver of its states.
            corrector: Corrector for this flow.
            remat: Whether a gradient computes the network's activations of each step again instead of keeping them
                (gradient checkpointing): a third more time, and memory that hardly grows with the number of steps.
            strict: Whether the corrector must have been trained for this very flow. If not, one for other obstacles,
                boundaries, parameters or numbers of cells is used as it is (`Corrector.for_flow`), and the first step
                or rollout says in a line (`remark`) what differs and how far the inputs are from those of the training.

        Raises:
            InputError: if the corrector was made for another flow, grid or dt (without `strict`: for other cells, dt,
                fields or parameters), or the solver can't take its placement.
        """
        if not isinstance(solver, Solver):
            raise InputError(f"A HybridSolver needs a flow or another solver, not {type(solver).__name__}.")
        if not (callable(corrector) and hasattr(corrector, "check_flow")) or isinstance(corrector, type):
            raise InputError(f"A HybridSolver needs a trained Corrector, not {quoted(corrector)}.")
        flow = solver.flow
        if strict:
            corrector.check_flow(flow)
        else:
            corrector = corrector.for_flow(flow)
        corrector = corrector.on(flow)
        rate = corrector.placement == "rate"
        check_placement(corrector.placement, corrector.project, solver, corrector.integrator if rate else None)
        super().__init__(solver)
        self.corrector, self.names = corrector, array_names(flow)
        self.remat, self.strict = flag("remat of a HybridSolver", remat), flag("strict of a HybridSolver", strict)
        self.jit_compile = compile_whole()
        placed = f"{corrector.placement} {corrector.integrator}" if rate else corrector.placement
        self.measured = f"{solver}, {placed}, {corrector.project}, {corrector.architecture}"

    @property
    def _advance(self) -> Callable:
        ways = {"after": self._after, "inside": self._inside, "instead": self._instead, "rate": self._integrated}
        return ways[self.corrector.placement]

    @cached_property
    def _recomputed(self) -> Callable:
        return tf.recompute_grad(self._advance)

    def config(self) -> dict:
        return super().config() | {"corrector": self.corrector.fingerprint}

    def remark(self, arrays: Arrays, parameters: Arrays) -> str:
        """The corrector's gain; and what differs where it was trained for another flow, or on other states."""
        return self.corrector.remark(self.flow, arrays, parameters)

    def check_dt(self, dt: float | None):
        """Raises InputError for another time step than the one that the corrector was trained with, but for a rate."""
        super().check_dt(dt)
        if self.corrector.placement != "rate" and dt is not None and abs(dt - self.dt) > 1e-6 * self.dt:
            raise InputError(f"The corrector was trained for another flow: dt is {self.dt:g} instead of {dt:g}.")

    def advance(
        self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None = None
    ) -> Arrays:
        """
        One hybrid step, for use inside a compiled function. Arguments as for `Solver.advance`, and the network's
        weights as tensors (`Corrector.weights`), which a gradient with `remat` or of a loop needs.
        """
        advance = self._recomputed if self.remat and weights is not None else self._advance
        return advance(arrays, parameters, dt, weights)

    def _after(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        return self._corrected(self.solver.advance(arrays, parameters, dt), parameters, weights)

    def _inside(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        advance: Callable = self.solver.advance  # of a solver that takes a correction
        return advance(arrays, parameters, dt, correction=self.corrector(arrays, parameters, weights))

    def _instead(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        return self._corrected(arrays, parameters, weights) | self._others(arrays, parameters, dt, self.names)

    def _integrated(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        seen = [n for n in self.names if n.partition(".")[0] in self.flow.inputs]

        def moved(found: Arrays, fraction: float, last: bool) -> Arrays:
            others = self._others(arrays, parameters, fraction * dt, self.names if last else seen)
            return self._constrained(arrays | found | others, parameters)

        rates = lambda stage: self.corrector(stage, parameters, weights)  # noqa: E731
        return march(self.corrector.integrator, arrays, rates, lambda stage: stage, moved, dt / self.dt)

    def _others(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, names: list[str]) -> Arrays:
        """What the source step makes of those of the named arrays that are not corrected, and what it leaves beside."""
        others = [n for n in names if n not in self.corrector.outputs]
        if not others:
            return {}
        only = {"only": others} if self.solver is self.flow else {}
        stepped = self.solver.advance(arrays, parameters, dt, **only)
        return {n: a for n, a in stepped.items() if n not in self.corrector.outputs}

    def _corrected(self, arrays: Arrays, parameters: Arrays, weights: list[tf.Tensor] | None) -> Arrays:
        corrections = self.corrector(arrays, parameters, weights)
        return self._constrained(arrays | {n: arrays[n] + c for n, c in corrections.items()}, parameters)

    def _constrained(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        return self.flow.compiled.project(arrays, parameters) if self.corrector.project else arrays

    def _told(self) -> dict:
        inside = getattr(self.corrector, "_told", dict)()
        return {"solver": repr(self.solver), "time step": self.dt, "output": repr(self.output)} | inside

    def __repr__(self):
        return f"HybridSolver({self.solver}, {self.corrector})"


def check_placement(placement: str, project: bool = False, solver: Solver | None = None, integrator: str | None = None):
    """
    Raises InputError for an unknown placement or integrator, or a placement that does not fit a projected result, an
    integrator or `solver`.
    """
    leave_out = "leave out the projection of the result"
    if placement not in PLACEMENTS:
        raise InputError(f"Unknown placement {quoted(placement)}. Known: {', '.join(PLACEMENTS)}.")
    if integrator is not None and placement != "rate":
        raise InputError(f"An integrator is for a neural ODE, the method node, not for a correction {placement}.")
    if integrator is not None and integrator not in METHODS:
        raise InputError(f"Unknown integrator {quoted(integrator)}. Known: {', '.join(METHODS)}.")
    if project and placement == "inside":
        raise InputError(f"A correction inside the step is projected by the step already: {leave_out}.")
    if solver is not None and placement == "inside" and not solver.takes_correction:
        name, own = type(solver).__name__, solver.flow is solver
        why = f"{name}.physics has no argument 'correction'" if own else f"a {name} takes no correction"
        raise InputError(f"{why}, so that nothing can be corrected inside of its step.")
    if solver is not None and project and not solver.flow.incompressible:
        name = type(solver.flow).__name__
        raise InputError(f"{name} has no pressure projection: {leave_out}.")
