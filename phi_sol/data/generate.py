"""Generation of reference simulations: resumable, atomic, and with the same bytes however often it was interrupted."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from ..errors import DivergedError, InputError, MissingError
from ..experiment import Experiment
from ..stepping import array_names, pack, tf, unpack
from .store import (
    DESCRIPTION,
    PARTIAL,
    REFERENCE,
    FrameFormat,
    check_no_file_in_the_way,
    fingerprint,
    first_difference,
    frame_file,
    read_json,
    sim_folder,
    versions,
    write_atomic,
    write_json,
)

BLOCK = 10  # steps of the warm-up in one compiled loop
CHECKPOINT, CHECKPOINT_EVERY = "checkpoint.npz", 100


@dataclass(frozen=True)
class Job:
    """One simulation to be on disk afterwards."""

    folder: Path
    config: dict
    done: bool


class Generator:
    """
    Runs the reference flow of an experiment and writes PhiFlow scenes.

    Each simulation is one folder `sim_000000`, ... with the restricted fields of every frame (`velocity_000000.npz`,
    `marker_000000.npz`, ...), the full-resolution fields of every k-th frame in its sub-folder `reference`, and
    `description.json`. Simulations are computed one by one, so that the bytes of each depend on nothing but its own
    configuration.
    """

    def __init__(
        self,
        experiment: Experiment,
        split: str,
        folder: Path,
        parameters: dict[str, list[float]] | None = None,
        frames: int | None = None,
        warmup: int | None = None,
    ):
        """
        Args:
            experiment: The scene.
            split: `train` or `test`; decides the parameter values.
            folder: Receives the simulations.
            parameters: Values instead of the scene's own.
            frames: Recorded steps instead of the scene's own; frame 0 is the state after the warm-up.
            warmup: Discarded steps instead of the scene's own.

        Raises:
            InputError: if a number or parameter is not possible, or if `folder` holds anything else than simulations
                of this very configuration. Nothing has been written then.
        """
        self.experiment, self.folder = experiment, Path(folder)
        self.pair = experiment.pair
        self.frames = experiment.frames if frames is None else frames
        self.warmup = experiment.warmup if warmup is None else warmup
        if self.frames < 1:
            raise InputError(f"The number of frames must be at least 1, not {self.frames}.")
        if self.warmup < 0:
            raise InputError(f"The number of warm-up steps can't be negative: {self.warmup}.")
        common = {
            "scene": experiment.name,
            "split": split,
            "pair": self.pair.config,
            "warmup": self.warmup,
            "frames": self.frames,
            "keep_reference_every": experiment.keep_reference_every,
        }
        for flow in (self.pair.source, self.pair.reference):
            if flow.obstacles:
                _ = flow.projection  # refuses grids that are too coarse for the obstacle, before anything is computed
        simulations = experiment.simulations(split, parameters)
        for simulation in simulations:
            self.pair.reference.check_stability(self.pair.reference.dt, **simulation)
        self.jobs = self._check_folder([common | {"parameters": s} for s in simulations])
        self._coarse, self._fine = FrameFormat(self.pair.source), FrameFormat(self.pair.reference)
        self._frame_function = tf.function(self._frame_values, autograph=False, jit_compile=True)

    @property
    def steps(self) -> int:
        """Reference steps of one simulation."""
        return self.warmup + self.frames

    def _check_folder(self, configs: list[dict]) -> list[Job]:
        advice = "Choose another folder with --out, or remove this one."
        check_no_file_in_the_way(self.folder, advice)
        present = sorted(p for p in self.folder.iterdir() if not p.name.startswith(".")) if self.folder.is_dir() else []
        for path in present:
            if not (path.is_dir() and re.fullmatch(r"sim_\d{6}", path.name)):
                raise InputError(f"{self.folder} is not a phi_sol data folder: it holds {path.name!r}. {advice}")
            if int(path.name[4:]) >= len(configs):
                raise InputError(f"{self.folder} holds {len(present)} simulations of another configuration ({len(configs)} asked for). {advice}")
        return [self._job(sim_folder(self.folder, i), config, advice) for i, config in enumerate(configs)]

    def _job(self, folder: Path, config: dict, advice: str) -> Job:
        try:
            description = read_json(folder / DESCRIPTION)
        except MissingError:
            if folder.is_dir() and any(p.name != PARTIAL for p in folder.iterdir()):
                raise InputError(f"{folder} has files but no {DESCRIPTION}: it is not ours. {advice}") from None
            return Job(folder, config, done=False)
        if description.get("fingerprint") != fingerprint(config):
            difference = first_difference(description, config) or "its content was changed"
            raise InputError(f"{folder} holds another configuration: {difference}. {advice}")
        return Job(folder, config, done=bool(description.get("complete")) and not self._missing(folder, self.frames + 1))

    def _missing(self, folder: Path, frames: int) -> list[Path]:
        """Files of the first so many frames that are not there."""
        every, fields = self.experiment.keep_reference_every, self.pair.source.fields
        files = [frame_file(folder, f, i) for f in fields for i in range(frames)]
        files += [frame_file(folder / REFERENCE, f, i) for f in fields for i in range(0, frames, every)]
        return [f for f in files if not f.is_file()]

    def plan(self) -> dict[str, int]:
        """
        What `run` would do, without writing anything.

        Returns:
            `simulations` in all, `finished` ones, `steps` to compute at most, `files` of fields per simulation, and the `bytes` of all
            of these files before compression.
        """
        every, finished = self.experiment.keep_reference_every, sum(job.done for job in self.jobs)
        coarse, fine = self.frames + 1, self.frames // every + 1
        size = coarse * self._coarse.frame_bytes + fine * self._fine.frame_bytes
        return {
            "simulations": len(self.jobs),
            "finished": finished,
            "steps": (len(self.jobs) - finished) * self.steps,
            "files": (coarse + fine) * len(self.pair.source.fields),
            "bytes": size * len(self.jobs),
        }

    def run(self, progress: Callable[[int, int, int], None] = lambda simulation, step, total: None) -> list[Path]:
        """
        Computes what is not there yet.

        Args:
            progress: Called with (simulation index, steps done, steps in all) every few steps.

        Returns:
            The folders of all simulations.

        Raises:
            DivergedError: if a simulation diverges.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for i, job in enumerate(self.jobs):
            if not job.done:
                self._simulate(i, job, progress)
            progress(i, self.steps, self.steps)
        return [job.folder for job in self.jobs]

    def _simulate(self, index: int, job: Job, progress):
        folder, reference = job.folder, self.pair.reference
        (folder / REFERENCE).mkdir(parents=True, exist_ok=True)
        for part in (folder / PARTIAL, folder / REFERENCE / PARTIAL):
            shutil.rmtree(part, ignore_errors=True)
        description = job.config | {"versions": versions(), "fingerprint": fingerprint(job.config), "complete": False}
        write_json(folder / DESCRIPTION, description)
        start, arrays = self._restore(folder)
        initial, parameters, _ = pack(reference, reference.initial_state(**job.config["parameters"]))
        arrays = initial if arrays is None else {n: tf.constant(a) for n, a in arrays.items()}
        dt = tf.constant(reference.dt, tf.float32)
        step = start
        while step <= self.steps:
            frame = step - self.warmup
            if frame >= 0:
                self._write_frame(folder, frame, arrays, parameters)
            if step % CHECKPOINT_EVERY == 0 and step > start:
                self._save(folder, step, arrays, job)
            if step % BLOCK == 0:
                progress(index, step, self.steps)
            # up to the first frame in blocks that begin at multiples of their length, so that a resumed run takes the same ones
            block = BLOCK - step % BLOCK if step + BLOCK <= self.warmup else 1
            if step < self.steps:
                arrays = reference.compiled.rollout(arrays, parameters, dt, block)
            step += block
        self._check_finite(arrays, job, self.steps)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        for part in (folder / PARTIAL, folder / REFERENCE / PARTIAL):
            shutil.rmtree(part, ignore_errors=True)
        write_json(folder / DESCRIPTION, description | {"complete": True})

    def _write_frame(self, folder: Path, frame: int, arrays, parameters):
        coarse, fine = self._frame_function(arrays, parameters)
        self._coarse.write(folder, frame, coarse)
        if frame % self.experiment.keep_reference_every == 0:
            self._fine.write(folder / REFERENCE, frame, fine)

    def _frame_values(self, arrays, parameters):
        """Restriction and PhiFlow's file layout, in one compiled function."""
        state = unpack(self.pair.reference, arrays, parameters)
        return self._coarse.file_values(self.pair.restrict(state)), self._fine.file_values(state)

    def _check_finite(self, arrays, job: Job, step: int):
        if not all(np.isfinite(a).all() for a in arrays.values()):
            values = ", ".join(f"{n}={v:g}" for n, v in job.config["parameters"].items())
            raise DivergedError(f"The simulation with {values} diverged before step {step}: use a smaller time step or a finer grid.")

    def _save(self, folder: Path, step: int, arrays, job: Job):
        self._check_finite(arrays, job, step)
        buffer = BytesIO()
        np.savez(buffer, step=step, **{n: a.numpy() for n, a in arrays.items()})
        write_atomic(folder / CHECKPOINT, buffer.getvalue())

    def _restore(self, folder: Path):
        """Step and arrays to go on from; (0, None) at the start. A damaged checkpoint counts as none."""
        try:
            with np.load(folder / CHECKPOINT, allow_pickle=False) as stored:
                step = int(stored["step"])
                arrays = {n: stored[n] for n in array_names(self.pair.reference)}
        except Exception:
            return 0, None
        return (0, None) if self._missing(folder, max(0, step - self.warmup)) else (step, arrays)
