"""Two evaluations side by side."""

from pathlib import Path

from ..errors import InputError, MissingError
from ..storage.files import read_json
from .tables import Table, decimal, spread

SIGMAS = 2  # standard errors of the difference beyond which it is marked


def read_results(path: Path) -> dict:
    """
    The results of an evaluation: of its folder or of its `results.json`.

    Raises:
        MissingError: if there is none.
        InputError: if the file is damaged or of something else.
    """
    path = Path(path)
    file = path / "results.json" if path.is_dir() else path
    if not file.is_file():
        raise MissingError(
            f"There is no evaluation in {path}: give a folder with a results.json, which 'phi-sol evaluate' writes."
        )
    results = read_json(file)
    try:
        _ = results["parameters"], results["scene"], results["frames"]
        if "guesses" in results:
            _ = results["solvers"]["zero guess"]["iterations"][f"{results['tolerance']:g}"], results["groups"]
        else:
            _ = results["solvers"]["SRC"]["mae"][str(results["frames"])], results["solvers"]["REF"]
    except (KeyError, TypeError) as err:
        raise InputError(f"{file} does not hold the results of an evaluation: {err} is missing.") from err
    return results


def compare(a: dict, b: dict) -> Table:
    """
    The velocity MAE of every solver, and of every group of runs that differ in their seed, in two evaluations
    of the same scene; for Poisson problems the iterations to the scene's tolerance.

    With s the standard error of the difference, s² = σ_a² / n_a + σ_b² / n_b over the seeds of a group, a
    difference beyond 2 s is marked with a star; where one side has a single seed there is no s and nothing is marked.

    Raises:
        InputError: if scene, parameters, frames or tolerance differ.
    """
    for name, words in (
        ("scene", "scenes"),
        ("frames", "numbers of frames"),
        ("parameters", "test simulations"),
        ("tolerance", "tolerances"),
    ):
        if a.get(name) != b.get(name):
            shown = f": {a.get(name)} and {b.get(name)}" if name != "parameters" else ""
            raise InputError(
                f"These are evaluations of different {words}{shown}; compare two that only differ in their solvers."
            )
    rows, digits = [], 1 if "guesses" in a else 4
    for name in dict.fromkeys([*_solvers(a), *_solvers(b)]):
        here, there = (_entry(r, name) for r in (a, b))
        if here is None or there is None:
            rows.append([name, *(("-" if e is None else spread(e[0], e[1], digits)) for e in (here, there)), "", ""])
            continue
        cells = [spread(*e[:2], digits) for e in (here, there)]
        if here[0] is None or there[0] is None:
            rows.append([name, *cells, "", "* blows up in one" if here[0] != there[0] else ""])
            continue
        error = (
            None if here[1] is None or there[1] is None else (here[1] ** 2 / here[2] + there[1] ** 2 / there[2]) ** 0.5
        )
        change = there[0] - here[0]
        if error is not None:
            mark = "*" if abs(change) > SIGMAS * error else "within the deviation"
        else:
            mark = "one seed" if any(name in r.get("groups", {}) for r in (a, b)) else ""
        rows.append([name, *cells, f"{100 * change / here[0]:+.1f} %" if here[0] else decimal(change, digits), mark])
    note = f"* beyond {SIGMAS} standard errors over training seeds."
    if any(a.get("data", {}).get(key) != b.get("data", {}).get(key) for key in ("sha256", "fingerprints")):
        note += " The test data of the two differ."
    measure = f"iterations to {a['tolerance']:g}" if "guesses" in a else f"velocity MAE over {a['frames']} frames"
    return Table(f"{a['scene']}: {measure}", ["solver", "A", "B", "B against A", ""], rows, note)


def _solvers(results: dict) -> list[str]:
    """Solvers that were not trained, and groups of those that were; single runs where an older file has no groups."""
    runs = {n for g in results.get("groups", {}).values() for n in g["runs"]}
    measured = [
        n for n, e in results["solvers"].items() if "iterations" in e or "mae" in e
    ]  # not the reference or the direct solve
    return [n for n in measured if n not in runs] + list(results.get("groups", {}))


def _entry(results: dict, name: str) -> tuple[float | None, float | None, int] | None:
    """Mean, deviation, and number of seeds."""
    group, entry = results.get("groups", {}).get(name), results["solvers"].get(name)
    if "guesses" in results:
        known, runs, at = group or entry, (group or {"runs": [name]})["runs"], f"{results['tolerance']:g}"
        return (
            None
            if known is None
            else (known["iterations"][at]["mean"], known["iterations"][at]["std"] if group else None, len(runs))
        )
    if group is not None:
        return group["mean"], group["std"], len(group["runs"])
    return None if entry is None else (entry["mae"][str(results["frames"])], None, 1)
