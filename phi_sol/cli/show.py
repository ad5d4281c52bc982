"""`phi-sol runs` and `phi-sol show`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from . import completion
from .common import JsonOption, say, say_json, wide_console
from .reproduce import duration

COLUMNS = {"folder": "run", "scene": "scene", "method": "method", "network": "network", "state": "state"}


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to look.", show_default="runs")] = Path(
        "runs"
    ),
    as_json: JsonOption = False,
):
    """
    List the runs in a folder, one line each: scene, method, network, how far they are, error.

    The error is that of an evaluation beside a run, or else the best of its validation. `phi-sol show RUN` has all that
    is known of one.
    """
    from ..errors import InputError, MissingError
    from ..tasks.about import about

    if not folder.is_dir():
        raise MissingError(f"There is no folder {folder}: 'phi-sol train' makes one, or name another.")
    found: list[dict[str, Any]] = []
    for place in map(Path, completion.found_runs(folder, completion.TRAINED)):
        try:
            facts = about(place)
        except InputError as err:  # a damaged one hides no others
            facts = {"folder": str(place), "state": str(err)}
        kept = {n: facts.get(n) for n in (*COLUMNS, "kind", "parameters")}
        iterations = facts.get("training", {}).get("iterations")
        found.append(kept | {"iterations": iterations} | _error(facts))
    if as_json:
        return say_json(found)
    if not found:
        return say(f"There are no runs in {folder}.")
    from rich.table import Table

    from ..texts import for_rich

    table = Table()
    for heading in (*COLUMNS.values(), "iterations", "error"):
        right = heading in ("iterations", "error")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for run in found:
        error = "" if run["error"] is None else f"{run['error']:.4g} ({run['error_of']})"
        cells = [run[n] or "" for n in COLUMNS] + ["" if run["iterations"] is None else run["iterations"], error]
        table.add_row(*map(for_rich, cells))
    wide_console(130).print(table)


def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Folder of a run, an estimate or a sweep; or pretrained:SCENE.",
            autocompletion=completion.runs,
        ),
    ],
    as_json: JsonOption = False,
):
    """
    Show what is known of a run: what it is, how it was trained, its errors, its range of validity, and its size.

    From the files of its folder alone, and of evaluations beside it; also of trainings that go on, estimates and
    sweeps. `pretrained:SCENE` stands for what comes with phi_sol.
    """
    from ..tasks.about import about, run_folder, understood

    facts = about(run_folder(run))
    if as_json:
        return say_json(facts)
    say(f"{facts['folder']}: {facts['kind']}, {facts['state']}")
    with understood(facts["folder"]):
        lines = list(_estimate(facts) if facts["kind"] == "estimation" else _lines(facts))
    width = max((len(name) for name, _ in lines), default=0)
    for name, text in lines:
        say(f"  {name:{width}}  {text}")


def _error(facts: Mapping) -> dict[str, Any]:
    """The error that a run is judged by, and what it is of."""
    for evaluation in reversed(facts.get("evaluations", [])):
        for name, words in (("error", "evaluation"), ("iterations", "iterations in the evaluation")):
            if name in evaluation:
                return {"error": evaluation[name], "error_of": words}
    best = facts.get("validation", {}).get("best") or {}
    return {"error": best.get("error"), "error_of": "validation" if best else None}


def _lines(facts: Mapping) -> Iterator[tuple[str, str]]:
    """Name and text of what is known of a training, a model or a sweep."""
    for name in ("scene", "method"):
        if name in facts:
            yield name, facts[name].replace("+", ", ") if name == "scene" else facts[name]
    size = [f"{facts['parameters']:,} parameters"] if "parameters" in facts else []
    size += [f"{facts['bytes'] / 1e3:,.0f} kB"] if "bytes" in facts else []
    if network := ", ".join([*([facts["network"]] if "network" in facts else []), *size]):
        yield "network", network
    if "source" in facts:
        yield "source", _flow(facts["source"])
    if "reference" in facts:
        yield "reference", _flow(facts["reference"])
    if "corrects" in facts:
        how = [n for n in (facts.get("placement"), facts.get("form")) if n and n not in ("after", "increment")]
        yield "corrects", ", ".join([*facts["corrects"], *how])
    yield from _training(facts.get("training", {}))
    yield from _errors(facts)
    yield from _validity(facts)
    if "sweep" in facts:
        yield "sweep", f"one of the trainings in {facts['sweep']}"
    for name, value in facts.get("same", {}).items():
        yield name, str(value)
    yield from facts.get("runs", {}).items()
    yield from _made_with(facts)


def _training(facts: Mapping) -> Iterator[tuple[str, str]]:
    plan = facts.get("plan") or {}
    if facts.get("simulations"):
        held_out = facts.get("held_out") or []
        yield (
            "data",
            f"{facts['simulations']} simulations" + (f", {len(held_out)} of them held out" if held_out else ""),
        )
    if facts.get("iterations") is not None:
        seconds = facts.get("seconds")
        yield "trained", f"{facts['iterations']} iterations" + ("" if seconds is None else f" in {duration(seconds)}")
    if plan:
        length = f"{plan['steps']} iterations" if plan.get("steps") else duration(plan.get("budget") or 0)
        stages = ", ".join(f"{s['unroll']} to {100 * s['until']:.0f} %" for s in plan.get("stages", []))
        more = f", made longer {len(facts['longer'])} times" if facts.get("longer") else ""
        yield "plan", f"{length}{more}; unrolled steps {stages}"
        keys = ("optimizer", "learning_rate", "decay", "batch", "clip", "ramp", "ema", "precision")
        yield "settings", ", ".join(f"{n.replace('_', ' ')} {_plain(plan[n])}" for n in keys if plan.get(n))
    if facts.get("recoveries"):
        yield "recoveries", f"{len(facts['recoveries'])}: it diverged, and went on with a lower learning rate"
    if facts.get("seed") is not None:
        yield "seed", str(facts["seed"])
    if facts.get("loss"):
        yield "loss", ", ".join(f"{v:.3g} at iteration {n}" for n, v in facts["loss"].items())


def _errors(facts: Mapping) -> Iterator[tuple[str, str]]:
    found = facts.get("validation", {})
    if "best" in found:
        shown = ", ".join(f"{e:.3g}" for _, e in found["history"])
        yield "validation", f"best {found['best']['error']:.4g} at iteration {found['best']['step']}; {shown}"
    elif "val_error" in found:
        yield "validation", f"best {found['val_error']:.4g} at iteration {found.get('step')}"
    elif "kind" in found:
        yield "validation", f"none: the {found['kind']} one is kept"
    for e in facts.get("evaluations", []):
        parts = []
        if "error" in e:
            until = f" over {e['frames'] * e['dt']:g} units of time" if "dt" in e else f" over {e['frames']} frames"
            source = f" (SRC {e['source_error']:.4g})" if "source_error" in e else ""
            parts.append(f"MAE {e['error']:.4g}{source}{until}")
        if "iterations" in e:
            parts.append(f"{e['iterations']:.3g} iterations, from zero {e.get('iterations_from_zero', 0):.3g}")
        parts += [f"{e['ms_per_time']:.3g} ms per unit of time"] if "ms_per_time" in e else []
        parts += [f"speed-up {e['speedup']:.3g}"] if "speedup" in e else []
        older = ", before the run was written last" if e.get("older") else ""
        yield "evaluation", f"{'; '.join(parts)} ({e['folder']}{older})"
    for name, text in (("measured", "measured"), ("outside", "outside"), ("fails_at", "fails at")):
        value = facts.get("card", {}).get(name)
        if name == "measured" and value and "error" in facts["card"]:
            c = facts["card"]
            value = f"MAE {c['error']:.3g} (SRC {c['source_error']:.3g}) {value}; {c['cost']:.3g} ms per unit of time"
        if value:
            yield text, value


def _validity(facts: Mapping) -> Iterator[tuple[str, str]]:
    known = facts.get("valid_for", {})
    if ranges := known.get("parameters"):
        words = [f"{n} {low:.4g}" + (f" to {high:.4g}" if high > low else "") for n, (low, high) in ranges.items()]
        yield "valid for", facts.get("card", {}).get("valid_for") or ", ".join(words)
    if known.get("states_known"):
        yield "states", "those of the training are known: what is beyond them is said when it is used"
    if "flows" in facts:
        yield "flows", ", ".join(facts["flows"])
    if origin := facts.get("from"):
        yield "from", origin.get("run") or f"weights {origin.get('weights')} ({origin.get('label')})"


def _estimate(facts: Mapping) -> Iterator[tuple[str, str]]:
    """The same of estimates."""
    wanted = facts.get("wanted", {})
    yield "scene", facts.get("scene", "")
    yield "unknown", ", ".join(wanted.get("unknowns", []))
    solver = "corrected source" if facts.get("corrected") else "source"
    yield "followed by", f"{solver}, {facts.get('frames')} frames, every {wanted.get('every', 1)} seen"
    for name, e in facts.get("simulations", {}).items():
        errors, recorded = e.get("errors") or {}, e.get("recorded") or {}
        parts = []
        for unknown, value in (e.get("estimates") or {}).items():
            bar = f" ± {_plain(errors[unknown])}" if unknown in errors else ""
            truth = f" (recorded {_plain(recorded[unknown])})" if unknown in recorded else ""
            parts.append(f"{unknown} {_plain(value)}{bar}{truth}")
        yield name, "; ".join([*parts, str(e.get("message", ""))])
    yield from _made_with(facts)


def _made_with(facts: Mapping) -> Iterator[tuple[str, str]]:
    if versions := facts.get("versions"):
        yield "made with", ", ".join(f"{n} {v}" for n, v in versions.items())
    if "command" in facts:
        yield "command", facts["command"]


def _flow(flow: Mapping) -> str:
    """`WakeFlow 64x32, dt 10, semi_lagrangian`."""
    cells = "x".join(str(n) for n in flow.get("resolution", {}).values())
    first = " ".join(part for part in (flow.get("type", ""), cells) if part)
    parts = [first] if first else []
    parts += [f"dt {flow['dt']:g}"] if "dt" in flow else []
    parts += [f"{flow['steps']} steps for one of the source"] if flow.get("steps", 1) != 1 else []
    rest = {n: v for n, v in flow.items() if n not in ("type", "resolution", "size", "dt", "steps", "advection")}
    parts += [flow["advection"]] if isinstance(flow.get("advection"), str) else []
    return ", ".join(parts + [f"{n} {_plain(v)}" for n, v in rest.items()])


def _plain(value: Any) -> str:
    """A number in short, several as their count, anything else as it is."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) if len(value) <= 4 else f"{len(value)} numbers"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
