"""Generation of reference simulations: resumable, atomic, and several simulations at a time."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path

from ..arguments import checked
from ..errors import MOST, DivergedError, InputError, MissingError, integer
from ..experiment import FRAMES, Experiment
from ..files import checksum, visible
from ..flows.comparison import first_difference
from ..places import check_place, check_room
from ..progress import showing
from ..stepping.arrays import array_names
from ..stepping.state import State
from ..storage.files import read_json, write_json
from ..storage.frames import DESCRIPTION, as_stored, is_simulation, read_description, sim_folder, stored_checksums
from ..storage.locks import LOCK, held
from .checkpoint import Checkpoint, clear
from .simulator import WRITERS, Job, Simulator, automatic_batch
from .start import starts
from .verification import Verification

LOG = logging.getLogger(__name__)
LESS = "make room, or choose fewer frames, fewer simulations or another folder"
START = "start"  # entry of a configuration whose simulations don't begin from the flow's initial state


class Generator:
    """
    Runs the reference flow of an experiment and writes PhiFlow scenes.

    Each simulation is one folder `sim_000000`, ... with the restricted fields of every frame (`velocity_000000.npz`,
    `marker_000000.npz`, ...), the full-resolution fields of every k-th frame in its sub-folder `reference`, and
    `description.json`.

    Simulations are computed in batches, in one compiled loop. The same batch gives the same bytes, also if it was
    interrupted and goes on; in another batch, or alone, a simulation is the same up to the rounding of float32, which
    an unstable flow amplifies.

    The description of a finished simulation has a checksum of every frame. What is there is trusted only where these
    are those of its files: a simulation with a frame that is missing, damaged, or another one is computed again.
    """

    @checked
    def __init__(
        self,
        experiment: Experiment,
        split: str,
        folder: Path,
        *,
        parameters: dict[str, list[float]] | None = None,
        frames: int | None = None,
        warmup: int | None = None,
        batch: int | None = None,
        start: State | str | Path | None = None,
    ):
        """
        Args:
            experiment: The scene.
            split: `train` or `test`; decides the parameter values.
            folder: Receives the simulations.
            parameters: Values instead of the scene's own.
            frames: Recorded steps instead of the scene's own; frame 0 is the state after the warm-up.
            warmup: Discarded steps instead of the scene's own.
            batch: Simulations computed together, at most; default: as many as pay on this device, see
                `automatic_batch`.
            start: A state of the reference, or a file of one (`State.save`), that simulations begin from, before the
                warm-up, in the place of the flow's initial state; a batch has one for each. It is part of the
                configuration of the data, by a checksum of its values.

        Raises:
            InputError: if a number, parameter or state is not possible, or if `folder` holds anything else than
                simulations of this very configuration. Nothing has been written then.
        """
        self.experiment, self.split, self.folder = experiment, split, Path(folder)
        self.pair = experiment.pair
        self.frames = experiment.frames if frames is None else frames
        self.warmup = experiment.warmup if warmup is None else warmup
        integer("The number of frames", self.frames, 1, FRAMES)
        integer("The number of warm-up steps", self.warmup, 0, MOST - self.frames)
        if batch is not None:
            integer("The number of simulations in a batch", batch, 1)
        every = experiment.keep_reference_every
        common: dict = {"scene": experiment.name, "split": split, "pair": self.pair.config}
        common |= {"warmup": self.warmup, "frames": self.frames, "keep_reference_every": every}
        for flow in (self.pair.source, self.pair.reference):
            if flow.incompressible and flow.obstacles:
                _ = flow.projection  # refuses grids that are too coarse for the obstacle, before anything is computed
        simulations = experiment.simulations(split, parameters)
        for simulation in simulations:
            self.pair.check_stability(**simulation)
        configs = [common | {"parameters": s} for s in simulations]
        states = [None] * len(configs) if start is None else starts(self.pair.reference, start, len(configs))
        configs = [c | ({} if s is None else {START: checksum(s)}) for c, s in zip(configs, states, strict=True)]
        jobs = self._check_folder(configs)
        if not all(job.done for job in jobs):
            check_place(self.folder, "Choose another folder (folder=).")
        self.jobs = [replace(job, start=state) for job, state in zip(jobs, states, strict=True)]
        self.batch = batch or automatic_batch(self.pair.reference)
        self._verification = Verification(self.pair.source.fields, every, WRITERS)
        self.steps = self.warmup + self.frames  # of the source's dt in one simulation
        self._simulator = Simulator(self.pair, self.warmup, self.frames, every)

    def _check_folder(self, configs: list[dict]) -> list[Job]:
        advice = "Choose another folder (folder=), or remove this one."
        if not self.folder.is_dir():
            check_place(self.folder, advice)
        present = visible(self.folder)
        for path in present:
            if not is_simulation(path):
                raise InputError(f"{self.folder} is not a phi_sol data folder: it holds {path.name!r}. {advice}")
            if int(path.name[4:]) >= len(configs):
                found = f"{len(present)} simulations of another configuration ({len(configs)} asked for)"
                raise InputError(f"{self.folder} holds {found}. {advice}")
        return [self._job(sim_folder(self.folder, i), config, advice) for i, config in enumerate(configs)]

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

    def _verified(self, job: Job) -> Job:
        """A simulation that counts as done only if all of its frames are there as they were generated."""
        if job.done and (wrong := self._verification.wrong(job.folder, self.frames + 1, job.checksums)):
            LOG.warning("%s: the simulation is computed again.", wrong)
            return replace(job, done=False)
        return job

    def __repr__(self):
        what = f"{len(self.jobs)} simulations of {self.frames} frames"
        return f"Generator({self.experiment.name} {self.split}: {what}, in {self.folder})"

    def plan(self) -> dict[str, int]:
        """
        What `run` would do, without writing anything.

        Returns:
            `simulations` in all, `finished` ones, `steps` to compute, `batch`: how many simulations together at most,
            `files` of fields per simulation, and the `bytes` of all of these files before compression.
        """
        self.jobs = [self._verified(job) for job in self.jobs]
        batches, files = [b for p in self._parts() for b in self._batches(p)], self._simulator.files
        return {
            "simulations": len(self.jobs),
            "finished": sum(job.done for job in self.jobs),
            "steps": sum(len(jobs) * (self.steps - start) for start, jobs in batches),
            "batch": max((len(jobs) for _, jobs in batches), default=0),
            "files": sum(count for _, _, count in files),
            "bytes": sum(size * count for _, size, count in files) * len(self.jobs),
        }

    @staticmethod
    def check_room(generators: Sequence["Generator"]):
        """Raises InputError if the disk has not the room for what generators, side by side, have still to write."""
        files = [(job, *file) for g in generators for job in g.jobs if not job.done for file in g._simulator.files]
        sizes: Counter[int] = Counter()
        for job, pattern, size, count in files:
            sizes[size] += max(0, count - sum(1 for _ in job.folder.glob(pattern)))
        check_room("What is to be generated", generators[0].folder, sizes, LESS)

    def _parts(self) -> list[list[Job]]:
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

    def run(self, progress: bool | Callable[[int, int], None] = True) -> list[Path]:
        """
        Computes what is not there yet, and returns the folders of all simulations. Of several processes that do this in
        one folder at the same time, also on several machines, each takes batches that no other one has begun, and waits
        at the end for theirs.

        Args:
            progress: Whether progress is shown; or a function that is called with (steps done, steps in all) of all
                simulations together, every few steps.

        Raises:
            DivergedError: if simulations diverged. All others are complete then.
            InputError: if the disk has not the room for what is still to be written.
        """
        with showing(progress, "steps/s") as show:
            return self._run(progress if callable(progress) else partial(show, f"{self.experiment.name} {self.split}"))

    def _run(self, progress: Callable[[int, int], None]) -> list[Path]:
        self.jobs = [self._verified(job) for job in self.jobs]
        self.check_room([self])
        self.folder.mkdir(parents=True, exist_ok=True)
        total, diverged = len(self.jobs) * self.steps, {}
        parts = [(part, self._missing_steps(part)) for part in self._parts()]
        done = total - sum(missing for _, missing in parts)
        progress(done, total)

        def advanced(steps: int):
            nonlocal done
            done += steps
            if steps:
                progress(done, total)

        left = [(part, missing) for part, missing in parts if missing]
        for wait in (False, True):
            taken = []
            for part, missing in left:
                with held([job.folder / LOCK for job in part if not job.done], wait) as ours:
                    if ours:
                        diverged |= self._compute(part, missing, advanced)
                    else:
                        taken.append((part, missing))
            if left := taken:
                count = sum(len(part) for part, _ in left)
                LOG.warning("Another process computes %d simulations of %s: waiting for it.", count, self.folder)
        if diverged:
            names = "; ".join(f"{name} by step {step}" for name, step in diverged.items())
            advice = "Use a smaller time step or a finer grid."
            raise DivergedError(f"{len(diverged)} of {len(self.jobs)} simulations diverged: {names}. {advice}")
        clear(self.folder)
        self._add_checksums([job for job in self.jobs if job.done and job.checksums is None])
        return [job.folder for job in self.jobs]

    def _missing_steps(self, part: list[Job]) -> int:
        return sum(len(jobs) * (self.steps - start) for start, jobs in self._batches(part))

    def _compute(self, part: list[Job], missing: int, advanced: Callable[[int], None]) -> dict[str, int]:
        """
        Computes what of a part is still missing, now that no other process works at it: so many steps were, when that
        was looked up last. Returns what `Simulator.run` returns.
        """
        part, diverged = [self._verified(self._looked_up(job)) for job in part], {}
        advanced(missing - self._missing_steps(part))
        for start, jobs in self._batches(part):
            diverged |= self._simulator.run(jobs, start, self._checkpoint(jobs), advanced)
        for job in map(self._looked_up, part):
            if job.done:  # else another process may wait for this very file
                (job.folder / LOCK).unlink(missing_ok=True)
        return diverged

    def _add_checksums(self, jobs: list[Job]):
        """Of finished simulations from earlier versions, which had none."""
        for job in jobs:
            found, path = self._verification.checksums(job.folder, self.frames + 1), job.folder / DESCRIPTION
            write_json(path, read_json(path) | {"checksums": as_stored(found)})
        if jobs:
            LOG.warning("%d simulations of %s had no checksums, and have them now.", len(jobs), self.folder)

    def _looked_up(self, job: Job) -> Job:
        """What there is of a simulation now."""
        return replace(self._job(job.folder, job.config, "Remove it."), start=job.start)
