"""The hybrid solver: a source step with the corrector after it, inside it, or in its place."""

from .correctors import Corrector
from .errors import InputError
from .flows import Flow, State
from .stepping import Arrays, Loop, array_names, compile_whole, pack, rollout, tf, unpack

PLACEMENTS = {
    "after": "the correction is added to the result of the source step",
    "inside": "the correction enters the source step as a force, before the projection",
    "instead": "there is no source step: the correction is added to the state itself",
}


class HybridSolver:
    """
    A source solver with a corrector in its loop. With P the source step and C the corrector, by the corrector's placement:

    - `after` (the paper): `s_{t+1} = P(s_t) + C(P(s_t))`;
    - `inside` (INC; Wei et al. 2025, arXiv:2511.12764): `s_{t+1} = P(s_t; C(s_t))`, the correction a force that is integrated by the step,
      before its projection, so that the result is divergence-free;
    - `instead` (PURE): `s_{t+1} = s_t + C(s_t)`. Fields that are not corrected (a passive marker, a forcing) still come from the
      source step.

    With a corrector that says `project`, the corrected velocity is projected: also divergence-free, at the cost of one more
    pressure solve.

    Called on native arrays it is one step that TensorFlow can differentiate, with respect to the state and the
    network's weights. `step` and `rollout` take and return PhiFlow states.
    """

    def __init__(self, flow: Flow, corrector: Corrector, remat: bool = False):
        """
        Args:
            flow: The source flow.
            corrector: Corrector for this flow.
            remat: Whether a gradient computes the network's activations of each step again instead of keeping those of all
                steps (gradient checkpointing): about a third more time, and memory that hardly grows with the number of steps.

        Raises:
            InputError: if the corrector was trained for another flow or grid, or the flow can't take its placement.
        """
        corrector.check_flow(flow)
        check_placement(corrector.placement, corrector.project, flow)
        self.flow, self.corrector, self.remat = flow, corrector, remat
        self.names = array_names(flow)
        self._advance = {"after": self._after, "inside": self._inside, "instead": self._instead}[corrector.placement]
        self._recomputed = tf.recompute_grad(self._advance)
        self.jit_compile = compile_whole()
        self.loop = Loop(self)
        self._compiled = tf.function(self.advance, autograph=False, jit_compile=self.jit_compile)

    def advance(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None = None) -> Arrays:
        """
        One hybrid step, for use inside a compiled function. Arguments as for `CompiledFlow`, and the network's weights as
        tensors (`Corrector.weights`), which a gradient with `remat` or of a loop needs.
        """
        advance = self._recomputed if self.remat and weights is not None else self._advance
        return advance(arrays, parameters, dt, weights)

    def _after(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        return self._corrected(self.flow.compiled(arrays, parameters, dt), parameters, weights)

    def _inside(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        return self.flow.compiled(arrays, parameters, dt, self.corrector(arrays, parameters, weights))

    def _instead(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        others = [n for n in self.names if n not in self.corrector.adapter.outputs]
        stepped = self.flow.compiled(arrays, parameters, dt, only=others) if others else {}
        return self._corrected(arrays, parameters, weights) | stepped

    def _corrected(self, arrays: Arrays, parameters: Arrays, weights: list[tf.Tensor] | None) -> Arrays:
        arrays = arrays | {n: arrays[n] + c for n, c in self.corrector(arrays, parameters, weights).items()}
        return self.flow.compiled.project(arrays) if self.corrector.project else arrays

    def __call__(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> Arrays:
        """One compiled hybrid step on native arrays."""
        return self._compiled(arrays, parameters, dt)

    def step(self, state: State, dt: float | None = None) -> State:
        """One hybrid step of a PhiFlow state."""
        arrays, parameters, shape = pack(self.flow, state)
        dt = tf.constant(self.flow.dt if dt is None else dt, next(iter(arrays.values())).dtype)
        return unpack(self.flow, self(arrays, parameters, dt), parameters, shape)

    def rollout(self, state: State, steps: int, keep_every: int = 1) -> list[State]:
        """
        Many hybrid steps without gradients.

        Args:
            state: Start, with any batch dimensions.
            steps: Number of steps.
            keep_every: Keeps every so many steps.

        Returns:
            The states after `keep_every`, `2 keep_every`, ... steps.
        """
        arrays, parameters, shape = pack(self.flow, state)
        return [unpack(self.flow, kept, parameters, shape) for kept in rollout(self, arrays, parameters, steps, keep_every)]


def check_placement(placement: str, project: bool = False, flow: Flow | None = None):
    """
    Raises:
        InputError: for an unknown placement, or if it does not go together with a projection of the result or with `flow`.
    """
    if placement not in PLACEMENTS:
        raise InputError(f"Unknown placement {placement!r}. Known: {', '.join(PLACEMENTS)}.")
    if project and placement == "inside":
        raise InputError("A correction inside the step is projected by the step already: leave out the projection of the result.")
    if flow is not None and placement == "inside" and not flow.takes_correction:
        raise InputError(f"{type(flow).__name__}.physics has no argument 'correction', so that nothing can be corrected inside of its step.")
    if flow is not None and project and not flow.incompressible:
        raise InputError(f"{type(flow).__name__} has no pressure projection: leave out the projection of the result.")
