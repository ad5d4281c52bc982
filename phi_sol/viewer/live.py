"""Source, hybrid and reference stepping together, with parameters and correction gain that may change at any time."""

import os
import time
from collections import deque
from collections.abc import Callable
from functools import reduce
from itertools import count, repeat
from pathlib import Path

import numpy as np

from ..errors import DivergedError, InputError
from ..flows import Flow
from ..flows.base import SEED
from ..grids.sampling import gaussian_mean
from ..metrics import mean_absolute_error
from ..metrics.metric import compared_arrays, has_velocity
from ..pictures.panels import drawn_axes
from ..pictures.values import HIDDEN, Values, flow_values, zero_arrays
from ..solvers.pair import SolverPair
from ..stepping.arrays import pack
from ..stepping.solver import Solver
from ..storage.files import write_json
from ..storage.frames import DESCRIPTION, FrameFormat, sim_folder, tidy
from .recording import Recording
from .rollouts import COMPUTING, Arrays, tensors

SOURCE, CORRECTED, REFERENCE = "source", "corrected", "reference"
SOLVERS = (SOURCE, CORRECTED, REFERENCE)
CURVE = 5000  # steps of the error curves that are kept
AVERAGED = 20  # steps over which speeds are averaged
INITIAL, DEVELOPED = "initial state", "developed flow"  # starts beside the recorded ones


def swirl(flow: Flow, centre: dict[str, float], radius: float, speed: float) -> Arrays:
    """
    A divergence-free velocity around an axis, for a poke, by array name, shape (*faces): the curl of the stream
    function ψ = speed radius e^½ exp(-r²/(2 radius²)) in the plane of the first two axes; `speed` is the greatest, at
    the distance `radius` (domain units).

    Face values are differences of ψ between the ends of a face, so that the discrete divergence vanishes and the
    restriction of the reference's swirl is the source's.
    """
    (a, b, *others), layout = flow.resolution, flow.layouts["velocity"]
    bell = lambda d, x: np.exp(-(((x - centre[d]) / radius) ** 2) / 2)  # noqa: E731
    result = {f"velocity.{d}": np.zeros(layout.shape(d)) for d in others}
    for component, other, sign in ((a, b, 1), (b, a, -1)):
        where = layout.intervals(component)
        lower, upper = where[other]
        factors = {d: gaussian_mean(*where[d], centre[d], radius) for d in others}
        factors[component] = bell(component, where[component][0])
        factors[other] = sign * (bell(other, upper) - bell(other, lower)) / (upper - lower)
        product = reduce(np.multiply.outer, (factors[d] for d in flow.resolution))
        result[f"velocity.{component}"] = speed * radius * np.exp(0.5) * product
    return result


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
        warmup: int = 0,
        strict: bool = True,
    ):
        """
        With parameters to begin with, folders of `correctors` and full-resolution references to start from by name, of
        which the first are chosen; `prepare` is called before TensorFlow is imported. `warmup` are the source steps
        that the scene discards: without a recording the reference takes them before the start, since correctors have
        not seen what comes before. Without `strict` the correctors may be those of other flows.
        """
        self.pair, self.parameters, self.correctors, self.recorded = pair, dict(parameters), correctors, starts or {}
        self.warmup, self.strict = warmup, strict
        self._developed: tuple[dict[str, float], Arrays] | None = None
        self.starts = [*self.recorded, *([DEVELOPED] if warmup else []), INITIAL]
        self.flow, self.can_poke = pair.source, has_velocity(pair.source)
        self.drawn = drawn_axes(
            list(self.flow.resolution), self.flow.drawn
        )  # axes in the order in which they are drawn
        self.gain, self.steps, self.message, self.version = 1.0, 0, "", 0
        self.corrector, self.start = next(iter(correctors), ""), self.starts[0]
        self._curves: dict[str, deque] = {}
        self.diagnostics: dict[str, int] = {}  # what the corrected solver said of its last step, such as `iterations`
        self._flows = {SOURCE: pair.source, CORRECTED: pair.source, REFERENCE: pair.reference}
        self._seconds: dict[str, deque] = {}
        self._arrays: dict[str, dict] = {}
        self._restricted: Arrays = {}
        self._hybrids: dict[str, Solver] = {}
        self._remarks: dict[str, str] = {}
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
            self.start = next(s for s in self.starts if s not in self.recorded)
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
            self._take(REFERENCE, self._start_arrays())
            self._take(SOURCE, self._restricted)
            self._take(CORRECTED, self._restricted)
            self.steps, self._saved = 0, None
            self._curves = {n: deque(maxlen=CURVE) for n in (SOURCE, CORRECTED)}
            self._seconds = {n: deque(maxlen=AVERAGED) for n in SOLVERS}
            self._measure()
            self.message = ""

    def step(self):
        """One step of all three; DivergedError if one is no longer finite, InputError if a corrector does not fit."""
        with COMPUTING:
            if not self._arrays:
                self.reset()
            parameters = tensors({n: [v] for n, v in self.parameters.items()})
            solvers = {SOURCE: self.flow, CORRECTED: self._corrected, REFERENCE: self.pair.fine}
            for name, solver in solvers.items():
                begin = time.perf_counter()
                arrays = {n: a.numpy() for n, a in solver(tensors(self._arrays[name]), parameters).items()}
                self._seconds[name].append(time.perf_counter() - begin)
                self._take(name, arrays)
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
                self._take(name, {n: a + np.float32(added.get(n, 0)) for n, a in self._arrays[name].items()})
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
            if self._saved is None or not self._saved.is_relative_to(folder):
                self._saved = next(f for f in map(sim_folder, repeat(folder), count()) if not os.path.lexists(f))
            if link := next((f for f in (self._saved, folder) if f.is_symlink()), None):
                raise InputError(f"{link} is a link, which is not followed: make it a folder.")
            self._saved.mkdir(parents=True, exist_ok=True)
            for name, flow in self._flows.items():
                layouts = {n: layout for n, layout in flow.layouts.items() if n not in HIDDEN}
                fields = {n: layout.to_file(self._arrays[name])[0] for n, layout in layouts.items()}
                FrameFormat(flow).write(self._saved, self.steps, fields, prefix=f"{name}_")
            tidy(self._saved)
            facts = {"flow": self.flow.config(), "parameters": self.parameters, "gain": self.gain}
            write_json(self._saved / DESCRIPTION, facts | {"corrector": self.corrector})
            return self._saved

    def values(self, solver: str, full: bool = False) -> dict[str, Values]:
        """The fields of a simulation, of the reference restricted unless `full`; InputError before the first step."""
        shown = self._shown.get(f"{REFERENCE} (full)" if full and solver == REFERENCE else solver)
        if shown is None:
            raise InputError(self.message or "Not started: press Step or Play.")
        return shown

    @property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """(step, MAE) of source and corrected, as they are now: a step in another thread may add to them."""
        return {n: list(c) for n, c in self._curves.items()}

    def speeds(self) -> dict[str, float]:
        """Steps per second of each, if it ran alone, averaged over the last steps."""
        return {n: len(s) / sum(s) for n, s in self._seconds.items() if len(s)}

    def _start_arrays(self) -> Arrays:
        flow = self.pair.reference
        if self.start in self.recorded:
            recording = self.recorded[self.start]
            self.parameters = {n: float(recording.parameters[n]) for n in flow.parameters}
            return {n: a[None] for n, a in recording.arrays(flow, recording.frames[0]).items()}
        arrays, parameters, _ = pack(flow, flow.initial_state(**self.parameters))
        if self.start == DEVELOPED:
            return self._warm_up(arrays, parameters)
        return {n: a.numpy() for n, a in arrays.items()}

    def _warm_up(self, arrays: dict, parameters: dict) -> Arrays:
        """The reference after the steps that the scene discards, which are kept for these parameters."""
        if self._developed is None or self._developed[0] != self.parameters:
            solver, done, block = self.pair.fine, 0, max(1, self.warmup // 50)
            while done < self.warmup:
                self.message = (
                    f"the reference develops: {100 * done // self.warmup} % of {self.warmup * solver.dt:g} ..."
                )
                count = min(block, self.warmup - done)
                arrays = {n: a[-1] for n, a in next(solver.blocks(arrays, parameters, count, count)).items()}
                done += count
            self._developed = (dict(self.parameters), {n: a.numpy() for n, a in arrays.items()})
        return self._developed[1]

    @property
    def remark(self) -> str:
        """What there is to say of the corrector, such as that it was trained for another flow."""
        return self._remarks.get(self.corrector, "")

    def _corrected(self, arrays: dict, parameters: dict) -> dict:
        plain = self.flow(arrays, parameters)
        self.diagnostics = {}
        if self.gain == 0 or not self.corrector:
            return plain
        if self.corrector not in self._hybrids:
            from ..tasks import solver_of

            hybrid = solver_of(self.correctors[self.corrector], self.flow, strict=self.strict)
            self._hybrids[self.corrector] = hybrid
            self._remarks[self.corrector] = hybrid.remark(arrays, parameters)
            hybrid.choose(arrays, parameters)
        hybrid = self._hybrids[self.corrector]
        full = dict(hybrid(arrays, parameters))
        self.diagnostics = {n: int(full.pop(n)[0]) for n in hybrid.diagnostics if n in full}
        return full if self.gain == 1 else {n: plain[n] + self.gain * (full[n] - plain[n]) for n in plain}

    def _take(self, name: str, arrays: Arrays):
        """The new state of a simulation, with a batch axis, and what is shown of it."""
        self._arrays[name] = arrays
        if not all(np.isfinite(a).all() for a in arrays.values()):
            raise DivergedError(f"The {name} simulation is no longer finite at step {self.steps + 1}.")
        if name == REFERENCE:
            self._shown[f"{name} (full)"] = flow_values(self._flows[name], {n: a[0] for n, a in arrays.items()})
            arrays = self._restricted = self.pair.restrict_arrays(arrays, {})
        self._shown[name] = flow_values(self.flow, {n: a[0] for n, a in arrays.items()})

    def _measure(self, replace: bool = False):
        """MAE of source and corrected against the restricted reference."""
        names = compared_arrays(self.flow)
        for name, curve in self._curves.items():
            if replace and curve:
                curve.pop()
            curve.append((self.steps, float(mean_absolute_error(self._arrays[name], self._restricted, names)[0])))
        self.version += 1
