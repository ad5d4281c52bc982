"""Sweeps: the combinations of settings, what each is as a training, and what is known of those that are done."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import typer

from ..errors import FailedError, InputError, MissingError, integer, quoted, suggestion
from ..experiment import Experiment
from ..files import read_toml, reading, resolved, visible
from ..flows.comparison import first_difference
from ..storage.files import read_json, write_json
from ..workers.items import Engine, Item, Outcome
from .defaults import in_force

PLAN_FILE, LOG_FILE = "sweep.json", "log.jsonl"
TRAINED, EVALUATED = "run.json", "results.json"
NOT_SET = (
    "scenes",
    "out",
    "data",
    "resume",
    "seed",
    "device",
    "workers",
    "context",
    "help",
)  # what a sweep says itself
WORK = "phi_sol.cli.errands:command"


def settings(given: Sequence[tuple[str, str]], known: dict[str, list[str]]) -> dict[str, list[str]]:
    """
    Values by option of `train`, from pairs (several are separated by commas, or by semicolons where values have commas
    in them), beside those that are `known` from a file.
    """
    result = {name: list(values) for name, values in known.items()}
    for name, text in given:
        values = [v.strip() for v in text.split(";" if ";" in text else ",")]
        result.setdefault(name.replace("-", "_"), []).extend(v for v in values if v)
    options = _options()
    for name, values in result.items():
        if name not in options:
            raise InputError(f"`phi-sol train` has no option {name!r} that can be set.{suggestion(name, options)}")
        if twice := {v for v in values if values.count(v) > 1}:
            raise InputError(f"{name} has the value {min(twice)} twice.")
        if not values:
            raise InputError(f"{name} has no values.")
    return result


def content_of(file: Path) -> dict:
    """
    The content of a TOML or YAML file, the values in `set` as texts; InputError if it holds something else than `set`,
    `seeds` and the like.
    """
    if file.suffix == ".toml":
        content = read_toml(file)
    else:
        with reading(file):
            try:
                import yaml
            except ImportError:
                raise InputError(f"{file}: YAML needs a further package, pip install pyyaml; or write TOML.") from None
            content = yaml.safe_load(file.read_text())
    known = ("set", "seeds", "frames")
    if not isinstance(content, dict) or not isinstance(content.get("set"), dict):
        raise InputError(f"{file} needs a table `set` with the values of each option, e.g. unroll = [4, 8].")
    for name in content:
        if name not in known:
            raise InputError(
                f"{file}: unknown entry {quoted(name)}.{suggestion(name, known)} Known: {', '.join(known)}."
            )
    return content | {"set": {str(n).replace("-", "_"): _texts(file, n, v) for n, v in content["set"].items()}}


def _texts(file: Path, name: str, given: Any) -> list[str]:
    values = given if isinstance(given, list) else [given]
    if any(isinstance(v, dict | list) for v in values):
        raise InputError(f"{file}: the values of {name} must be numbers, texts, true or false.")
    return [text_of(v) for v in values]


def text_of(value: Any) -> str:
    """A value of an option as `settings` has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def fixed(defaults: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """What `phi_sol.toml` says of the options of `train` that a sweep can set, and that these values do not."""
    return {n: v for n, v in in_force(defaults.get("train", {}), values, "train").items() if n in _options()}


@cache
def _train() -> Any:
    """The command, as typer reads its arguments."""
    from . import app

    return typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]


def _options() -> dict[str, Any]:
    """The options of `train` that a sweep can set, by name."""
    return {p.name: p for p in _train().params if p.name not in NOT_SET}


@dataclass(frozen=True)
class Run:
    """One training: its settings by option of `train`, those of them that others have otherwise, and its seed."""

    values: dict[str, str]
    varied: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """Such as `method-sol_unroll-8_seed0`; with what can't be in the name of a folder replaced."""
        parts = [f"{n}-{self.values[n]}" for n in self.varied if n in self.values]
        text = "_".join(parts) or "run"
        return "".join(c if c.isalnum() or c in "-_.=" else "-" for c in text)[:80] + f"_seed{self.seed}"

    def arguments(self) -> list[str]:
        """Of `phi-sol train`."""
        options, result = _options(), ["--seed", str(self.seed)]
        for name, value in self.values.items():
            option = options[name]
            if option.is_flag:
                if value not in ("true", "false"):
                    raise InputError(f"{name} must be true or false, not {quoted(value)}.")
                chosen = option.opts if value == "true" else option.secondary_opts
                result += chosen[:1]
            else:
                result += [option.opts[0], value]
        return result


class Sweep:
    """
    Trainings of a scene with all combinations of settings, and one evaluation of them.

    Attributes:
        runs: The trainings; where a method does not unroll, the number of steps is left out, and what is the same then
            is trained once.
        folder: Of all of them, with `sweep.json`, which says what it is, and `log.jsonl`.
    """

    def __init__(
        self, experiment: Experiment, values: dict[str, list[str]], seeds: int, folder: Path, data: list[Path]
    ):
        """Raises InputError for values that `train` does not take, or a folder that holds something else."""
        integer("The number of seeds", seeds, 1, 1000)
        self.experiment, self.folder, self.data = experiment, folder, data
        varied = tuple(n for n, v in values.items() if len(v) > 1)
        combinations = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
        fitting = [self._fitting(c) for c in combinations]
        unique = [c for i, c in enumerate(fitting) if c not in fitting[:i]]
        self.runs = [Run(c, varied, seed) for c in unique for seed in range(seeds)]
        names = [r.name for r in self.runs]
        if len(set(names)) < len(names):
            raise InputError("Some values are the same as names of folders: give them other names.")
        for run in self.runs[::seeds]:
            self._parse(run)
        fixed = {n: v[0] for n, v in values.items() if len(v) == 1}
        self.config = {
            "scene": experiment.name,
            "pair": experiment.pair.config,
            "same": fixed,
            "data": [str(d) for d in data],
        }
        if (folder / PLAN_FILE).is_file():
            stored = read_json(folder / PLAN_FILE)
            if difference := first_difference({n: stored.get(n) for n in self.config}, self.config):
                raise InputError(f"{folder} holds another sweep: {difference}. Name another folder with --out.")
        elif visible(folder):
            raise InputError(f"{folder} is in use and holds no sweep: name another folder with --out.")

    def _fitting(self, values: dict[str, str]) -> dict[str, str]:
        """Without the number of unrolled steps where the method has no use for it."""
        from ..tasks import task_of

        method = values.get("method", "sol")
        if "unroll" in values and values["unroll"].isdigit() and int(values["unroll"]) > 0:
            steps = int(values["unroll"])
            if task_of(self.experiment, method).stages(method, steps)[-1].unroll != steps:
                return {n: v for n, v in values.items() if n != "unroll"}
        return values

    def _parse(self, run: Run):
        """Raises InputError for what the command refuses to read."""
        try:
            _train().make_context("phi-sol train", [self._scene, *run.arguments()])
        except Exception as err:
            if not hasattr(err, "format_message"):
                raise
            raise InputError(f"{run.name}: {err.format_message()}") from None

    @property
    def _scene(self) -> str:
        return self.experiment.origin or self.experiment.name

    @property
    def _data(self) -> list[str]:
        return [part for d in self.data for part in ("--data", str(resolved(d)))]

    def place(self, run: Run) -> Path:
        return self.folder / run.name

    def is_trained(self, run: Run) -> bool:
        """Whether it was carried out to the end."""
        try:
            return bool(read_json(self.place(run) / TRAINED).get("complete"))
        except MissingError:
            return False

    def train(self, engine: Engine, progress) -> list[Outcome]:
        """What came of the trainings that were not finished yet. `progress` is called with (done, all)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / PLAN_FILE, self.config | {"runs": [r.name for r in self.runs]})
        left = [r for r in self.runs if not self.is_trained(r)]
        before, total = len(self.runs) - len(left), len(self.runs)
        progress(before, total)
        self._log("begun", runs=[r.name for r in left], finished=before)
        runs = {r.name: r for r in left}

        def ended(outcome: Outcome):
            run = runs[outcome.item.label]
            facts = {"failure": outcome.failure} if outcome.failure else {"folder": str(self.place(run))}
            event = "failed" if outcome.failure else "trained"
            self._log(event, run=run.name, settings=run.values, seed=run.seed, **facts)

        outcomes = engine.run([self._item(r) for r in left], lambda done: progress(before + done, total), ended)
        return outcomes

    def _item(self, run: Run) -> Item:
        again = ["--resume"] if (self.place(run) / TRAINED).is_file() else []
        command = ["train", self._scene, *run.arguments(), *self._data, "--out", str(resolved(self.place(run))), *again]
        return Item(run.name, WORK, {"command": command, "part": "training"})

    def evaluate(self, engine: Engine, frames: int | None, progress) -> dict:
        """The results of all finished trainings, in one process; made anew unless they are younger than these."""
        folder, done = self.folder / "evaluation", [r for r in self.runs if self.is_trained(r)]
        if not done:
            raise FailedError("None of the trainings is finished: there is nothing to evaluate.")
        results = folder / EVALUATED
        youngest = max((self.place(r) / TRAINED).stat().st_mtime for r in done)
        known = read_json(results) if results.is_file() and results.stat().st_mtime > youngest else {}
        if {r.name for r in done} - known.get("solvers", {}).keys() or frames not in (None, known.get("frames")):
            more = [] if frames is None else ["--frames", str(frames)]
            runs = [part for r in done for part in ("--run", str(resolved(self.place(r))))]
            command = [
                "evaluate",
                self._scene,
                *runs,
                *self._data,
                "--no-numerics",
                *more,
                "--out",
                str(resolved(folder)),
            ]
            (outcome,) = engine.run([Item("evaluation", WORK, {"command": command})], lambda done: progress(done, 1.0))
            if outcome.failure:
                self._log("failed", run="evaluation", failure=outcome.failure)
                raise (InputError if outcome.wrong else FailedError)(f"The evaluation failed: {outcome.failure}")
            known = read_json(results)
        self._log("evaluated", results=str(results))
        return known

    def rows(self, results: dict) -> list[dict]:
        """Of each combination: its settings, seeds, mean and deviation of the error over seeds, and the cost."""
        from ..evaluation.groups import mean_and_deviation

        rows, groups = [], {}
        for run in self.runs:
            groups.setdefault(json.dumps(run.values), []).append(run)
        for runs in groups.values():
            found = [results["solvers"][r.name] for r in runs if r.name in results["solvers"]]
            row: dict = {n: runs[0].values.get(n, "") for n in runs[0].varied} | {
                "seeds": f"{len(found)} of {len(runs)}"
            }
            if found and isinstance(last := next(reversed(found[0].get("mae", {})), None), str):
                mean, deviation = mean_and_deviation([f["mae"][last] for f in found])
                row |= {"frames": int(last), "mae": mean, "deviation": deviation}
            for name in ("ms_per_time", "ms_per_step"):
                if costs := [f[name] for f in found if isinstance(f.get(name), int | float)]:
                    row[name] = sum(costs) / len(costs)
            rows.append(row)
        return rows

    def _log(self, event: str, **facts):
        """A line of JSON for programs that watch."""
        line = json.dumps({"time": round(time.time(), 3), "event": event} | facts)
        with open(self.folder / LOG_FILE, "a") as file:
            file.write(line + "\n")
