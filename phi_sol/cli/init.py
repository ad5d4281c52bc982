"""`phi-sol init`."""

from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import option, say
from .templates import FLOWS, scene_file


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE.py", help="Scene file to write; its name is the scene's.")],
    flow: Annotated[
        str, option("wake, plume, box, kolmogorov, advection or poisson.", complete=completion.one_of(*FLOWS))
    ] = "wake",
):
    """
    Write a commented scene file to begin from, which works at once.

    It is small: generate, train and evaluate take minutes on two CPU cores. What is there is not overwritten.
    """
    import os

    from ..errors import InputError, check_name, quoted, suggestion
    from ..files import write_atomic
    from ..places import check_file

    if flow not in FLOWS:
        raise InputError(f"Unknown flow {quoted(flow)}.{suggestion(flow, FLOWS)} Known: {', '.join(FLOWS)}.")
    if file.suffix != ".py":
        raise InputError(f"A scene file is a Python file: {file.name}.py, e.g., not {quoted(str(file))}.")
    name = check_name("The name of a scene, which is that of its file,", file.stem)
    if os.path.lexists(file):
        raise InputError(f"{file} is there already, and stays as it is: name another file.")
    check_file(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, scene_file(flow, name).encode())
    say(f"{file}: {FLOWS[flow][0]}")
    for command in ("generate", "train", "evaluate"):
        say(f"  phi-sol {command} {file}")
