"""Runs, recorded simulations and evaluations in the folders that were given, and nothing outside them."""

import csv
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ..errors import InputError, MissingError
from ..experiment import Experiment, load_experiment, scene_names
from ..files import resolved
from ..flows.comparison import same_config
from ..solvers.pair import SolverPair
from ..storage import shipped
from ..storage.files import fingerprint
from ..tasks import holds_model
from ..texts import printable
from .reading import Folders, check_file, made_pair, read_facts, reason
from .recording import FRAME_FILE, Recording

RUN, RESULTS, LOG = "run.json", "results.json", "log.csv"
POSITIONS = ("step", "epoch")  # columns of a log that say when a row was written, the first that is there counts
DEPTH = 4  # levels of sub-folders that are searched
MANY = 2000  # entries of a folder beyond which it is not searched further


@dataclass(frozen=True)
class Run:
    """The folder of a training or of a model."""

    folder: Path
    title: str
    config: dict  # content of `run.json`, or of what describes a model; empty if it can't be read
    problem: str = ""  # what is wrong with it

    @property
    def is_trained(self) -> bool:
        """Whether there is something trained to step with."""
        return holds_model(self.folder)

    @property
    def has_training(self) -> bool:
        """Whether it is a training, not a model alone, such as the latest one of a validated training."""
        return (self.folder / RUN).is_file() or (self.folder / LOG).is_file()

    @property
    def pair(self) -> dict:
        """Configuration of the solver pair."""
        return self.config.get("pair", {})

    @property
    def pairs(self) -> list[dict]:
        """Those of all flows that it was trained for."""
        members = self.config.get("members")
        others = [m.get("pair") for m in members.values() if isinstance(m, dict)] if isinstance(members, dict) else []
        return [self.pair, *(p for p in others if isinstance(p, dict))]

    @property
    def state(self) -> str:
        """How far the training is, in words."""
        if self.config.get("complete"):
            return "finished"
        if not self.has_training:
            return "a trained model"
        files = (self.folder / LOG, self.folder / RUN)
        seconds = time.time() - max((f.stat().st_mtime for f in files if f.exists()), default=0)
        return f"running, last written {seconds:.0f} s ago" if seconds < 300 else "not finished"

    def curves(self) -> dict[str, list[float]]:
        """
        The columns of `log.csv`, NaN where a value is missing, without a last line that is being written. InputError if
        it is too large.
        """
        log = self.folder / LOG
        if log.is_file():
            check_file(log)
        text = log.read_text(errors="replace") if log.is_file() else ""
        lines = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
        try:
            rows = [r for r in lines if None not in (*r, *r.values())]
        except csv.Error as err:
            raise InputError(f"{log} is damaged: {err}.") from err
        columns = {n: [_number(r[n]) for r in rows] for n in lines.fieldnames or ()}
        return {n: c for n, c in columns.items() if n in POSITIONS or any(map(math.isfinite, c))}


def _axes(pair: dict) -> list[str]:
    source = pair.get("source")
    resolution = source.get("resolution") if isinstance(source, dict) else None
    return list(resolution) if isinstance(resolution, dict) else []


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class Catalogue:
    """
    `runs`, `recordings` and `evaluations` below some folders (`roots`), by key: pages never name them by paths. Scenes
    that were given by name or file are `experiments`; `problems` says by key why something is skipped or incomplete.
    """

    def __init__(self, paths: list[str], data: Path | Sequence[Path] | None = None, strict: bool = True):
        """
        Args:
            paths: Folders of runs, data, simulations, evaluations, or that hold such; scene files, or names of scenes
                (stand for `data/SCENE`, `runs/SCENE`, and the trained corrector that comes with phi_sol).
            data: Data folder or folders to be shown with the runs; default: `data/SCENE` here or beside `runs`.
            strict: Whether simulations are shown with what was trained for them only, not with what can be used.

        Raises:
            InputError: if a path does not exist (MissingError), or there is nothing to show.
        """
        self.folders, self.strict = Folders(), strict
        self.problems: dict[str, str] = {}
        self._found: dict[str, str] = {}  # problems of a scan that is under way
        self._unknown: dict[str, str] = {}  # by fingerprint of a pair's configuration
        self._scanning = Lock()
        self.experiments: dict[str, Experiment] = {}
        self.recordings: dict[str, Recording] = {}
        for path in paths:
            self._add(path)
        self.scan()
        given = [data] if isinstance(data, str | Path) else data
        for folder in given or self._test_data():
            self._add_folder(folder)
        self.scan()
        if not (self.runs or self.recordings or self.evaluations or self.experiments):
            raise InputError(
                f"There is nothing to show in {', '.join(map(str, paths))}: neither a run ({RUN}) nor simulations "
                f"(description.json, velocity_000000.npz, ...) nor an evaluation ({RESULTS})."
                + "".join(f" {p}" for p in self.problems.values())
            )

    def _add(self, path: str):
        folder = Path(path)
        if folder.is_dir():
            self._add_folder(folder)
        elif folder.suffix == ".py" or path in scene_names():
            experiment = load_experiment(path)
            self.experiments[experiment.name] = experiment
            for place in (Path(parent) / experiment.name for parent in ("data", "runs")):
                if place.is_dir():
                    self._add_folder(place)
            if path in shipped.pretrained_scenes():
                self._add_folder(shipped.pretrained_folder(path))
        elif folder.exists():
            raise InputError(f"{path} is a file: give its folder.")
        else:
            known = ", ".join(scene_names())
            raise MissingError(f"There is no folder {path}, and no scene of this name. Known scenes: {known}.")

    def _add_folder(self, folder: Path):
        if not folder.is_dir():
            raise MissingError(f"There is no folder {folder}.")
        if not self.contains(folder):
            self.roots.append(resolved(folder))

    def pair_of(self, config: dict) -> SolverPair:
        """That of a scene that was given, or one made from its configuration; errors as `SolverPair.of_config`."""
        scenes = self.experiments.values()
        given = next((e.pair for e in scenes if same_config(config, e.pair.config)), None)
        return given or made_pair(config, [e.flow for e in scenes])

    def _test_data(self) -> Iterator[Path]:
        """The test simulations of the runs' scenes, by convention in data/SCENE, as `evaluate` takes them."""
        for run in self.runs.values():
            scene = run.config.get("scene")
            if isinstance(scene, str) and scene and Path(scene).name == scene:
                above = (Path(), *(p.parent for p in run.folder.parents if p.name == "runs"))
                yield from [place for a in above if (place := a / "data" / scene / "test").is_dir()][:1]

    @property
    def roots(self) -> list[Path]:
        return self.folders.roots

    def contains(self, path: Path) -> bool:
        """Whether a path, with all links resolved, lies in one of the folders that were given."""
        return self.folders.contain(path)

    def root_names(self) -> list[str]:
        """The folders that may be read, as a user would write them here."""
        here = Path.cwd()
        return [str(r.relative_to(here) if r.is_relative_to(here) else r) for r in self.roots]

    def scan(self):
        """Looks again; what is being written appears as it grows. Requests that come together wait for each other."""
        with self._scanning:
            self._found = {}
            self._scan()
            self.problems = self._found

    def _scan(self):
        runs, recordings, evaluations = {}, {}, {}
        found: dict[Path, Path] = {}
        for root in self.roots:
            found |= {f: root for f in self._below(root, root, DEPTH) if f not in found}  # one root may lie in another
        for folder, root in found.items():
            key = self._key(root, folder)
            if key in {**runs, **recordings, **evaluations}:
                key = printable(folder)
            try:
                self.folders.check_links(folder)
                if (folder / RUN).is_file() or holds_model(folder):
                    runs[key] = self._run(folder, key)
                elif any(FRAME_FILE.fullmatch(p.name) for p in folder.glob("*_*.npz")):
                    recordings[key] = self._recording(folder, key)
                if (folder / RESULTS).is_file():
                    evaluations[key] = folder
            except Exception as err:  # whatever damaged files and folders raise
                self._found[key] = reason(err)
        self.runs, self.recordings, self.evaluations = runs, recordings, evaluations

    def _key(self, root: Path, folder: Path) -> str:
        own = folder.relative_to(root).as_posix()
        others = sum(r.name == root.name for r in self.roots) > 1
        name = f"{root.parent.name}/{root.name}" if others or root.name in ("train", "test") else root.name
        return printable(name if own == "." else f"{name}/{own}")

    def _run(self, folder: Path, key: str) -> Run:
        config, problem = read_facts(folder / RUN)
        for file in sorted(p for p in folder.glob("*.json") if p.is_file()):
            check_file(file)
            config = config or read_facts(file)[0]
        if problem := problem or self._unknown_pair(config.get("pair") or {}):
            self._found[key] = problem
        return Run(folder, key, config, problem)

    def _recording(self, folder: Path, key: str) -> Recording:
        recording = self.recordings.get(key)
        if recording is None or recording.folder != folder:
            recording = Recording(folder, self.folders.check_links)
        else:
            recording.refresh()
        if problem := recording.problem or self._unknown_pair(recording.pair):
            self._found[key] = problem
        return recording

    def _unknown_pair(self, config: dict) -> str:
        """Why a described solver pair can't be made; nothing if it can, or none is described."""
        if config and (known := fingerprint(config)) not in self._unknown:
            self._unknown[known] = ""
            try:
                self.pair_of(config)
            except Exception as err:  # whatever a damaged description raises
                self._unknown[known] = f"Its solver pair can't be made: {reason(err)}"
        return self._unknown[known] if config else ""

    def _below(self, folder: Path, root: Path, depth: int) -> list[Path]:
        """The folder and those below it, without links that lead out, hidden folders and checkpoints."""
        if not self.contains(folder):
            return []
        try:
            inside = sorted(folder.iterdir()) if depth else []
            below = [p for p in inside if p.is_dir() and p.name[0] != "." and p.name != "checkpoints"]
        except OSError as err:
            self._found[self._key(root, folder)] = reason(err)
            return []
        return [folder, *(f for p in below[:MANY] for f in self._below(p, root, depth - 1))]

    def trained_for(self, pair: dict) -> dict[str, Run]:
        """The runs with something trained for a pair, by key; without `strict` all that have the same axes."""
        trained = {k: r for k, r in self.runs.items() if r.is_trained}
        if self.strict:
            return {k: r for k, r in trained.items() if any(same_config(p, pair) for p in r.pairs)}
        return {k: r for k, r in trained.items() if _axes(r.pair) == _axes(pair)}

    def save_folder(self) -> Path:
        """
        `saved` in the first run folder, or in that of a scene given by name; InputError if no run was given, or if it
        is a link.
        """
        own = [r.folder for r in self.runs.values() if not r.folder.is_relative_to(shipped.SHIPPED)]
        for folder in (*own, *(Path("runs") / n for n in self.experiments)):
            saved = resolved(folder) / "saved"
            if saved.is_symlink():
                raise InputError(f"{saved} is a link, which is not followed: make it a folder.")
            return saved
        raise InputError("There is no run folder to save to: name one on the command line.")
