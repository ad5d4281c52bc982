"""`phi-sol doctor`."""

from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer

from .common import JsonOption, option, say, say_json


def doctor(
    speed: Annotated[
        bool, option("Time a step of the source of wake_2d, for some seconds.", "speed", "--speed/--no-speed")
    ] = True,
    as_json: JsonOption = False,
):
    """
    Look at the installation: versions, devices, folders, programs, extras, speed. A report of a bug should contain it.

    Ends with what is missing and the line that installs it, and with exit code 1 if phi_sol needs any of it.
    """
    from . import wrong_defaults
    from .health import findings

    found = list(findings(speed, wrong_defaults()))
    wrong = [f for f in found if f.ok is False]
    if as_json:
        say_json({"ok": not wrong, "findings": [asdict(f) for f in found]})
    else:
        width = max(len(f.name) for f in found)
        for part, group in groupby(found, lambda f: f.part):
            say(part)
            for f in group:
                say(f"  {f.name:{width}}  {f.text}")
        say("")
        for f in found:
            if f.ok is not True and f.advice:
                say(f"{'needed' if f.ok is False else 'optional'}: {f.name}: {f.advice}")
        say(f"{len(wrong)} of what phi_sol needs is wrong." if wrong else "All that phi_sol needs is there.")
    if wrong:
        raise typer.Exit(1)
