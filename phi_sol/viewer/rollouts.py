"""
Rollouts of source and hybrid from frame 0 of a recorded simulation, computed in the background and kept in memory.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import LifoQueue
from threading import Lock, Thread

import numpy as np

from ..errors import InputError
from ..flows import Flow
from ..storage.frames import read_frame
from .compat import one_line
from .recording import Recording
from .solvers import Drawable, Trained, pair_of
from .values import Values
from .views import COMPUTING

LOG = logging.getLogger(__name__)
MEMORY = 1 << 30  # bytes of frames that are kept, all rollouts together


@dataclass
class Rollout:
    """
    Frames of one solver, filled in while they are computed.

    Attributes:
        total: Number of the last frame.
        frames: Native arrays per frame, the start included.
        mae: Velocity MAE against the recorded reference per frame; NaN where the frame can't be read.
        iterations: Of conjugate gradients in frame 1, 2, ..., where they start from a guess.
        error: Why it ended early, in one line.
        message: What is being done before the first frame.
    """

    total: int
    draw: Drawable | None = None
    frames: list[dict[str, np.ndarray]] = field(default_factory=list)
    mae: list[float] = field(default_factory=list)
    iterations: list[int] = field(default_factory=list)
    error: str = ""
    message: str = "waiting"

    @property
    def done(self) -> bool:
        return bool(self.error) or len(self.frames) > self.total

    @property
    def bytes(self) -> int:
        return len(self.frames) * sum(a.nbytes for a in self.frames[0].values()) if self.frames else 0

    def values(self, frame: int) -> dict[str, Values]:
        """
        The fields of a frame.

        Raises:
            InputError: if it is not there (yet).
        """
        if frame < len(self.frames):
            return self.draw(self.frames[frame])
        if self.error:
            raise InputError(self.error)
        raise InputError(
            f"{len(self.frames)} of {self.total + 1} frames computed" if self.frames else f"{self.message} ..."
        )


class Rollouts:
    """Computes rollouts one after the other in one thread; what was asked for last comes first."""

    def __init__(self, known_flows: tuple[type[Flow], ...] = (), prepare: Callable[[], None] = lambda: None):
        """
        Args:
            known_flows: Flow classes besides those of phi_sol.
            prepare: Called before TensorFlow is imported.
        """
        self._known, self._prepare = known_flows, prepare
        self._jobs: LifoQueue = LifoQueue()
        self._all: OrderedDict[tuple, Rollout] = OrderedDict()
        self._lock, self._thread = Lock(), None

    def request(self, recording: Recording, run: Path | None) -> Rollout:
        """
        The rollout of the source, or of the corrector in `run`, over the frames of a recording; starts it if need be.
        """
        stamp = max([p.stat().st_mtime_ns for p in run.glob("*.keras")], default=0) if run is not None else 0
        key = (recording.folder, run, stamp, len(recording.frames))
        with self._lock:
            if key in self._all:
                self._all.move_to_end(key)
                return self._all[key]
            rollout = self._all[key] = Rollout(recording.frames[-1])
            while sum(r.bytes for r in self._all.values()) > MEMORY and len(self._all) > 3:
                self._all.popitem(last=False)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="rollouts", daemon=True)
                self._thread.start()
        self._jobs.put((rollout, recording, run))
        return rollout

    def of(self, recording: Recording) -> dict[Path | None, Rollout]:
        """All rollouts of a recording that were asked for, by run (None: the source)."""
        with self._lock:
            return {key[1]: r for key, r in self._all.items() if key[0] == recording.folder}

    def _work(self):
        while True:
            rollout, recording, run = self._jobs.get()
            try:
                self._compute(rollout, recording, run)
            except Exception as err:
                LOG.info("a rollout failed", exc_info=err)
                rollout.error = str(err) if isinstance(err, InputError) else one_line(err)

    def _compute(self, rollout: Rollout, recording: Recording, run: Path | None):
        rollout.message = "starting TensorFlow"
        with COMPUTING:
            self._prepare()
            import tensorflow as tf

            from ..stepping.arrays import array_names

            rollout.message = "compiling"
            flow = pair_of(recording.description.get("pair"), self._known).source
            rollout.draw = Drawable(flow)
            trained = None if run is None else Trained(flow, run)
        names = [n for n in array_names(flow) if n.startswith("velocity")]
        start = read_frame(flow, recording.folder, recording.frames[0])
        arrays = {n: tf.constant(a[None].astype(np.float32)) for n, a in start.items()}
        parameters = {n: tf.constant([recording.parameters[n]], tf.float32) for n in flow.parameters}
        self._keep(rollout, flow, recording, names, {n: a.numpy()[0] for n, a in arrays.items()})
        sequence = (
            flow.frames(arrays, parameters, rollout.total)
            if trained is None
            else trained.rollout(arrays, parameters, rollout.total)
        )
        while True:
            with COMPUTING:
                kept = next(sequence, None)
            if kept is None:
                return
            values = {n: a.numpy()[0] for n, a in kept.items()}
            if not all(np.isfinite(values[n]).all() for n in names):
                raise InputError(f"blew up at frame {len(rollout.frames)}")
            if trained is not None and trained.iterations is not None:
                rollout.iterations.append(trained.iterations)
            self._keep(rollout, flow, recording, names, values)

    @staticmethod
    def _keep(rollout: Rollout, flow: Flow, recording: Recording, names: list[str], values: dict[str, np.ndarray]):
        from ..metrics import mean_absolute_error

        try:
            reference = read_frame(flow, recording.folder, len(rollout.frames))
            batched = [{n: a[n][None] for n in names} for a in (values, reference)]
            rollout.mae.append(float(mean_absolute_error(*batched, names)[0]))
        except InputError:  # a damaged frame
            rollout.mae.append(float("nan"))
        rollout.frames.append(values)
