"""`phi-sol compare`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

Evaluated = Annotated[Path, typer.Argument(help="Folder of an evaluation, or its results.json.", show_default=False)]


def compare(a: Evaluated, b: Evaluated):
    """
    Show two evaluations side by side, and mark differences beyond the deviation over training seeds.
    """
    from rich.console import Console

    from ..evaluation.compare import compare as compared
    from ..evaluation.compare import read_results
    from ..evaluation.report import rich_table

    table = compared(read_results(a), read_results(b))
    Console(width=None if sys.stdout.isatty() else 110).print(rich_table(table))
