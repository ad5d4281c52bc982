"""`phi-sol compare`."""

from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import JsonOption, quiet_tensorflow, say_json, show_results

Evaluated = Annotated[
    Path,
    typer.Argument(
        help="Folder of an evaluation, or its results.json.", show_default=False, autocompletion=completion.evaluations
    ),
]


def compare(a: Evaluated, b: Evaluated, as_json: JsonOption = False):
    """Show two evaluations side by side, and mark differences beyond the deviation over training seeds."""
    quiet_tensorflow()
    from ..tasks import compare as side_by_side
    from ..tasks import read_results, task_of_results

    results = read_results(a), read_results(b)
    table = side_by_side(*results)
    if not as_json:
        return show_results([table])
    values = [task_of_results(r).compared(r) for r in results]
    solvers: dict = {row[0]: {"remark": row[-1]} for row in table.rows}
    for side, (_, _, found) in zip("ab", values, strict=True):
        for name in solvers.keys() & found.keys():
            solvers[name][side] = dict(zip(("mean", "deviation", "seeds"), found[name], strict=True))
    say_json({"scene": results[0]["scene"], "measure": values[0][0], "solvers": solvers})
