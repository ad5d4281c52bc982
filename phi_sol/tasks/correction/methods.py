"""Ways to train a corrector: what happens inside one training loss."""

from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Any

import numpy as np
import tensorflow as tf

from ...arguments import check_fields
from ...correctors.forms import check_known
from ...correctors.mirrors import TURNED, turns
from ...errors import InputError, integer, is_real, quoted, suggestion
from ...kernels.compiled import Arrays
from ...solvers.hybrid import INTEGRATOR, HybridSolver, check_placement
from .losses import Loss

# Measured with the paper's network, batch 3, on two cores (benchmarks/run.py training memory):
# a loop is 1 to 10 % slower than written-out steps, but SOL-32 starts in 14 s instead of 22 s, and SOL-128 at all
LOOP_FROM = 24
# activations of the paper's network take about 35 MB a step; to compute them again takes a quarter more time
REMAT_FROM = 64

METHODS = {
    "pre": "trained on precomputed corrections (constrained least squares)",
    "pre-sr": "the same, with corrections that are regularised in time",
    "non": "trained on one step, without gradient through the solver",
    "nog": "trained with n unrolled steps, the gradient stopped between them",
    "sol": "trained with n unrolled steps and gradients through the solver",
    "pure": "no solver: the network predicts the next state, trained with n unrolled steps",
    "node": "no solver: a neural ODE, the network as the rate of change, trained with n Runge-Kutta steps",
}
COUNTS = {
    "unroll": "number of unrolled steps",
    "truncate": "number of steps between cuts",
    "push_forward": "number of push-forward steps",
    "seed": "seed",
}
SQUARES = Loss()
SUPERVISED = {"pre": 0.0, "pre-sr": 1.0}  # weight of the temporal regularisation; 1 is the original code's
SINGLE = (*SUPERVISED, "non")  # trained on single steps
SOLVERLESS = {"pure": "instead", "node": "rate"}  # with their placement
CLOSED = ("non", "nog", "sol")  # with a solver in the loop, that a closure could enter


@dataclass(frozen=True)
class Method:
    """
    One way to train.

    NON is one step from recorded frames: nothing before the network depends on its weights, so that no gradient passes
    the solver; SOL-1 is the same thing. NOG-n (List et al. 2024, arXiv:2402.12971) is SOL-n with the gradient cut after
    every step. PURE puts the network in the place of the solver, NODE makes it the right-hand side of an ODE (Chen et
    al. 2018, arXiv:1806.07366). PRE and PRE-SR train on precomputed corrections.

    Attributes:
        name: A key of `METHODS`.
        unroll: Hybrid steps n inside one loss; 1 for methods that train on single steps.
        truncate: The gradient is cut after every so many steps (truncated back-propagation); None: it never is.
        push_forward: Steps without gradient before the n of the loss (Brandstetter et al. 2022, arXiv:2202.03376); in
            stages with fewer than n in proportion, since what has not learned yet is soon somewhere else.
        noise: Standard deviation of Gaussian noise on the first state, relative to that of each array (Sanchez-Gonzalez
            et al. 2020, arXiv:2002.09405).
        placement: Where the correction enters, see `HybridSolver`.
        project: Whether the corrected velocity is made divergence-free.
        form: What the network gives: `increment`, or as a closure inside of the step `viscosity` or `stress`, see
            `phi_sol.correctors.forms`.
        integrator: Of NODE, a Runge-Kutta method: `rk4`, `rk3` or `heun`; None: `rk4`.
        scale_free: Whether channels have no dimension, see `phi_sol.correctors.scale_free`; every window is
            then seen in a mirror drawn for it, of those along all axes.
        loss: What predictions are compared by; a function (predicted, target), or several, are added to the plain loss.
        temporal: Weight of the temporal regularisation of precomputed corrections.
        seed: Seed of the noise.
        looped: Whether the steps are a loop in the training graph, not written out; None: by their number.

    Examples:
        >>> ps.Method("sol", unroll=8, push_forward=2)
        Method(name='sol', unroll=8, truncate=None, push_forward=2, noise=0.0, placement='after'...
    """

    name: str
    unroll: int = 1
    _: KW_ONLY
    truncate: int | None = None
    push_forward: int = 0
    noise: float = 0.0
    placement: str = "after"
    project: bool = False
    form: str = "increment"
    integrator: str | None = None
    scale_free: bool = False
    loss: Any = SQUARES
    temporal: float = 0.0
    seed: int = 0
    looped: bool | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or self.name not in METHODS:
            hint = suggestion(self.name, METHODS)
            raise InputError(f"Unknown method {quoted(self.name)}.{hint} Known: {', '.join(METHODS)}.")
        for name, what in COUNTS.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(
                    self, name, integer(f"The {what}", value, 0 if name in ("push_forward", "seed") else 1)
                )
        for name in ("noise", "temporal"):
            if not (is_real(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"The {name} must be finite and at least 0, not {quoted(getattr(self, name))}.")
        check_fields(self)
        check_known(self.form)
        solverless = self.name in SOLVERLESS
        if self.form != "increment" and not solverless and not self.supervised:
            object.__setattr__(self, "placement", "inside")
        if self.integrator is not None and self.name != "node":
            raise InputError(f"An integrator is for a neural ODE, the method node, not for {self.name}: leave it out.")
        check_placement(self.placement, self.project)
        object.__setattr__(self, "loss", Loss.of(self.loss))
        implied: dict[str, Any] = {}
        if self.name == "nog":
            if self.truncate not in (None, 1):
                raise InputError("NOG cuts the gradient after every step: leave out the truncation, or take sol.")
            implied["truncate"] = 1
        if solverless:
            if self.placement not in ("after", SOLVERLESS[self.name]):
                name = self.name.upper()
                raise InputError(f"{name} has no solver that a correction could enter: leave out the placement.")
            implied["placement"] = SOLVERLESS[self.name]
        for name, own in SOLVERLESS.items():
            if self.placement == own and self.name != name:
                raise InputError(f"The placement {own!r} of the network is the method {name}.")
        if self.name == "node":
            implied["integrator"] = self.integrator or INTEGRATOR
            check_placement("rate", self.project, None, implied["integrator"])
        if self.form != "increment" and (self.supervised or solverless):
            raise InputError(f"{self.name.upper()} trains no closure: take sol, nog or non for the form {self.form}.")
        if self.supervised:
            given = [n for n in ("truncate", "push_forward", "noise", "project", "scale_free") if getattr(self, n)]
            given += ["placement"] if self.placement != "after" else []
            if given:
                names = ", ".join(n.replace("_", "-") for n in given)
                raise InputError(f"{self.name.upper()} trains outside of the solver's loop, without {names}.")
            implied["temporal"] = SUPERVISED[self.name]
        if self.name in SINGLE:
            implied["unroll"] = 1
        for name, value in implied.items():
            object.__setattr__(self, name, value)
        self.loss.step_weights(self.unroll)

    @property
    def supervised(self) -> bool:
        """Whether the network is trained on precomputed corrections, outside of the solver's loop."""
        return self.name in SUPERVISED

    def at(self, unroll: int) -> "Method":
        """
        The same method with another number of unrolled steps (those that train on single steps keep theirs), and with
        push-forward steps in proportion if these are fewer.
        """
        return replace(self, unroll=unroll, push_forward=self.push_forward * min(unroll, self.unroll) // self.unroll)

    def to_dict(self) -> dict:
        """JSON-ready: all that defines the training of one stage."""
        new = {"form": "increment", "integrator": None, "scale_free": False}  # earlier runs have none of these
        left_out = ("looped", "seed", *(n for n, v in new.items() if getattr(self, n) == v))
        content = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        return content | {"loss": self.loss.to_dict()}

    def __str__(self):
        steps = "" if self.name in SINGLE else f"-{self.unroll}"
        kind = f"{self.form}-" if self.form != "increment" else "INC-" if self.placement == "inside" else ""
        kind = f"SF-{kind}" if self.scale_free else kind
        kind += f"{self.integrator}-" if self.integrator not in (None, INTEGRATOR) else ""
        return f"{kind}{self.name.upper()}{steps}"

    def losses(
        self, hybrid: HybridSolver, window: Arrays, parameters: Arrays, dt: tf.Tensor, *, numbers: tf.Tensor
    ) -> tf.Tensor:
        """
        The losses of a batch of windows, step by step:

            l_i = w_i L(s_i, T r_{p+i}),   i = 1..n,   s_{-p} = T r_0 + noise,   s_{i+1} = hybrid step of s_i,

        with p push-forward steps, T r the restricted reference, L as defined by `Loss` and w_i its step weights. Their
        mean over the batch, summed over steps, is the training loss: with the default `Loss` the paper's squared L2
        norm, divided by the number of faces (same minimiser). Precomputed corrections c of states s: l = L(N(s), c).

        Args:
            hybrid: Source solver with the corrector to train.
            window: Reference frames and what `precompute.targets` gives, by name, shape (batch, frames + 1, *spatial).
            parameters: Shape (batch,) each.
            dt: Time step, scalar.
            numbers: Of each window in the stream of windows, shape (batch,): noise depends on them and the seed alone.

        Returns:
            Shape (batch, n).
        """
        if self.supervised:
            return self._supervised(hybrid, window, parameters)
        weights = hybrid.corrector.weights()
        if self.scale_free:
            parameters = parameters | {TURNED: self._mirrors(hybrid, numbers)}
        arrays = self._noisy({n: window[n][:, 0] for n in hybrid.names}, hybrid, numbers)
        for _ in range(self.push_forward):
            arrays = fixed(hybrid.advance(fixed(arrays), parameters, dt, weights))
        factors = self.loss.step_weights(self.unroll)
        looped = self.unroll >= LOOP_FROM if self.looped is None else self.looped
        names = hybrid.corrector.adapter.outputs
        scales = self._scales(hybrid, window, parameters, dt)

        def step(i, arrays):
            arrays = hybrid.advance(arrays, parameters, dt, weights)
            target = {n: window[n][:, self.push_forward + i] for n in names}
            return arrays, self.loss({n: arrays[n] for n in names}, target, scales)

        if looped:
            return self._in_a_loop(step, arrays, factors)
        result = []
        for i in range(1, self.unroll + 1):
            arrays, loss = step(i, arrays)
            result.append(float(factors[i - 1]) * loss)
            if self.truncate and i % self.truncate == 0:
                arrays = fixed(arrays)
        return tf.stack(result, 1)

    def _scales(self, hybrid: HybridSolver, window: Arrays, parameters: Arrays, dt: tf.Tensor) -> Arrays:
        """What differences are divided by, see `Loss`."""
        first, names = {n: window[n][:, 0] for n in hybrid.names}, hybrid.corrector.adapter.outputs
        after = fixed(hybrid.solver.advance(first, parameters, dt)) if self.loss.relative else first
        return self.loss.scales({n: after[n] - window[n][:, 1] for n in names}, hybrid.corrector.statistics)

    def _in_a_loop(self, step, arrays: Arrays, factors: np.ndarray) -> tf.Tensor:
        example = next(iter(arrays.values()))
        factors = tf.constant(factors, example.dtype)
        losses = tf.TensorArray(example.dtype, self.unroll, element_shape=example.shape[:1])

        def body(i, arrays, losses):
            arrays, loss = step(i, arrays)
            losses = losses.write(i - 1, factors[i - 1] * loss)
            if self.truncate:
                cut = i % self.truncate == 0
                arrays = {n: tf.where(cut, tf.stop_gradient(a), a) for n, a in arrays.items()}
            return i + 1, arrays, losses

        state, how = (1, arrays, losses), {"maximum_iterations": self.unroll, "parallel_iterations": 1}
        return tf.transpose(tf.while_loop(lambda i, *_: i <= self.unroll, body, state, **how)[2].stack())

    def _mirrors(self, hybrid: HybridSolver, numbers: tf.Tensor) -> tf.Tensor:
        """By window the mirrors that its network looks through, see `TURNED`."""

        def draw(number):
            seed = tf.stack([tf.cast(number, tf.int64), tf.constant(1000 * self.seed + 999, tf.int64)])
            return tf.random.stateless_uniform([], seed, 0, turns(hybrid.flow), tf.int32)

        return tf.map_fn(draw, numbers, fn_output_signature=tf.int32)

    def _noisy(self, arrays: Arrays, hybrid: HybridSolver, numbers: tf.Tensor) -> Arrays:
        if not self.noise:
            return arrays
        result = dict(arrays)
        for k, name in enumerate(hybrid.corrector.adapter.outputs):
            array, scale = arrays[name], self.noise * hybrid.corrector.statistics.std[name]

            def draw(number, array=array, k=k):
                seed = tf.stack([tf.cast(number, tf.int64), tf.constant(1000 * self.seed + k, tf.int64)])
                return tf.random.stateless_normal(array.shape[1:], seed, dtype=array.dtype)

            result[name] = array + scale * tf.map_fn(draw, numbers, fn_output_signature=array.dtype)
        return result

    def _supervised(self, hybrid: HybridSolver, window: Arrays, parameters: Arrays) -> tf.Tensor:
        corrector = hybrid.corrector
        state = {n: window[f"state:{n}"][:, 0] for n in corrector.adapter.inputs}
        target = {n: window[f"correction:{n}"][:, 0] for n in corrector.adapter.outputs}
        scales = self.loss.scales(target, corrector.statistics)
        return self.loss(corrector(state, parameters, corrector.weights()), target, scales)[:, None]


def fixed(arrays: Arrays) -> Arrays:
    """The same values, without gradient."""
    return {n: tf.stop_gradient(a) for n, a in arrays.items()}
