"""Rollouts of source and hybrid from frame 0 of a recording, computed in the background and kept in memory."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, RLock, Thread
from typing import Any

import numpy as np

from ..errors import InputError, one_line
from ..flows import Flow
from ..metrics import mean_absolute_error
from ..metrics.metric import compared_arrays
from ..pictures.values import Values, flow_values
from .recording import Recording

OUTSIDE = "distance from the training"  # a field of corrected solvers: 1 and more is outside of it
LOG = logging.getLogger(__name__)
MEMORY = 1 << 30  # bytes of frames that are kept, all rollouts together
COMPUTING = RLock()  # held by whoever uses PhiML or TensorFlow: PhiML's settings are shared by all threads

Arrays = dict[str, np.ndarray]


def tensors(arrays: dict) -> dict:
    """As solvers take them."""
    import tensorflow as tf

    return {n: tf.constant(a, tf.float32) for n, a in arrays.items()}


@dataclass
class Computed:
    """Frames of a source flow, or of what is trained in `run`, filled in while they are computed."""

    recording: Recording
    flow: Flow
    run: Path | None
    total: int  # number of the last frame
    frames: list[Arrays] = field(default_factory=list)  # native arrays, the start included
    mae: list[float] = field(default_factory=list)  # velocity, against the reference; NaN where it can't be read
    diagnostics: dict[str, list[int]] = field(default_factory=dict)  # of frame 1, 2, ..., such as `iterations`
    error: str = ""  # why it ended early, in one line
    remark: str = ""  # about what was trained for another flow
    message: str = "waiting"  # what is being done before the first frame
    solver: Any = None  # once it is there

    @property
    def done(self) -> bool:
        return bool(self.error) or len(self.frames) > self.total

    @property
    def progress(self) -> str:
        """How far it is, in words; empty when it is done."""
        if self.done:
            return self.error
        return f"{len(self.frames)} of {self.total + 1} frames" if self.frames else f"{self.message} ..."

    @property
    def bytes(self) -> int:
        return sum(a.nbytes for a in self.frames[0].values()) * len(self.frames) if self.frames else 0

    def value(self, field: str, frame: int) -> Values | str:
        """A field of a frame, or why it is not there (yet)."""
        if field == OUTSIDE and (self.run is None or frame < len(self.frames)):
            return self._distance(frame)
        if frame < len(self.frames):
            return flow_values(self.flow, self.frames[frame]).get(field, f"no field {field} here")
        return self.error or (f"{self.progress} computed" if self.frames else self.progress)

    def _distance(self, frame: int) -> Values | str:
        """How far each cell is from what the corrector saw in its training, in units of the limit, see `Validity`."""
        corrector: Any = getattr(self.solver, "corrector", None)
        if self.run is None:
            return "not corrected"
        if getattr(corrector, "validity", None) is None:
            return "what is trained here does not know its training: train it again"
        with COMPUTING:
            arrays = tensors({n: a[None] for n, a in self.frames[frame].items()})
            parameters = tensors({n: [self.recording.parameters[n]] for n in self.flow.parameters})
            known = corrector.validity
            seen = known.distances(corrector.look_at(self.flow, arrays, parameters)[0]) / known.limit
        return Values({d: (0.0, size) for d, size in self.flow.size.items()}, {"": seen}, False)


class Rollouts:
    """Computes one after the other, last asked first, in a thread that ends when there is nothing to do."""

    def __init__(self, prepare: Callable[[], None], strict: bool = True):
        """`prepare` is called before TensorFlow is imported; without `strict` runs may be those of other flows."""
        self._prepare, self._strict = prepare, strict
        self._jobs: list[Computed] = []
        self._all: OrderedDict[tuple, Computed] = OrderedDict()
        self._thread: Thread | None = None
        self._lock, self._closed = Lock(), False

    def request(self, recording: Recording, flow: Flow, run: Path | None) -> Computed:
        """That of a source flow, or of what is trained in `run`, over a recording's frames; started if need be."""
        stamp = max([p.stat().st_mtime_ns for p in run.glob("*.keras")], default=0) if run is not None else 0
        key = (recording.folder, run, stamp, len(recording.frames))
        with self._lock:
            if key in self._all:
                self._all.move_to_end(key)
                return self._all[key]
            rollout = self._all[key] = Computed(recording, flow, run, recording.frames[-1])
            while sum(r.bytes for r in self._all.values()) > MEMORY and len(self._all) > 3:
                self._all.popitem(last=False)
            self._jobs.append(rollout)
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._work, name="rollouts", daemon=True)
                self._thread.start()
        return rollout

    def of(self, recording: Recording) -> dict[Path | None, Computed]:
        """All rollouts of a recording that were asked for, by run (None: the source)."""
        with self._lock:
            return {r.run: r for r in self._all.values() if r.recording.folder == recording.folder}

    def close(self):
        """Ends the thread after the frame that it is at."""
        with self._lock:
            self._closed, thread = True, self._thread
        if thread is not None:
            thread.join()

    def _work(self):
        while True:
            with self._lock:
                if self._closed or not self._jobs:
                    self._thread = None
                    return
                rollout = self._jobs.pop()
            try:
                self._compute(rollout)
            except Exception as err:
                LOG.info("a rollout failed", exc_info=err)
                rollout.error = str(err) if isinstance(err, InputError) else one_line(err)

    def _compute(self, rollout: Computed):
        recording, flow, names = rollout.recording, rollout.flow, compared_arrays(rollout.flow)
        rollout.message = "starting TensorFlow"
        with COMPUTING:
            self._prepare()
            from ..tasks import solver_of

            rollout.message = "compiling"
            solver = flow if rollout.run is None else solver_of(rollout.run, flow, strict=self._strict)
            rollout.solver, start = solver, recording.arrays(flow, recording.frames[0])
            flow_values(flow, start)  # fills caches
            first = tensors({n: a[None] for n, a in start.items()})
            parameters = tensors({n: [recording.parameters[n]] for n in flow.parameters})
            rollout.remark = solver.remark(first, parameters)
            sequence = solver.frames(first, parameters, rollout.total)
            arrays: dict | None = first
        while arrays is not None and not self._closed:
            values, mae = {n: a.numpy()[0] for n, a in arrays.items()}, float("nan")
            for name in set(solver.diagnostics) & set(values):
                rollout.diagnostics.setdefault(name, []).append(int(values.pop(name)))
            if not all(np.isfinite(values[n]).all() for n in names):
                raise InputError(f"blew up at frame {len(rollout.frames)}")
            with suppress(Exception):  # whatever a damaged frame raises
                reference = recording.arrays(flow, len(rollout.frames))
                left, right = ({n: a[n][None] for n in names} for a in (values, reference))
                mae = float(mean_absolute_error(left, right, names)[0])
            rollout.mae.append(mae)
            rollout.frames.append(values)
            if rollout.bytes > MEMORY and not rollout.done:
                raise InputError(f"ends at frame {len(rollout.frames) - 1}: no more than {MEMORY >> 20} MB are kept")
            with COMPUTING:
                arrays = next(sequence, None)
