"""Commands as work for other processes: what a worker calls."""

import gc
from collections.abc import Callable

from ..progress import sent_to
from ..quiet import quiet_import


def command(arguments: dict, report: Callable[[float], None]) -> dict:
    """Carries out `arguments["command"]`, such as `["train", "wake_2d"]`; errors as the command's."""
    import typer

    from . import app

    quiet_import()

    def show(part: str, done: float, total: float, **_):
        report(done / total if total and part == arguments.get("part", part) else 0.0)

    with sent_to(show):
        given = arguments["command"]
        code = typer.main.get_command(app).main(given, prog_name="phi-sol", standalone_mode=False, obj=given)
    gc.collect()  # of a worker's many trainings
    return {"code": code or 0}
