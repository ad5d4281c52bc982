"""The hybrid solver: source step followed by the corrector."""

from .correctors import Corrector
from .flows import Flow, State
from .stepping import Arrays, Loop, compile_whole, pack, rollout, tf, unpack


class HybridSolver:
    """
    A source solver with a corrector in its loop: `s_{t+1} = P(s_t) + C(P(s_t))`, P the source step, C the corrector.

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
            InputError: if the corrector was trained for another flow or grid.
        """
        corrector.check_flow(flow)
        self.flow, self.corrector, self.remat = flow, corrector, remat
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

    def _advance(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, weights: list[tf.Tensor] | None) -> Arrays:
        arrays = self.flow.compiled(arrays, parameters, dt)
        return arrays | {n: arrays[n] + c for n, c in self.corrector(arrays, parameters, weights).items()}

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
