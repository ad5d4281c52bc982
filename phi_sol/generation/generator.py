"""Generation of reference simulations: resumable, atomic, and several simulations at a time."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..arguments import checked
from ..displays import Displayed
from ..errors import MOST, DivergedError, InputError, integer
from ..experiment import FRAMES, Experiment
from ..files import checksum
from ..places import check_place, check_room
from ..progress import showing
from ..stepping.state import State
from ..storage.frames import sim_folder, simulations_in
from ..workers.cluster import Cluster
from ..workers.items import Engine
from ..workers.local import Workers
from .batches import Batches
from .checkpoint import clear
from .simulator import WRITERS, Job, Simulator, automatic_batch
from .start import starts
from .verification import Verification
from .work import spread

LOG = logging.getLogger(__name__)
LESS = "make room, or choose fewer frames, fewer simulations or another folder"
START = "start"  # entry of a configuration whose simulations don't begin from the flow's initial state


class Generator(Displayed, Batches):
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

    Examples:
        >>> generator = ps.Generator(scene, "train", "data/new")
        >>> generator.plan()["simulations"]
        2
        >>> generator.run()  # doctest: +SKIP
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
        self.given: dict = {"parameters": parameters, "frames": frames, "warmup": warmup, "start": start}
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
        present = simulations_in(self.folder, advice)
        for path in present:
            if int(path.name[4:]) >= len(configs):
                found = f"{len(present)} simulations of another configuration ({len(configs)} asked for)"
                raise InputError(f"{self.folder} holds {found}. {advice}")
        return [self._job(sim_folder(self.folder, i), config, advice) for i, config in enumerate(configs)]

    def _told(self) -> dict:
        done = sum(job.done for job in self.jobs)
        grids = {"reference": repr(self.pair.reference), "source": repr(self.pair.source)}
        known = {"scene": self.experiment.name, "part": self.split, "simulations": f"{len(self.jobs)}, {done} finished"}
        return known | {"frames": self.frames, "warm-up": f"{self.warmup} steps", "in": str(self.folder)} | grids

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
        self.jobs = [self.verified(job) for job in self.jobs]
        batches, files = [b for p in self.parts() for b in self._batches(p)], self._simulator.files
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

    @checked
    def run(
        self,
        progress: bool | Callable[[int, int], None] = True,
        *,
        workers: int | Engine | None = None,
        client: Any = None,
        part: tuple[int, int] | None = None,
    ) -> list[Path]:
        """
        Computes what is not there yet, and returns the folders of all simulations. Of several processes that do this in
        one folder at the same time, also on several machines, each takes batches that no other one has begun, and waits
        at the end for theirs. Whoever computes a batch writes the same bytes.

        Args:
            progress: Whether progress is shown; or a function that is called with (steps done, steps in all) of all
                simulations together, every few steps.
            workers: So many processes of this machine do it, which share its cores, a batch each at a time. One that is
                killed is replaced, and its batch goes on from its checkpoint. Or an engine that has them.
            client: The workers of a Dask cluster do it, a `distributed.Client`. Scene and folder must be on a file
                system that they share with this process.
            part: (i, n): only the i-th of n shares of the batches, i = 1, ..., n, as for arrays of jobs; it does not
                wait for the others.

        Raises:
            DivergedError: if simulations diverged. All others are complete then.
            FailedError: if batches failed for other reasons. All others are complete then.
            InputError: if the disk has not the room for what is still to be written; of workers also if other ones are
                at work in this folder, have another version of phi_sol, don't see the folder, or the experiment was not
                loaded from a scene file, which is where they have it from.
        """
        several = [n for n, v in (("workers", workers), ("client", client), ("part", part)) if v is not None]
        if len(several) > 1:
            raise InputError(f"{several[0]}= and {several[1]}= exclude each other.")
        if part is not None:
            integer("The number of parts", part[1], 1)
            integer("The number of the part", part[0], 1, part[1])
        engine = Workers(workers) if isinstance(workers, int) else workers
        engine = Cluster(client) if client is not None else engine
        with showing(progress, "steps/s") as show:
            tell = progress if callable(progress) else partial(show, f"{self.experiment.name} {self.split}")
            return self._run(tell, engine, part)

    def _run(self, progress: Callable[[int, int], None], engine: Engine | None, part: tuple[int, int] | None):
        chosen = list(enumerate(self.parts()))
        if part is not None:
            chosen = chosen[part[0] - 1 :: part[1]]
        jobs = [self.verified(job) for _, jobs in chosen for job in jobs]
        new = {job.folder: job for job in jobs}
        self.jobs = [new.get(job.folder, job) for job in self.jobs]
        parts = {i: [new[job.folder] for job in jobs] for i, jobs in chosen}
        self.check_room([self])
        self.folder.mkdir(parents=True, exist_ok=True)
        missing = {i: self.missing_steps(jobs) for i, jobs in parts.items()}
        total = len(jobs) * self.steps
        done = total - sum(missing.values())
        progress(done, total)
        left = {i: steps for i, steps in missing.items() if steps}
        if engine is not None:
            diverged = spread(self, engine, left, lambda more: progress(done + int(more), total))
        else:
            diverged = self._alone(left, lambda more: progress(done + int(more), total))
        if diverged:
            names = "; ".join(f"{name} by step {step}" for name, step in diverged.items())
            advice = "Use a smaller time step or a finer grid."
            raise DivergedError(f"{len(diverged)} of {len(jobs)} simulations diverged: {names}. {advice}")
        if part is None:
            clear(self.folder)
        self.add_checksums([job for job in jobs if job.done and job.checksums is None])
        return [job.folder for job in jobs]

    def _alone(self, left: dict[int, int], progress: Callable[[float], None]) -> dict[str, int]:
        """Computes batches in this process, by their numbers and steps; last those that other processes have begun."""
        diverged, finished = {}, 0
        for wait in (False, True):
            taken = {}
            for number, steps in left.items():
                found = self.compute(number, steps, partial(_after, finished, progress), wait)
                if found is None:
                    taken[number] = steps
                else:
                    diverged |= found
                    finished += steps
            if left := taken:
                count = sum(len(self.parts()[i]) for i in left)
                LOG.warning("Another process computes %d simulations of %s: waiting for it.", count, self.folder)
        return diverged


def _after(before: float, progress: Callable[[float], None], done: float):
    progress(before + done)
