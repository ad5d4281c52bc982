"""What every solver can do: step a state, and roll it out."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from ..displays import Displayed
from ..errors import InputError, integer, interrupted, positive, quoted
from ..limits import check_memory
from ..progress import Show, showing
from .arrays import native_dt, pack, unpack
from .finite import finite_frames, guarded
from .resumable import Resumable
from .rollout import Rollout
from .state import State
from .system import System

LOG = logging.getLogger(__name__)
LOOP_FRAMES = 50  # frames kept by one compiled loop, at most,
LOOP_BYTES = 64 * 2**20  # and the memory that they may take
SHOWN_AFTER = 3.0  # seconds, of which a rollout shows how far it is
MEASURED_FROM = 1000  # steps of a rollout for which a measurement of both ways to compile it pays


class Solver(Displayed, ABC):
    """
    Whatever steps a state: a flow, a flow with a corrector in its loop, a finer source, an iterative one, or a solver
    made of these. A subclass sets `flow` and `dt` and defines `advance`; everything else follows from them.

    Attributes:
        flow: The flow whose states it steps.
        dt: The time step in domain units.
        output: The flow whose states its rollouts consist of; another one where these are restricted to a coarser grid.
        jit_compile: Whether XLA compiles loops of its steps as a whole, or (None) only the units inside.
        measured: With None, what tells loops of its steps from those of others, if a measurement on this machine may
            choose XLA for the whole; None if not.
        takes_correction: Whether `advance` takes a correction that enters the step as a force.
        diagnostics: Names of numbers, one per simulation, that each step leaves among the arrays, such as `iterations`.
        by_units: Whether XLA compiles only what is inside of a step that a tape sees: if it has loops, see `Loop.step`.
        carried: Names of what else goes from step to step among the arrays, and is in no frame: a counter of steps.

    Examples:
        >>> isinstance(flow, ps.Solver), flow.dt
        (True, 1.0)
        >>> flow.rollout(start, 4, progress=False).times
        array([1., 2., 3., 4.])
    """

    flow: System
    dt: float
    jit_compile: bool | None = True
    measured: str | None = None
    takes_correction: bool = False
    diagnostics: tuple[str, ...] = ()
    by_units: bool = False
    carried: tuple[str, ...] = ()
    _said = False
    _made_anew: tuple[str, ...] = ("loop",)

    @abstractmethod
    def advance(self, arrays: dict, parameters: dict, dt: Any) -> dict:
        """
        One step of native arrays, for use inside a compiled function.

        Args:
            arrays: By array name, shape (batch, *spatial), float32 or float64.
            parameters: By parameter name, shape (batch,), of the same type.
            dt: Scalar of the same type.
        """

    @property
    def output(self) -> System:
        """The system whose states `keep` gives: the flow, but for solvers that compute on another grid."""
        return self.flow

    def keep(self, arrays: dict, parameters: dict) -> dict:
        """What a rollout keeps of the arrays after a step: arrays of `output`, and the diagnostics."""
        return arrays

    def remark(self, arrays: dict, parameters: dict) -> str:
        """What there is to say of such arrays, such as that the solver was made for others; empty for nothing."""
        return ""

    def check_start(self, arrays: dict, parameters: dict, dt: float):
        """Raises InputError if a step of this length can't be taken from a state; its values are known."""
        self.flow.check_start(arrays, parameters, dt)

    def _look(self, arrays: dict, parameters: dict, dt: Any):
        """Checks what is to be stepped, if its values are known, and logs the remark on the first arrays."""
        import tensorflow as tf

        if tf.executing_eagerly():
            self.check_start(arrays, parameters, float(dt))
            if not self._said and (text := self.remark(arrays, parameters)):
                LOG.warning(text)
            self._said = True

    def check_dt(self, dt: float | None):
        """Raises InputError if steps of this length can't be taken."""
        if dt is not None:
            positive("The time step", dt)

    @cached_property
    def loop(self):
        """Many steps in one compiled loop, a `phi_sol.kernels.loops.Loop`."""
        from ..kernels.loops import Loop

        return Loop(self.advance, self.jit_compile, self.keep, self.measured)

    def __call__(self, arrays: dict, parameters: dict, dt: Any = None) -> dict:
        """One compiled step of native arrays, as `advance`; dt is the solver's own unless it is given."""
        return self.loop.step(arrays, parameters, self._native_dt(arrays) if dt is None else dt, self.by_units)

    def _native_dt(self, arrays: dict, dt: Any = None):
        """The solver's time step or another one, a number or any tensor or variable, as `advance` takes it; checked."""
        dtype = next(iter(arrays.values())).dtype
        return native_dt(self.dt, dtype) if dt is None else native_dt(dt, dtype, self.check_dt)

    def _told(self) -> dict:
        return {"steps": repr(self.flow), "time step": self.dt, "is": repr(self)}

    def config(self) -> dict:
        """All that defines its steps, as JSON-ready data."""
        return {"type": type(self).__name__, "dt": self.dt, "flow": self.flow.config()}

    def __getstate__(self) -> dict:
        """For copies and other processes: without what is compiled, or cached for it; it is made anew when needed."""
        return {n: v for n, v in vars(self).items() if n not in self._made_anew}

    def step(self, state: State, dt: Any = None) -> State:
        """
        One step of a PhiFlow state with any batch dimensions, which TensorFlow can differentiate. Raises InputError if
        the state does not belong to this solver's flow, or dt can't be taken from it.

        Args:
            state: At the start of the step.
            dt: Time step, a number or a tensor or variable of TensorFlow or PhiML; None: the solver's.
        """
        arrays, parameters, shape = pack(self.flow, state)
        dt = self._native_dt(arrays, dt)
        self._look(arrays, parameters, dt)
        return unpack(self.flow, self(arrays, parameters, dt), parameters, shape)

    def rollout(
        self,
        state: State,
        steps: int,
        keep_every: int = 1,
        progress: bool | Show = True,
        *,
        restart: Resumable | None = None,
    ) -> Rollout:
        """
        Many steps in compiled loops. Where a gradient tape listens, and inside of a `tf.function`, the steps are taken
        one by one, and the frames stay tensors of TensorFlow that carry gradients; this takes the memory of all steps.

        Args:
            state: Start, with any batch dimensions.
            steps: Number of steps.
            keep_every: Keeps every so many steps: the states after `keep_every`, `2 keep_every`, ... of them.
            progress: Whether progress is shown where it takes longer than some seconds; or a function that is called
                with (part, steps done, steps).
            restart: A `phi_sol.Restart`, with which the rollout goes on where it was killed.

        Raises:
            InputError: if `state` does not belong to this solver's flow or is too fast for its dt, a number is not
                possible, or the restart is of another rollout.
            DivergedError: where a gradient through the steps is not finite, when it is computed.
            KeyboardInterrupt: where it is interrupted; its `so_far` is the rollout until then.
        """
        from ..kernels.compiled import recording

        stopped: KeyboardInterrupt | None = None
        steps, keep_every = integer("steps of a rollout", steps, 1), integer("keep_every of a rollout", keep_every, 1)
        if not (restart is None or hasattr(restart, "begin")):
            raise InputError(f"The restart of a rollout is a phi_sol.Restart(folder), not {quoted(restart)}.")
        arrays, parameters, shape = pack(self.flow, state)
        self._look(arrays, parameters, self.dt)
        if recording():
            if restart is not None:
                raise InputError("A rollout that a gradient tape listens to can't be resumed: leave out restart=.")
            frames = self._recorded(arrays, parameters, steps, keep_every)
        else:
            state_bytes = sum(a.dtype.size * int(np.prod(a.shape)) for a in arrays.values())
            kept, advice = steps // keep_every, "keep fewer frames (keep_every=), or take fewer steps"
            check_memory(f"A rollout of {kept} frames", kept * state_bytes, advice)
            blocks: list[dict] = []
            try:
                with showing(progress, "steps/s", SHOWN_AFTER) as show:
                    for block in self.blocks(arrays, parameters, steps, keep_every, restart=restart):
                        blocks.append({n: np.asarray(a) for n, a in block.items()})
                        show("rollout", sum(len(next(iter(b.values()))) for b in blocks) * keep_every, steps)
            except KeyboardInterrupt as err:
                stopped, kept = err, sum(len(next(iter(b.values()))) for b in blocks)
            frames = {n: np.concatenate([b[n] for b in blocks]) for n in blocks[0]} if blocks else {}
            if frames and (finite := finite_frames(frames)) < kept:
                LOG.warning("The rollout of %s is not finite after %d frames: dt may be too large.", self, finite)
            parameters = {n: p.numpy() for n, p in parameters.items()}
        numbers = {n: frames.pop(n) for n in self.diagnostics if n in frames}
        times = self.dt * keep_every * np.arange(1, (kept if stopped else steps // keep_every) + 1)
        made = Rollout(self.output, frames, parameters, times, diagnostics=numbers, batch=shape)
        if stopped is not None:
            raise interrupted(stopped, f"The rollout was interrupted, its first {kept} frames are there", made)
        return made

    def _recorded(self, arrays: dict, parameters: dict, steps: int, keep_every: int) -> dict:
        """The frames of a rollout as tensors, step by step, so that a tape sees each of them."""
        import tensorflow as tf

        kept, frames = [], {}
        arrays = self.begin(guarded(arrays, frames, steps))
        for i in range(1, steps // keep_every * keep_every + 1):
            arrays = self(arrays, parameters)
            if i % keep_every == 0:
                kept.append(self.keep(arrays, parameters))
        frames.update({n: tf.stack([k[n] for k in kept]) for n in kept[0]} if kept else {})
        return frames

    def blocks(
        self, arrays: dict, parameters: dict, steps: int, keep_every: int = 1, *, restart: Resumable | None = None
    ) -> Iterator[dict]:
        """
        As `rollout`, for native arrays (see `advance`): yields what `keep` makes of as many frames as one compiled loop
        holds, of shape (frames, batch, ...).
        """
        dt = self._native_dt(arrays)
        size = sum(a.dtype.size * int(np.prod(a.shape)) for a in arrays.values())
        room = int(np.clip(LOOP_BYTES // size, 1, LOOP_FRAMES))
        frames, arrays = steps // keep_every, self.begin(arrays)
        if steps >= MEASURED_FROM:
            self.choose(arrays, parameters)
        done = 0
        if restart is not None:
            arrays, parts = restart.begin(self, arrays, parameters, keep_every)
            room = min(room, max(1, restart.every // keep_every))
            for part in parts:
                kept = {n: p[: max(0, frames - done)] for n, p in part.items()}
                done += len(next(iter(part.values())))
                yield kept
        with nullcontext() if restart is None or done >= frames else restart.alone():
            while done < frames:
                count = min(room, frames - done)
                arrays, kept = self.loop.frames(arrays, parameters, dt, count, keep_every, room)
                done, kept = done + count, {n: k[:count] for n, k in kept.items()}
                if restart is not None:
                    restart.add(arrays, kept, done == frames)
                yield kept

    def choose(self, arrays: dict, parameters: dict):
        """
        Has loops of such arrays compiled in the way that is measured to be faster on this machine, where there is a
        choice: it takes some seconds, once, and pays for thousands of steps.
        """
        self.loop.choose(self.begin(arrays), parameters, self._native_dt(arrays))

    def begin(self, arrays: dict) -> dict:
        """Arrays that a loop can start from: with the diagnostics, which are zero."""
        if not self.diagnostics:
            return dict(arrays)
        import tensorflow as tf

        batch = next(iter(arrays.values())).shape[0]
        return arrays | {n: tf.zeros([batch], tf.int32) for n in self.diagnostics}

    def frames(self, arrays: dict, parameters: dict, steps: int, keep_every: int = 1) -> Iterator[dict]:
        """As `blocks`, but frame by frame: arrays of shape (batch, ...)."""
        for block in self.blocks(arrays, parameters, steps, keep_every):
            for i in range(len(next(iter(block.values())))):
                yield {n: kept[i] for n, kept in block.items()}


def rollout(
    solver: Solver,
    state: State,
    steps: int,
    keep_every: int = 1,
    *,
    progress: bool | Show = True,
    restart: Resumable | None = None,
) -> Rollout:
    """
    `solver.rollout`, for any solver; see there.

    Examples:
        >>> ps.rollout(flow, start, steps=4, keep_every=2, progress=False)
        Rollout(2 frames of WakeFlow(y=16, x=8, dt=1, advection='semi_lagrangian'), times 2 to 4)
    """
    if not isinstance(solver, Solver):
        raise InputError(f"A rollout needs a solver (a flow, a HybridSolver, ...), not {type(solver).__name__}.")
    return solver.rollout(state, steps, keep_every, progress, restart=restart)


__all__ = ["Solver", "rollout"]
