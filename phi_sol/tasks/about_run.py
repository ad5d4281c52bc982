"""What the folder of a training says of it, from its files alone: without TensorFlow."""

import csv
import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from ..errors import InputError, MissingError, is_real
from ..files import check_unpacked, read_arrays, reading
from ..storage.files import read_json
from ..storage.schemas import CORRECTOR, GUESS, RUN, SOLUTION, TRAIN
from ..storage.shipped import NAME, SHIPPED, card, pretrained_folder, pretrained_scenes
from .guess.tables import ZERO

RUN_FILE, LOG_FILE, RESULTS, SWEEP = "run.json", "log.csv", "results.json", "sweep.json"
PRODUCTS = {"corrector": ("corrector", CORRECTOR), "guess": ("initial guess", GUESS)}  # by the name of their files
SOLUTION_FILE, SOLUTION_KIND = "pinn.npz", "neural solution"
LARGEST = 1 << 29  # bytes that a network's file may unpack to
POINTS = 8  # of a validation's history that are kept


def is_run(folder: Path) -> bool:
    """Whether a folder holds a training, or what one made."""
    signs = (RUN_FILE, SOLUTION_FILE, *(f"{n}.json" for n in PRODUCTS))
    return any((folder / s).is_file() for s in signs)


def about_run(folder: Path) -> dict[str, Any]:
    """JSON-ready; errors as `about`."""
    run = read_json(folder / RUN_FILE, RUN) if (folder / RUN_FILE).is_file() else {}
    kind, product, weights, size = _product(folder)
    facts = product | run  # the product of a run that goes on is that of an earlier iteration
    shipped = folder.parent.name if folder.parent.parent == SHIPPED else ""
    return {
        "kind": kind or "training",
        "state": state_of(run, kind, folder),
        "scene": facts.get("scene"),
        "method": facts.get("label") or facts.get("method"),
        "task": facts.get("task"),
        "network": facts.get("network"),
        "parameters": weights,
        "bytes": size,
        "corrects": facts.get("correct"),
        "placement": product.get("placement"),
        "form": product.get("form"),
        "source": flow_of(part(facts, "pair", "source") or product.get("flow")),
        "reference": _reference(part(facts, "pair")),
        "flows": list(product.get("flows") or facts.get("members") or {}),
        "training": _training(folder, facts, run),
        "validation": _validation(folder, product),
        "from": _origin(facts.get("from")),
        "valid_for": _ranges(facts, product),
        "evaluations": list(_evaluations(folder)),
        "sweep": str(folder.parent) if (folder.parent / SWEEP).is_file() else None,
        "card": card(shipped) if shipped in pretrained_scenes() else None,
        "versions": facts.get("versions"),
    }


def _product(folder: Path) -> tuple[str, dict, int | None, int | None]:
    """Kind, description, weights and bytes of what was trained; of nothing where the training has not saved any."""
    for name, (kind, schema) in PRODUCTS.items():
        network, description = folder / f"{name}.keras", folder / f"{name}.json"
        if not description.is_file():
            continue
        content = read_json(description, schema)
        if not network.is_file():
            raise MissingError(f"{network} is missing: {TRAIN}.")
        return kind, content, _weights(network), network.stat().st_size + description.stat().st_size
    path = folder / SOLUTION_FILE
    if not path.is_file():
        return "", {}, None, None
    content, arrays = read_arrays(path, SOLUTION_KIND)
    if wrong := SOLUTION.violation(content):
        raise InputError(f"{path} is damaged ({wrong}): {SOLUTION.advice}.")
    weights = sum(a.size for n, a in arrays.items() if n.startswith("weight_"))
    return SOLUTION_KIND, content, weights, path.stat().st_size


def _weights(path: Path) -> int:
    """The number of weights in a Keras file."""
    import h5py

    counts = []
    with reading(path, f": {TRAIN}"), ZipFile(path) as file:
        check_unpacked(file, LARGEST, f"{path} is too large for a network")
        with h5py.File(BytesIO(file.read("model.weights.h5"))) as weights:
            weights.visititems(lambda _, x: counts.append(x.size) if isinstance(x, h5py.Dataset) else None)
    return int(np.sum(counts, dtype=np.int64))


def state_of(run: dict, kind: str, folder: Path) -> str:
    """How far a training is, in words."""
    if run.get("complete"):
        return "finished"
    if run.get("stopped_early"):
        return "ended early, as it got no better"
    if not run:
        return "a trained model"
    rows = _log(folder)
    share = f": {100 * rows[-1]['progress']:.0f} % of it are done" if rows and "progress" in rows[-1] else ""
    return f"not finished{share}{'' if kind else ', and nothing is saved yet'}"


def flow_of(config: Any) -> dict[str, Any]:
    """A flow in short."""
    keys = ("type", "resolution", "size", "dt", "advection")
    return {n: config[n] for n in keys if n in config} if isinstance(config, dict) else {}


def _reference(pair: Any) -> dict[str, Any]:
    """The reference of a pair in short."""
    if not isinstance(pair, dict):
        return {}
    cells, ratio, steps = part(pair, "source", "resolution"), pair.get("ratio"), pair.get("time_ratio", 1)
    dt, options = part(pair, "source", "dt"), pair.get("reference_options")
    facts: dict = {"steps": steps} | (options if isinstance(options, dict) else {})
    if isinstance(cells, dict) and is_real(ratio) and all(map(is_real, cells.values())):
        facts["resolution"] = {d: int(n * ratio) for d, n in cells.items()}
    if is_real(dt) and is_real(steps) and steps:
        facts["dt"] = dt / steps
    return facts


def _training(folder: Path, facts: dict, run: dict) -> dict[str, Any]:
    rows, data = _log(folder), facts.get("data")
    last = rows[-1] if rows else {}
    done, seconds = run.get("steps_done", last.get("step")), run.get("seconds", last.get("seconds"))
    held_out = part(facts, "validation", "held_out")
    losses = {f"{r['step']:.0f}": r["loss"] for r in (rows[:1] + rows[1:][-1:]) if {"step", "loss"} <= r.keys()}
    return {
        "iterations": None if done is None else int(done),
        "seconds": seconds,
        "seed": facts.get("seed"),
        "simulations": len(data) if isinstance(data, list) else None,
        "data": data,
        "held_out": held_out,
        "plan": facts.get("plan"),
        "longer": facts.get("longer"),
        "recoveries": facts.get("recoveries"),
        "loss": losses or None,
    }


def _validation(folder: Path, product: dict) -> dict[str, Any]:
    """The history in short, and what is best."""
    history = [[int(r["step"]), r["val_error"]] for r in _log(folder) if {"step", "val_error"} <= r.keys()]
    chosen = product.get("chosen")
    facts = dict(chosen) if isinstance(chosen, dict) else {}
    if history:
        kept = np.unique(np.linspace(0, len(history) - 1, min(POINTS, len(history))).round().astype(int))
        best = min(history, key=lambda row: row[1])
        facts |= {"history": [history[i] for i in kept], "best": {"step": best[0], "error": best[1]}}
    return facts


def _log(folder: Path) -> list[dict[str, float]]:
    """The lines of a log, without one at its end that is being written, and what in them is no number."""
    path = folder / LOG_FILE
    if not path.is_file():
        return []
    with reading(path):
        text = path.read_text(errors="replace")
        lines = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
        rows = [{n: _number(v) for n, v in row.items() if n and v} for row in lines]
    return [{n: v for n, v in r.items() if v is not None} for r in rows if r.get("step") is not None]


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _origin(start: Any) -> dict[str, Any]:
    """What the training began from; what comes with phi_sol is known by the data that it saw."""
    if not isinstance(start, dict):
        return {}
    for scene in pretrained_scenes():
        known = read_json(pretrained_folder(scene) / "corrector.json")
        seen = [f for d in (known, known.get("from", {})) for f in d.get("data", [])]
        if start.get("label") == known.get("label") and start.get("data") == list(dict.fromkeys(seen)):
            return {"label": start.get("label"), "run": f"{NAME}:{scene}"}
    return {"label": start.get("label"), "weights": start.get("weights")}


def _ranges(facts: dict, product: dict) -> dict[str, Any]:
    """Of each parameter the least and greatest value of the training; whether states beyond it are noticed."""
    given = facts.get("parameters")
    numbers = {n: [x for x in v if is_real(x)] for n, v in (given or {}).items() if isinstance(v, list) and n != "seed"}
    known = {n: [min(v), max(v)] for n, v in numbers.items() if v}
    return {"parameters": known} | ({"states_known": True} if product.get("seen") else {}) if known else {}


def _evaluations(folder: Path) -> Iterator[dict[str, Any]]:
    """What evaluations beside a run say of it."""
    for place in (folder / "evaluation", folder.parent / "evaluation"):
        path = place / RESULTS
        if not path.is_file():
            continue
        results = read_json(path)
        entry, source = (part(results, "solvers", n) for n in (folder.name, "SRC"))
        if not isinstance(entry, dict):
            continue
        made = max((p.stat().st_mtime for p in folder.glob("*.json")), default=0)
        facts: dict = {"folder": str(place), "frames": results.get("frames"), "dt": results.get("dt")}
        facts |= {"older": True} if path.stat().st_mtime < made else {}
        facts |= {"error": _last(entry.get("mae")), "source_error": _last(part(source, "mae"))}
        facts |= {n: entry.get(n) for n in ("ms_per_time", "speedup", "speedup_reference")}
        needed, plain = (
            part(results, "solvers", n, "iterations", f"{results.get('tolerance', 0):g}", "mean")
            for n in (folder.name, ZERO)
        )
        facts |= {"iterations": needed, "iterations_from_zero": plain}
        yield {n: v for n, v in facts.items() if v is not None}


def _last(errors: Any) -> Any:
    """The error over all frames."""
    return list(errors.values())[-1] if isinstance(errors, dict) and errors else None


def part(content: Any, *path: str) -> Any:
    """A part of a nested dictionary, None where there is none."""
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content
