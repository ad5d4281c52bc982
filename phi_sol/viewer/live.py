"""Source, hybrid and reference stepping together, with parameters and correction gain that may change at any time."""

import time
from collections import deque
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from itertools import count
from pathlib import Path

import numpy as np

from ..errors import DivergedError, InputError
from ..flows.base import SEED
from ..metrics import mean_absolute_error
from ..metrics.metric import has_velocity
from ..pictures.values import HIDDEN, Values, flow_values, zero_arrays
from ..solvers.pair import SolverPair
from ..stepping.arrays import pack, unpack
from ..stepping.solver import Solver
from ..storage.files import PARTIAL, write_json
from ..storage.frames import DESCRIPTION, read_frame, sim_folder
from .recording import Recording
from .rollouts import COMPUTING
from .solvers import compared_arrays, swirl

SOURCE, CORRECTED, REFERENCE = "source", "corrected", "reference"
SOLVERS = (SOURCE, CORRECTED, REFERENCE)
CURVE = 5000  # steps of the error curves that are kept
AVERAGED = 20  # steps over which speeds are averaged

Arrays = dict[str, np.ndarray]


def _first(batch: dict) -> Arrays:
    return {n: a.numpy()[0] for n, a in batch.items()}


class Live:
    """
    Three simulations of one flow side by side: the source, the source with a corrector in its loop, and the reference.

    The correction enters with a gain g: one step of the corrected simulation is `P(s) + g (H(s) - P(s))`, P the source
    step and H the step of the hybrid solver. With g = 0 it is the source step itself, with g = 1 the hybrid step
    itself; a blend of two divergence-free velocities has no divergence either, wherever the corrector works.

    All methods may be called from any thread. Nothing is computed, and TensorFlow not imported, before the first step
    or action.
    """

    def __init__(
        self,
        pair: SolverPair,
        parameters: dict[str, float],
        correctors: dict[str, Path],
        starts: dict[str, Recording] | None = None,
        prepare: Callable[[], None] = lambda: None,
    ):
        """
        With parameters to begin with, folders of `correctors` and full-resolution references to start from by name, of
        which the first are chosen; `prepare` is called before TensorFlow is imported.
        """
        self.pair, self.parameters, self.correctors, self.starts = pair, dict(parameters), correctors, starts or {}
        self.flow, self.can_poke = pair.source, has_velocity(pair.source)
        self.gain, self.steps, self.message, self.version = 1.0, 0, "", 0
        self.corrector, self.start = next(iter(correctors), ""), next(iter(self.starts), "")
        self.curves: dict[str, deque] = {}
        self.diagnostics: dict[str, int] = {}  # what the corrected solver said of its last step, such as `iterations`
        self._flows = {SOURCE: pair.source, CORRECTED: pair.source, REFERENCE: pair.reference}
        self._seconds: dict[str, deque] = {}
        self._arrays: dict[str, dict] = {}
        self._restricted: Arrays = {}
        self._hybrids: dict[str, Solver] = {}
        self._shown: dict[str, dict[str, Values]] = {}
        self._saved: Path | None = None
        self._prepare, self._random = prepare, np.random.default_rng(0)
        with COMPUTING:  # layouts fill their caches
            # fields that are zero, for what can be chosen before it runs
            self.examples, _ = (flow_values(f, zero_arrays(f)) for f in (pair.source, pair.reference))

    def set_parameter(self, name: str, value: float):
        """Another value from the next step on; another seed starts anew. InputError for what is not possible."""
        if name not in self.parameters:
            raise InputError(f"There is no parameter {name!r}. Parameters: {', '.join(self.parameters)}.")
        value = float(int(value)) if name == SEED else float(value)
        if abs(value - self.parameters[name]) <= 1e-6 * abs(self.parameters[name]):
            return  # what a logarithmic slider makes of the same value
        changed = self.parameters | {name: value}
        with COMPUTING:
            self.flow.parameter_tensors(changed)
            self.pair.check_stability(**changed)
        self.parameters = changed
        if name == SEED:
            self.start = ""
            if self._arrays:
                self.reset()

    def set_gain(self, gain: float):
        """From 0 to 1; raises InputError for others."""
        if not 0 <= gain <= 1:
            raise InputError(f"The gain must be between 0 and 1, not {gain!r}.")
        self.gain = float(gain)

    def choose(self, corrector: str | None = None, start: str | None = None):
        """Another corrector from the next step on, or another start, which resets; InputError for unknown names."""
        for name, known in ((corrector, self.correctors), (start, self.starts)):
            if name and name not in known:
                raise InputError(f"There is no {name!r}. Known: {', '.join(known) or 'none'}.")
        if corrector is not None:
            self.corrector = corrector
        if start is not None and start != self.start:
            self.start = start
            self.reset()

    def reset(self):
        """Back to the start. With a recorded start its parameters are taken, too."""
        with COMPUTING:
            if not self._shown:
                self.message = "starting TensorFlow ..."
                self._prepare()
            self.message = "compiling ..."
            reference = self._start_arrays()
            self.steps, self._saved = 0, None
            self.curves = {n: deque(maxlen=CURVE) for n in (SOURCE, CORRECTED)}
            for seconds in self._seconds.values():
                seconds.clear()
            arrays = {REFERENCE: self._native({n: a[None] for n, a in reference.items()})}
            coarse = self._restrict(arrays[REFERENCE], self._native(self._batched_parameters))
            self._arrays = arrays | {SOURCE: coarse, CORRECTED: coarse}
            for name in SOLVERS:
                self._show(name, _first(self._arrays[name]))
            self._measure()
            self.message = ""

    def step(self):
        """One step of all three; DivergedError if one is no longer finite, InputError if a corrector does not fit."""
        with COMPUTING:
            if not self._arrays:
                self.reset()
            parameters, dt = self._native(self._batched_parameters), self._tf.constant(self.flow.dt, self._tf.float32)
            solvers = {SOURCE: self.flow, CORRECTED: self._corrected, REFERENCE: self.pair.fine}
            for name in SOLVERS:
                begin = time.perf_counter()
                self._arrays[name] = solvers[name](self._arrays[name], parameters, dt)
                values = _first(self._arrays[name])
                self._seconds.setdefault(name, deque(maxlen=AVERAGED)).append(time.perf_counter() - begin)
                self._show(name, values)
            self.steps += 1
            self.message = ""
            self._measure()

    def poke(self):
        """Adds the same swirl to all three, half as fast as the fastest motion, at a random place."""
        with COMPUTING:
            if not self._arrays:
                self.reset()
            fastest = max(float(np.abs(p).max()) for p in self._shown[REFERENCE]["velocity"].parts.values())
            speed = 0.5 * (fastest or min(self.flow.spacing.values()) / self.flow.dt)
            centre = {d: size * self._random.uniform(0.3, 0.7) for d, size in self.flow.size.items()}
            for name in SOLVERS:
                added = swirl(self._flows[name], centre, 0.08 * min(self.flow.size.values()), speed)
                arrays = {n: a + added.get(n, np.float32(0)) for n, a in _first(self._arrays[name]).items()}
                self._arrays[name] = self._native({n: a[None] for n, a in arrays.items()})
                self._show(name, arrays)
            self._measure(replace=True)

    def save(self, folder: Path) -> Path:
        """
        Writes the state of all three into a PhiFlow scene below `folder`, with fields such as `source_velocity`, as the
        frame of this step; saved again before a reset, into the same scene. Returns the scene's directory; InputError
        if there is nothing to save yet.
        """
        with COMPUTING:
            if not self._arrays:
                raise InputError("There is nothing to save yet: make a step first.")
            from phi.field import write

            if self._saved is None or not self._saved.is_relative_to(folder):
                self._saved = next(f for i in count() if not (f := sim_folder(folder, i)).exists())
            target = self._saved
            (target / PARTIAL).mkdir(parents=True, exist_ok=True)
            for name in SOLVERS:
                arrays = {n: a.numpy() for n, a in self._arrays[name].items()}
                state = unpack(self._flows[name], arrays, self._batched_parameters)
                for field in set(state.fields) - set(HIDDEN):
                    part = target / PARTIAL / f"{name}_{field}_{self.steps:06d}.npz"
                    write(state.fields[field], str(part))
                    part.replace(target / part.name)
            (target / PARTIAL).rmdir()
            facts = {"parameters": self.parameters, "gain": self.gain, "corrector": self.corrector}
            write_json(target / DESCRIPTION, {"flow": self.flow.config()} | facts)
            return target

    def values(self, solver: str, full: bool = False) -> dict[str, Values]:
        """The fields of a simulation, of the reference restricted unless `full`; InputError before the first step."""
        shown = self._shown.get(f"{REFERENCE} (full)" if full and solver == REFERENCE else solver)
        if shown is None:
            raise InputError(self.message or "Not started: press Step or Play.")
        return shown

    def speeds(self) -> dict[str, float]:
        """Steps per second of each, if it ran alone, averaged over the last steps."""
        return {n: len(s) / sum(s) for n, s in self._seconds.items() if len(s)}

    _tf = cached_property(lambda self: import_module("tensorflow"))

    def _native(self, arrays: Arrays) -> dict:
        return {n: self._tf.constant(a, self._tf.float32) for n, a in arrays.items()}

    @property
    def _batched_parameters(self) -> Arrays:
        return {n: np.array([v], np.float32) for n, v in self.parameters.items()}

    @cached_property
    def _restrict(self):
        return self._tf.function(self.pair.restrict_arrays, autograph=False)

    def _start_arrays(self) -> Arrays:
        flow = self.pair.reference
        if self.start:
            recording = self.starts[self.start]
            self.parameters = {n: float(recording.parameters[n]) for n in flow.parameters}
            return read_frame(flow, recording.folder, recording.frames[0])
        return _first(pack(flow, flow.initial_state(**self.parameters))[0])

    def _corrected(self, arrays: dict, parameters: dict, dt) -> dict:
        plain = self.flow(arrays, parameters, dt)
        self.diagnostics = {}
        if self.gain == 0 or not self.corrector:
            return plain
        if self.corrector not in self._hybrids:
            from ..tasks import solver_of

            self._hybrids[self.corrector] = solver_of(self.correctors[self.corrector], self.flow)
        hybrid = self._hybrids[self.corrector]
        full = dict(hybrid(arrays, parameters, dt))
        self.diagnostics = {n: int(full.pop(n)[0]) for n in hybrid.diagnostics if n in full}
        return full if self.gain == 1 else {n: plain[n] + self.gain * (full[n] - plain[n]) for n in plain}

    def _show(self, name: str, arrays: Arrays):
        if not all(np.isfinite(a).all() for a in arrays.values()):
            raise DivergedError(f"The {name} simulation is no longer finite at step {self.steps + 1}.")
        values = flow_values(self._flows[name], arrays)
        if name == REFERENCE:
            self._shown[f"{name} (full)"] = values
            coarse = self._restrict(self._arrays[name], self._native(self._batched_parameters))
            self._restricted = {n: a.numpy() for n, a in coarse.items()}
            values = flow_values(self.flow, {n: a[0] for n, a in self._restricted.items()})
        self._shown[name] = values

    def _measure(self, replace: bool = False):
        """Velocity MAE of source and corrected against the restricted reference."""
        names = compared_arrays(self.flow)
        for name, curve in self.curves.items():
            if replace and curve:
                curve.pop()
            arrays = {n: self._arrays[name][n].numpy() for n in names}
            curve.append((self.steps, float(mean_absolute_error(arrays, self._restricted, names)[0])))
        self.version += 1
