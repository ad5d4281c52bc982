"""Reference simulations computed together in compiled loops, their frames written while the next ones are computed."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from phi.math import batch

from ..flows import Flow
from ..kernels.compiled import Arrays
from ..kernels.loops import Loop
from ..kernels.settings import traced
from ..solvers.pair import SolverPair
from ..stepping.arrays import array_names, pack, unpack
from ..stepping.state import State
from ..storage.files import fingerprint, versions, write_json
from ..storage.frames import DESCRIPTION, REFERENCE, Checksums, FrameFormat, as_stored, tidy
from .checkpoint import Checkpoint, Entry

BLOCK = 10  # steps in one compiled loop, at most
CHECKPOINT_EVERY = 100
WRITERS = min(4, os.cpu_count() or 1)
BATCH_BYTES = {"CPU": 4 * 2**20, "GPU": 128 * 2**20}  # of the states of a batch; a step needs some 30 times of it
MOST = {"CPU": 8, "GPU": 64}  # simulations in a batch


@dataclass(frozen=True)
class Job:
    """
    One simulation to be on disk afterwards.

    Attributes:
        folder: Where.
        config: What defines it.
        done: Whether it is there.
        start: The arrays that it begins from; None for the flow's own.
        checksums: Of its frames, as its description has them.
    """

    folder: Path
    config: dict
    done: bool
    start: dict[str, np.ndarray] | None = None
    checksums: Checksums | None = None

    @property
    def key(self) -> str:
        return fingerprint(self.config)

    def __str__(self):
        return ", ".join(f"{n}={v:g}" for n, v in self.config["parameters"].items())


def automatic_batch(flow: Flow) -> int:
    """
    How many simulations are computed together by default: on a CPU as many as have states of 4 MiB together, at most 8,
    where more stop to pay (docs/performance.md); on a GPU, where nothing was measured, 128 MiB and at most 64.
    """
    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    cells = int(np.prod(list(flow.resolution.values())))
    return int(np.clip(BATCH_BYTES[device] // (4 * cells * len(array_names(flow))), 1, MOST[device]))


class Simulator:
    """
    Computes batches of reference simulations and records them.

    A block of steps of all simulations of a batch is one compiled loop, which keeps the restricted fields only. Where a
    full-resolution frame is due a block ends. The blocks of an interrupted batch begin at the same steps when it goes
    on.
    """

    def __init__(self, pair: SolverPair, warmup: int, frames: int, keep_reference_every: int):
        self.pair, self.warmup, self.frames, self.every = pair, warmup, frames, keep_reference_every
        self.steps = warmup + frames  # of the source's dt in one simulation
        self.coarse, self.fine = coarse, fine = FrameFormat(pair.source), FrameFormat(pair.reference)
        self._loop = Loop(pair.fine.advance, True, lambda a, p: coarse.file_values(pair.restrict(self._state(a, p))))
        self._full = traced(lambda a, p: fine.file_values(self._state(a, p)))

    def _state(self, arrays: Arrays, parameters: Arrays) -> State:
        return unpack(self.pair.reference, arrays, parameters, batch(batch=next(iter(arrays.values())).shape[0]))

    @property
    def files(self) -> list[tuple[str, int, int]]:
        """Of a simulation: the files of each field, with how many bytes each before compression, and how many."""
        kept = self.frames // self.every + 1
        kinds = (("", self.coarse, self.frames + 1), (f"{REFERENCE}/", self.fine, kept))
        return [
            (f"{place}{field}_*.npz", size, count)
            for place, form, count in kinds
            for field, size in zip(form.flow.fields, form.file_sizes, strict=True)
        ]

    def run(
        self, jobs: list[Job], start: int, checkpoint: Checkpoint, advanced: Callable[[int], None]
    ) -> dict[str, int]:
        """
        Computes a batch. A simulation that diverges takes no part from then on; the others go on.

        Args:
            start: Step at which all of them are in the checkpoint, or 0.
            checkpoint: Keeps their states every 100 steps.
            advanced: Called with the number of steps, of all simulations together, after each block.

        Returns:
            The parameters of each simulation that diverged, in words, and the step by which it did.
        """
        reference = self.pair.reference
        given = {n: [job.config["parameters"][n] for job in jobs] for n in reference.parameters}
        arrays, parameters, _ = pack(reference, reference.initial_state(**given))
        if given_starts := [job.start for job in jobs if job.start is not None]:
            arrays = {n: tf.constant(np.stack([s[n] for s in given_starts])) for n in arrays}
        if start:
            entries = [checkpoint.entries[job.key] for job in jobs]
            arrays = {n: tf.constant(np.stack([e.arrays[n] for e in entries])) for n in arrays}
            known = [{n: list(v) for n, v in (e.checksums or {}).items()} for e in entries]
        else:
            known = [{} for _ in jobs]
        dt = tf.constant(self.pair.fine.dt, tf.float32)
        for job in jobs:
            describe(job, complete=False)
        healthy, diverged, writing = list(range(len(jobs))), {}, {}
        with ThreadPoolExecutor(WRITERS) as pool:
            for end, count, every in self._blocks(start):
                arrays, kept = self._loop.frames(arrays, parameters, dt, count, every, BLOCK)
                coarse = {n: k[:count].numpy() for n, k in kept.items()}
                bad = [i for i in healthy if not all(np.isfinite(c[:, i]).all() for c in coarse.values())]
                diverged |= {str(jobs[i]): end for i in bad}
                healthy = [i for i in healthy if i not in bad]
                if not healthy:
                    break
                if bad:  # another is computed twice: infinite speeds would send all to the advection's slow branch
                    rows = [i if i in healthy else healthy[0] for i in range(len(jobs))]
                    arrays, parameters = ({n: tf.gather(a, rows) for n, a in g.items()} for g in (arrays, parameters))
                due = end >= self.warmup and (end - self.warmup) % self.every == 0
                fine = {n: a.numpy() for n, a in self._full(arrays, parameters).items()} if due else {}
                _wait(writing, known)
                writing = {i: pool.submit(self._write, jobs[i].folder, end, coarse, fine, i) for i in healthy}
                if end % CHECKPOINT_EVERY == 0 and end < self.steps:
                    _wait(writing, known)
                    os.sync()  # in one go: a file at a time would take several times as long as writing them
                    now = {n: a.numpy() for n, a in arrays.items()}
                    state = {i: {n: a[i] for n, a in now.items()} for i in healthy}
                    checkpoint.save({jobs[i].key: Entry(end, state[i], known[i]) for i in healthy})
                advanced(len(jobs) * count * every)
            _wait(writing, known)
        os.sync()  # frames are on the disk before a description says that they are there
        for i in healthy:
            describe(jobs[i], complete=True, checksums=known[i])
        checkpoint.drop()
        return diverged

    def _blocks(self, step: int) -> Iterator[tuple[int, int, int]]:
        """The last step of each block, how often something is kept, and after how many steps each."""
        if step == self.warmup == 0:
            yield 0, 1, 0  # frame 0 is the start itself
        while step < self.steps:
            limits = [step - step % n + n for n in (BLOCK, CHECKPOINT_EVERY)]
            if step < self.warmup:
                end = min(*limits, self.warmup)
                yield end, 1, end - step
            else:
                frame = step - self.warmup
                end = min(*limits, self.steps, self.warmup + frame - frame % self.every + self.every)
                yield end, end - step, 1
            step = end

    def _write(
        self, folder: Path, end: int, coarse: dict[str, np.ndarray], fine: dict[str, np.ndarray], row: int
    ) -> dict[str, list[str]]:
        """
        Writes what was kept up to step `end` of one simulation: the last entry of `coarse` belongs to it. Returns the
        checksums of these frames.
        """
        last, count = end - self.warmup, len(next(iter(coarse.values())))
        known: dict[str, list[str]] = {}
        for frame in range(max(0, last - count + 1), last + 1):  # before, it was the warm-up
            written = self.coarse.write(folder, frame, {n: c[frame - last - 1, row] for n, c in coarse.items()})
            for name, value in written.items():
                known.setdefault(name, []).append(value)
        if fine:
            written = self.fine.write(folder / REFERENCE, last, {n: f[row] for n, f in fine.items()})
            known |= {f"{REFERENCE}/{n}": [value] for n, value in written.items()}
        return known


def describe(job: Job, complete: bool, checksums: Checksums | None = None, kept: bool = True):
    """Leaves a folder without parts of files, and a description in it; `kept`: with a folder of the reference."""
    job.folder.mkdir(parents=True, exist_ok=True)
    for folder in (job.folder, job.folder / REFERENCE):
        tidy(folder)
    facts: dict = {"versions": versions(), "fingerprint": job.key, "complete": complete}
    if checksums is not None:
        facts["checksums"] = as_stored(checksums)
    write_json(job.folder / DESCRIPTION, job.config | facts)  # before all else, by which other processes know it
    if kept:
        (job.folder / REFERENCE).mkdir(exist_ok=True)


def _wait(writing: dict[int, Future], known: list[dict[str, list[str]]]):
    """Waits for what is being written, and takes down its checksums."""
    for i in list(writing):
        for name, values in writing.pop(i).result().items():
            known[i].setdefault(name, []).extend(values)
