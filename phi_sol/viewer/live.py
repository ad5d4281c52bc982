"""Source, hybrid and reference stepping together, with parameters and correction gain that may change at any time."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import RLock

import numpy as np

from ..errors import DivergedError, InputError
from ..flows.base import SEED
from ..solvers.pair import SolverPair
from ..storage.files import PARTIAL, write_json
from ..storage.frames import sim_folder
from .recording import Recording
from .solvers import Drawable, Trained, restrict, swirl
from .values import Values
from .views import COMPUTING

SOURCE, CORRECTED, REFERENCE = "source", "corrected", "reference"
SOLVERS = (SOURCE, CORRECTED, REFERENCE)
CURVE = 5000  # steps of the error curves that are kept
AVERAGED = 20  # steps over which speeds are averaged


class Live:
    """
    Three simulations of one flow side by side: the source, the source with a corrector in its loop, and the reference.

    The correction enters with a gain g: one step of the corrected simulation is `P(s) + g (H(s) - P(s))`, P the
        source step and H the
    step of the hybrid solver. With g = 0 it is the source step itself, with g = 1 the hybrid step itself; a
    blend of two divergence-free velocities has no divergence either, wherever the corrector works.

    All methods may be called from any thread. Nothing is computed, and TensorFlow not imported, before the
    first step or action.
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
        Args:
            pair: Source and reference flow.
            parameters: Values to begin with.
            correctors: Folders of the correctors that may be chosen, by name; the first is.
            starts: Recordings of the full-resolution reference that a simulation may start from, by name.
            prepare: Called before TensorFlow is imported.
        """
        self.pair, self.parameters, self.correctors, self.starts = pair, dict(parameters), correctors, starts or {}
        self.gain = 1.0
        self.corrector = next(iter(correctors), "")
        self.start = next(iter(self.starts), "")
        self.steps = 0
        self.message = ""
        self.version = 0
        self.curves: dict[str, deque] = {}
        self._seconds: dict[str, deque] = {}
        self._prepare = prepare
        self._lock = RLock()
        self._arrays: dict[str, dict] = {}
        self._hybrids: dict[str, Trained] = {}
        self._draw: dict[str, Drawable] = {}
        self._shown: dict[str, dict[str, Values]] = {}
        self._random = np.random.default_rng(0)
        self._saved: Path | None = None

    # --- settings ---

    def set_parameter(self, name: str, value: float):
        """
        Another value from the next step on; another seed starts anew.

        Raises:
            InputError: if the value is not possible or a simulation would be unstable with it.
        """
        if name not in self.parameters:
            raise InputError(f"There is no parameter {name!r}. Parameters: {', '.join(self.parameters)}.")
        value = float(int(value)) if name == SEED else float(value)
        if abs(value - self.parameters[name]) <= 1e-6 * abs(self.parameters[name]):
            return  # what a logarithmic slider makes of the same value
        changed = self.parameters | {name: value}
        with COMPUTING:
            self.pair.source.parameter_tensors(changed)
            for flow in (self.pair.source, self.pair.reference):
                flow.check_stability(flow.dt, **changed)
        self.parameters = changed
        if name == SEED:
            self.start = ""
            if self._arrays:
                self.reset()

    def set_gain(self, gain: float):
        """
        Raises:
            InputError: if it is not in [0, 1].
        """
        if not 0 <= gain <= 1:
            raise InputError(f"The gain must be between 0 and 1, not {gain!r}.")
        self.gain = float(gain)

    def choose(self, corrector: str | None = None, start: str | None = None):
        """
        Another corrector from the next step on, or another start, which resets.

        Raises:
            InputError: if there is none of this name.
        """
        for name, known in ((corrector, self.correctors), (start, self.starts)):
            if name and name not in known:
                raise InputError(f"There is no {name!r}. Known: {', '.join(known) or 'none'}.")
        if corrector is not None:
            self.corrector = corrector
        if start is not None and start != self.start:
            self.start = start
            self.reset()

    # --- what runs ---

    def reset(self):
        """Back to the start. With a recorded start its parameters are taken, too."""
        with self._lock, COMPUTING:
            self._reset()

    def step(self):
        """
        One step of all three.

        Raises:
            DivergedError: if a simulation is no longer finite.
            InputError: if the corrector does not fit.
        """
        with self._lock, COMPUTING:
            if not self._arrays:
                self._reset()
            tf = self._tf
            parameters = {n: tf.constant(v) for n, v in self._batched_parameters().items()}
            solvers = {SOURCE: self.pair.source, CORRECTED: self._corrected, REFERENCE: self.pair.reference}
            for name in SOLVERS:
                begin = time.perf_counter()
                self._arrays[name] = solvers[name](
                    self._arrays[name], parameters, tf.constant(self.pair.source.dt, tf.float32)
                )
                values = {n: a.numpy()[0] for n, a in self._arrays[name].items()}
                self._seconds.setdefault(name, deque(maxlen=AVERAGED)).append(time.perf_counter() - begin)
                self._draw_state(name, values)
            self.steps += 1
            self.message = ""
            self._measure()
            self.version += 1

    def poke(self):
        """Adds the same swirl to all three, half as fast as the fastest motion, at a random place."""
        with self._lock, COMPUTING:
            if not self._arrays:
                self._reset()
            flow = self.pair.source
            fastest = max(float(np.abs(p).max()) for p in self._shown[REFERENCE]["velocity"].parts.values())
            speed = 0.5 * (fastest or min(flow.spacing.values()) / flow.dt)
            centre = {d: size * self._random.uniform(0.3, 0.7) for d, size in flow.size.items()}
            radius = 0.08 * min(flow.size.values())
            for name in SOLVERS:
                own = self.pair.reference if name == REFERENCE else flow
                added = {
                    n: self._tf.constant(v[None], self._tf.float32)
                    for n, v in swirl(own, centre, radius, speed).items()
                }
                self._arrays[name] = {n: a + added[n] if n in added else a for n, a in self._arrays[name].items()}
                self._draw_state(name, {n: a.numpy()[0] for n, a in self._arrays[name].items()})
            self._measure(replace=True)
            self.version += 1

    def save(self, folder: Path) -> Path:
        """
        Writes the state of all three into a PhiFlow scene below `folder`, with fields such as
        `source_velocity`, as the frame of this step. Saved again before a reset, it goes into the same scene.

        Returns:
            The scene's directory.

        Raises:
            InputError: if there is nothing to save yet.
        """
        with self._lock, COMPUTING:
            if not self._arrays:
                raise InputError("There is nothing to save yet: make a step first.")
            from phi.field import write

            from ..stepping.arrays import unpack

            if self._saved is None or not self._saved.is_relative_to(folder):
                index = 0
                while sim_folder(folder, index).exists():
                    index += 1
                self._saved = sim_folder(folder, index)
            target = self._saved
            (target / PARTIAL).mkdir(parents=True, exist_ok=True)
            for name in SOLVERS:
                flow = self.pair.reference if name == REFERENCE else self.pair.source
                state = unpack(flow, {n: a.numpy() for n, a in self._arrays[name].items()}, self._batched_parameters())
                for field in self._draw[name].fields:
                    part = target / PARTIAL / f"{name}_{field}_{self.steps:06d}.npz"
                    write(state.fields[field], str(part))
                    part.replace(target / part.name)
            (target / PARTIAL).rmdir()
            facts = {
                "flow": self.pair.source.config(),
                "parameters": self.parameters,
                "gain": self.gain,
                "corrector": self.corrector,
            }
            write_json(target / "description.json", facts)
            return target

    # --- what is shown ---

    def values(self, solver: str, full: bool = False) -> dict[str, Values]:
        """
        The fields of a simulation; those of the reference restricted unless `full`.

        Raises:
            InputError: before the first step.
        """
        shown = self._shown.get(REFERENCE + " (full)" if full and solver == REFERENCE else solver)
        if shown is None:
            raise InputError(self.message or "Not started: press Step or Play.")
        return shown

    def speeds(self) -> dict[str, float]:
        """Steps per second of each, if it ran alone, averaged over the last steps."""
        return {n: len(s) / sum(s) for n, s in self._seconds.items() if len(s)}

    @property
    def iterations(self) -> int | None:
        """Of conjugate gradients in the last corrected step, if it started from a guess."""
        trained = self._hybrids.get(self.corrector)
        return None if trained is None else trained.iterations

    # --- inside ---

    @property
    def _tf(self):
        import tensorflow as tf

        return tf

    def _reset(self):
        if not self._draw:
            self.message = "starting TensorFlow ..."
            self._prepare()
            self._draw = {n: Drawable(self.pair.reference if n == REFERENCE else self.pair.source) for n in SOLVERS}
        self.message = "compiling ..."
        reference = self._start_arrays()
        self._arrays, self.steps, self._saved = {}, 0, None
        self.curves = {n: deque(maxlen=CURVE) for n in (SOURCE, CORRECTED)}
        for seconds in self._seconds.values():
            seconds.clear()
        tf, coarse = self._tf, self._restricted_start(reference)
        for name in SOLVERS:
            arrays = reference if name == REFERENCE else coarse
            self._arrays[name] = {n: tf.constant(a[None], tf.float32) for n, a in arrays.items()}
            self._draw_state(name, arrays)
        self._measure()
        self.message = ""
        self.version += 1

    def _start_arrays(self) -> dict[str, np.ndarray]:
        from ..stepping.arrays import pack
        from ..storage.frames import read_frame

        flow = self.pair.reference
        if self.start:
            recording = self.starts[self.start]
            self.parameters = {n: float(recording.parameters[n]) for n in flow.parameters}
            return read_frame(flow, recording.folder, recording.frames[0])
        arrays, _, _ = pack(flow, flow.initial_state(**self.parameters))
        return {n: a.numpy()[0] for n, a in arrays.items()}

    def _restricted_start(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        coarse = self.pair.restrict_arrays({n: a[None] for n, a in arrays.items()}, self._batched_parameters())
        return {n: a.numpy()[0] for n, a in coarse.items()}

    def _batched_parameters(self) -> dict[str, np.ndarray]:
        return {n: np.array([v], np.float32) for n, v in self.parameters.items()}

    def _corrected(self, arrays, parameters, dt):
        plain = self.pair.source(arrays, parameters, dt)
        gain = self.gain
        if gain == 0 or not self.corrector:
            return plain
        full = self._hybrid()(arrays, parameters, dt)
        if gain == 1:
            return full
        return {n: plain[n] + gain * (full[n] - plain[n]) for n in plain}

    def _hybrid(self) -> Trained:
        if self.corrector not in self._hybrids:
            self._hybrids[self.corrector] = Trained(self.pair.source, self.correctors[self.corrector])
        return self._hybrids[self.corrector]

    def _draw_state(self, name: str, arrays: dict[str, np.ndarray]):
        if not all(np.isfinite(a).all() for a in arrays.values()):
            raise DivergedError(f"The {name} simulation is no longer finite at step {self.steps + 1}.")
        values = self._draw[name](arrays)
        if name == REFERENCE:
            self._shown[f"{name} (full)"] = values
            values = {n: restrict(v, self.pair.ratio) for n, v in values.items()}
        self._shown[name] = values

    def _measure(self, replace: bool = False):
        """Velocity MAE of source and corrected against the restricted reference."""
        from ..metrics import mean_absolute_error

        draw = self._draw[SOURCE]
        stored = {n: draw.stored(self._shown[n]) for n in SOLVERS}
        names = [n for n in stored[SOURCE] if n.startswith("velocity")]
        batched = {s: {n: a[n][None] for n in names} for s, a in stored.items()}
        for name, curve in self.curves.items():
            if replace and curve:
                curve.pop()
            curve.append((self.steps, float(mean_absolute_error(batched[name], batched[REFERENCE], names)[0])))
