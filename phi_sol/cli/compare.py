"""`phi-sol compare`."""

from pathlib import Path
from typing import Annotated

import typer

from .common import quiet_tensorflow, show_results

Evaluated = Annotated[Path, typer.Argument(help="Folder of an evaluation, or its results.json.", show_default=False)]


def compare(a: Evaluated, b: Evaluated):
    """Show two evaluations side by side, and mark differences beyond the deviation over training seeds."""
    quiet_tensorflow()
    from ..tasks import compare as compared
    from ..tasks import read_results

    show_results([compared(read_results(a), read_results(b))])
