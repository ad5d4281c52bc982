"""`phi-sol check`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .common import JsonOption, note, option, say, say_json

SHOWN = 20  # findings of a kind that are listed one by one


def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of data, or of one simulation.")],
    repair: Annotated[
        bool,
        option("Remove what is damaged, so that 'generate' restores it; put aside what is foreign.", True, "--repair"),
    ] = False,
    as_json: JsonOption = False,
):
    """
    Read all recorded frames, and list what is damaged, missing or foreign.

    Every frame is compared with the checksum of what was generated. Ends with exit code 1 if anything is wrong; with
    --repair only if something could not be removed.
    """
    from functools import partial

    from ..progress import showing
    from ..storage.inspection import FOREIGN, MISSING, inspect_data, repair_data

    with showing(True, "simulations/s") as show:
        found = inspect_data(folder, partial(show, f"reading {folder}"))
    if as_json:
        gone = repair_data(found, note) if repair else []
        content = {"folder": folder, "simulations": found.simulations, "files": found.files}
        say_json(content | {"findings": [asdict(f) for f in found.findings], "gone": gone})
    else:
        _say(found, folder)
        gone = repair_data(found, say) if repair and found.wrong else []
    if not found.wrong:
        return
    if repair:
        left = [f for f in found.wrong if f.kind != MISSING and f.path not in gone and f.path.exists()]
        again = [f for f in found.wrong if f.kind != FOREIGN]
        if not as_json:
            say("'phi-sol generate' restores what is missing." if again else "Nothing has to be generated again.")
        if not left:
            return
    raise typer.Exit(1)


def _say(found, folder: Path):
    """What an inspection has found, with some of each kind."""
    kinds: dict[str, list] = {}
    for finding in found.findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for findings in kinds.values():
        for finding in findings[:SHOWN]:
            say(finding)
        if len(findings) > SHOWN:
            say(f"{findings[0].kind}: and {len(findings) - SHOWN} more")
    counts = ", ".join(f"{len(f)} {kind}" for kind, f in kinds.items())
    say(f"{found.simulations} simulations, {found.files} files read in {folder}: {counts or 'all as generated'}")
