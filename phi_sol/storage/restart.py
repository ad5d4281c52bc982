"""Long rollouts that go on after they were killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..arguments import checked
from ..errors import InputError, MissingError, integer
from ..files import checksum, read_arrays, visible, write_arrays
from ..flows.comparison import first_difference
from ..places import check_place
from ..stepping.solver import Solver
from .locks import LOCK, held

FILE, KIND, FRAMES = "restart.npz", "restart", "frames"


class Restart:
    """
    Where a rollout keeps what it needs to go on after it was killed:

        frames = solver.rollout(state, steps=1_000_000, keep_every=100, restart=Restart("wake.restart", every=10_000))

    The same line, run again, goes on from the last restart, and ends with the very same frames as without the kill, bit
    by bit (on the same kind of machine). A folder holds `restart.npz`, the arrays of the solver in full precision with
    what tells the rollout from others, and `frames_000000000.npz`, ..., the frames kept so far. Frames are written
    before the restart that counts them, each file as a whole, so that nothing is lost or half there whenever the
    process ends. The folder is left when the rollout is done: run once more, the line gives its frames without
    computing anything; with more `steps`, it goes on. Remove the folder when nothing of it is needed any more.

    Attributes:
        folder: The folder.
        every: Steps between two restarts at most, but for frames that are farther apart.

    Examples:
        >>> flow.rollout(start, 4, progress=False, restart=ps.Restart("long", every=1000))  # goes on after a kill
        Rollout(4 frames of WakeFlow(y=16, x=8, dt=1, advection='semi_lagrangian'), times 1 to 4)
    """

    @checked
    def __init__(self, folder: str | Path, every: int = 1000):
        """Raises InputError for a number that is no positive integer, or a file in place of the folder."""
        self.folder, self.every = Path(folder), integer("The steps between restarts", every, 1)
        check_place(self.folder, "Name another folder for the restart.")
        self._about: dict = {}
        self._count, self._pending, self._known = 0, [], []

    def begin(self, solver: Solver, arrays: dict, parameters: dict, keep_every: int) -> tuple[dict, list[dict]]:
        """
        The arrays that a rollout goes on from, `arrays` where nothing has been kept yet, and the frames before, by
        name, in parts of shape (frames, batch, ...).

        Raises:
            InputError: if the folder holds another rollout, something else, or a damaged file.
        """
        start = {n: a.numpy() for n, a in (arrays | {f"parameter {n}": p for n, p in parameters.items()}).items()}
        about = {"solver": solver.config(), "start": checksum(start), "keep_every": keep_every}
        self._about, self._count, self._pending, self._known = about, 0, [], []
        try:
            stored, last = self._read(FILE, KIND)
        except MissingError:
            if any(not p.name.startswith(FRAMES) for p in visible(self.folder)):
                raise InputError(f"{self.folder} holds something else: name another folder for the restart.") from None
            return arrays, []
        difference = first_difference({n: stored.get(n) for n in about}, about)
        if difference:
            what = "it began from another state" if difference.startswith("start is") else difference
            raise InputError(f"{self.folder} holds another rollout: {what}. Remove it, or name another folder.")
        import tensorflow as tf

        parts = list(self._parts(stored["frames"], stored.get("parts")))
        self._count = stored["frames"]
        return {n: tf.constant(last[n]) for n in arrays}, parts

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within it no other process writes into the folder, which is made; InputError if one does."""
        with held([self.folder / LOCK], wait=False) as ours:
            if not ours:
                raise InputError(f"Another process writes into {self.folder}: wait for it, or name another folder.")
            yield

    def add(self, arrays: dict, kept: dict, last: bool):
        """Takes frames, shape (frames, batch, ...), and the arrays after them; writes them when it is time to."""
        self._pending.append({n: k.numpy() for n, k in kept.items()})
        count = sum(len(next(iter(p.values()))) for p in self._pending)
        if not last and count < self.every // self._about["keep_every"]:
            return
        frames = {n: np.concatenate([p[n] for p in self._pending]) for n in self._pending[0]}
        write_arrays(self.folder / _name(self._count), frames, {"kind": FRAMES})
        self._count, self._pending = self._count + count, []
        self._known.append(checksum(frames))
        state = {n: a.numpy() for n, a in arrays.items()}
        facts = {"kind": KIND, "version": 1, "frames": self._count, "parts": self._known}
        write_arrays(self.folder / FILE, state, facts | self._about)

    def _parts(self, count: int, checksums: list[str] | None) -> Iterator[dict[str, np.ndarray]]:
        """The frames kept so far, in parts; their checksums are not known (None) in folders of earlier versions."""
        done = 0
        while done < count:
            try:
                _, frames = self._read(_name(done), FRAMES)
            except MissingError as err:
                raise InputError(f"{err} Remove {self.folder} to begin anew.") from err
            self._known.append(checksum(frames))
            if checksums is not None and self._known != checksums[: len(self._known)]:
                name = self.folder / _name(done)
                raise InputError(f"{name} is not the one that was written. Remove {self.folder} to begin anew.")
            yield frames
            done += len(next(iter(frames.values())))

    def _read(self, name: str, kind: str) -> tuple[dict, dict]:
        try:
            return read_arrays(self.folder / name, kind)
        except MissingError:
            raise
        except InputError as err:
            raise InputError(f"{err} Remove {self.folder} to begin anew.") from err

    def __repr__(self):
        return f"Restart({str(self.folder)!r}, every={self.every})"


def _name(first: int) -> str:
    """File of a part of the frames, by the number of frames before it."""
    return f"{FRAMES}_{first:09d}.npz"
