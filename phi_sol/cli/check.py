"""`phi-sol check`."""

from pathlib import Path
from typing import Annotated

import typer

from .common import option, say

SHOWN = 20  # findings of a kind that are listed one by one


def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of data, or of one simulation.")],
    repair: Annotated[
        bool,
        option("Remove what is damaged, so that 'generate' restores it; put aside what is foreign.", True, "--repair"),
    ] = False,
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
    if not found.wrong:
        return
    if repair:
        gone = repair_data(found, say)
        left = [f for f in found.wrong if f.kind != MISSING and f.path not in gone and f.path.exists()]
        again = [f for f in found.wrong if f.kind != FOREIGN]
        say("'phi-sol generate' restores what is missing." if again else "Nothing has to be generated again.")
        if not left:
            return
    raise typer.Exit(1)
