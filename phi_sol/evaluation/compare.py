"""Two evaluations side by side."""

from pathlib import Path

from ..data.store import read_json
from ..errors import InputError, MissingError
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
        raise MissingError(f"There is no evaluation in {path}: give a folder with a results.json, which 'phi-sol evaluate' writes.")
    results = read_json(file)
    try:
        last = str(results["frames"])
        _ = results["solvers"]["SRC"]["mae"][last], results["solvers"]["REF"], results["parameters"], results["scene"]
    except (KeyError, TypeError) as err:
        raise InputError(f"{file} does not hold the results of an evaluation: {err!r} is missing.") from err
    return results


def compare(a: dict, b: dict) -> Table:
    """
    The velocity MAE of every solver, and of every group of runs that differ in their seed, in two evaluations of the same scene.

    With s the standard error of the difference, s² = σ_a² / n_a + σ_b² / n_b over the seeds of a group, a difference beyond 2 s is marked
    with a star; where one side has a single seed there is no s and nothing is marked.

    Raises:
        InputError: if scene, parameters or frames differ.
    """
    for name, words in (("scene", "scenes"), ("frames", "numbers of frames"), ("parameters", "test simulations")):
        if a[name] != b[name]:
            shown = f": {a[name]} and {b[name]}" if name != "parameters" else ""
            raise InputError(f"These are evaluations of different {words}{shown}; compare two that only differ in their solvers.")
    last, rows = str(a["frames"]), []
    for name in dict.fromkeys([*_solvers(a), *_solvers(b)]):
        here, there = (_entry(r, name) for r in (a, b))
        if here is None or there is None:
            rows.append([name, *(("-" if e is None else spread(e[0], e[1])) for e in (here, there)), "", ""])
            continue
        cells = [spread(*here[:2]), spread(*there[:2])]
        if here[0] is None or there[0] is None:
            rows.append([name, *cells, "", "* blows up in one" if here[0] != there[0] else ""])
            continue
        error = None if here[1] is None or there[1] is None else (here[1] ** 2 / here[2] + there[1] ** 2 / there[2]) ** 0.5
        change = there[0] - here[0]
        if error is not None:
            mark = "*" if abs(change) > SIGMAS * error else "within the deviation"
        else:
            mark = "one seed" if any(name in r.get("groups", {}) for r in (a, b)) else ""
        rows.append([name, *cells, f"{100 * change / here[0]:+.1f} %" if here[0] else decimal(change), mark])
    note = f"* beyond {SIGMAS} standard errors over training seeds."
    if a.get("data", {}).get("sha256") != b.get("data", {}).get("sha256"):
        note += " The test data of the two differ."
    return Table(f"{a['scene']}: velocity MAE over {last} frames", ["solver", "A", "B", "B against A", ""], rows, note)


def _solvers(results: dict) -> list[str]:
    """Solvers without a corrector, and groups of correctors; single runs where an older file has no groups."""
    runs = {n for g in results.get("groups", {}).values() for n in g["runs"]}
    return [n for n in results["solvers"] if n not in runs and n != "REF"] + list(results.get("groups", {}))


def _entry(results: dict, name: str) -> tuple[float | None, float | None, int] | None:
    """Mean, deviation, and number of seeds."""
    group = results.get("groups", {}).get(name)
    if group is not None:
        return group["mean"], group["std"], len(group["runs"])
    entry = results["solvers"].get(name)
    return None if entry is None else (entry["mae"][str(results["frames"])], None, 1)
