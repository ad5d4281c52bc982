"""The batches that the simulations of a data folder are computed in, by one process or by several."""

import logging
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from pathlib import Path

from ..errors import InputError, MissingError
from ..files import visible
from ..flows.comparison import first_difference
from ..solvers.pair import SolverPair
from ..stepping.arrays import array_names
from ..storage.files import read_json, write_json
from ..storage.frames import DESCRIPTION, as_stored, read_description, stored_checksums
from ..storage.locks import LOCK, held
from .checkpoint import Checkpoint
from .simulator import Job, Simulator
from .verification import Verification

LOG = logging.getLogger(__name__)


class Batches:
    """
    What is there of simulations, and what is computed together.

    Attributes:
        folder: Of the data.
        pair: Source and reference flow.
        jobs: The simulations.
        batch: How many are computed together, at most.
        frames: Recorded steps of each.
        warmup: Steps before.
        steps: Of both together.
    """

    folder: Path
    pair: SolverPair
    jobs: list[Job]
    batch: int
    frames: int
    warmup: int
    steps: int
    _verification: Verification
    _simulator: Simulator

    def _job(self, folder: Path, config: dict, advice: str) -> Job:
        try:
            description, stored = read_description(folder)
        except MissingError:
            if visible(folder):
                raise InputError(f"{folder} has files but no {DESCRIPTION}: it is not ours. {advice}") from None
            return Job(folder, config, done=False)
        if difference := first_difference(stored, config):
            raise InputError(f"{folder} holds another configuration: {difference}. {advice}")
        return Job(folder, stored, description["complete"], checksums=stored_checksums(description))

    def verified(self, job: Job) -> Job:
        """A simulation that counts as done only if all of its frames are there as they were generated."""
        if job.done and (wrong := self._verification.wrong(job.folder, self.frames + 1, job.checksums)):
            LOG.warning("%s: the simulation is computed again.", wrong)
            return replace(job, done=False)
        return job

    def parts(self) -> list[list[Job]]:
        """What is computed together if nothing is finished yet."""
        size = ceil(len(self.jobs) / ceil(len(self.jobs) / self.batch))  # whatever is finished: the same batches again
        return [self.jobs[first : first + size] for first in range(0, len(self.jobs), size)]

    def _batches(self, part: list[Job]) -> list[tuple[int, list[Job]]]:
        """What of a part is computed together, and from which step on."""
        starts: dict[int, list[Job]] = {}
        if left := [job for job in part if not job.done]:
            entries = self._checkpoint(left).entries
            for job in left:
                step = entries[job.key].step if job.key in entries else 0
                starts.setdefault(step, []).append(job)
        return list(starts.items())

    def _checkpoint(self, jobs: list[Job]) -> Checkpoint:
        """What there is of these simulations to go on from, where their frames are as they were written."""
        keys, verification = [job.key for job in jobs], self._verification
        checkpoint = Checkpoint(self.folder, jobs[0].folder.name, array_names(self.pair.reference), keys)
        for job in jobs:
            if entry := checkpoint.entries.pop(job.key, None):
                frames = max(0, entry.step - self.warmup + 1)
                if not verification.wrong(job.folder, frames, entry.checksums):
                    checksums = entry.checksums or verification.checksums(job.folder, frames)
                    checkpoint.entries[job.key] = replace(entry, checksums=checksums)
        return checkpoint

    def missing_steps(self, part: list[Job]) -> int:
        return sum(len(jobs) * (self.steps - start) for start, jobs in self._batches(part))

    def compute(
        self, number: int, steps: int, progress: Callable[[float], None], wait: bool = True
    ) -> dict[str, int] | None:
        """
        Computes what is missing of a batch, so many `steps` when that was looked up last; `progress` is called with how
        many of them are done. Returns what `Simulator.run` returns; None if another process is at it, and this one does
        not `wait`.
        """
        part, diverged = [self.verified(job) for job in self.parts()[number]], {}
        with held([job.folder / LOCK for job in part if not job.done], wait) as ours:
            if not ours:
                return None
            part = [self.verified(self._looked_up(job)) for job in part]  # now that no other process works at it
            done = steps - self.missing_steps(part)

            def advanced(more: int):
                nonlocal done
                done += more
                progress(done)

            advanced(0)
            for start, jobs in self._batches(part):
                diverged |= self._simulator.run(jobs, start, self._checkpoint(jobs), advanced)
            for job in map(self._looked_up, part):
                if job.done:  # else another process may wait for this very file
                    (job.folder / LOCK).unlink(missing_ok=True)
        return diverged

    def add_checksums(self, jobs: list[Job]):
        """Of finished simulations from earlier versions, which had none."""
        for job in jobs:
            found, path = self._verification.checksums(job.folder, self.frames + 1), job.folder / DESCRIPTION
            write_json(path, read_json(path) | {"checksums": as_stored(found)})
        if jobs:
            LOG.warning("%d simulations of %s had no checksums, and have them now.", len(jobs), self.folder)

    def look_up(self):
        """Takes notice of what other processes have computed meanwhile."""
        self.jobs = [self._looked_up(job) for job in self.jobs]

    def _looked_up(self, job: Job) -> Job:
        """What there is of a simulation now."""
        return replace(self._job(job.folder, job.config, "Remove it."), start=job.start)
