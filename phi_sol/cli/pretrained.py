"""`phi-sol pretrained`."""

from typing import Annotated

import typer

from . import completion
from .common import JsonOption, say, say_json, wide_console

COLUMNS = {"scene": "scene", "network": "network", "error": "MAE", "source_error": "MAE of SRC", "cost": "ms per time"}
COLUMNS |= {"speedup": "speed-up", "speedup_reference": "cheaper than the reference"}


def pretrained(
    scene: Annotated[
        str | None, typer.Argument(metavar="[SCENE]", help="Shows its whole card.", autocompletion=completion.shipped)
    ] = None,
    as_json: JsonOption = False,
):
    """
    Show the trained correctors that come with phi_sol, or the card of one: error, cost, range of validity.

    `phi-sol evaluate SCENE --run pretrained` measures one, `phi-sol view SCENE` shows it. One for many flows is
    `pretrained:foundation_2d` in any scene, with --anyway where it was not trained.
    """
    from ..storage.shipped import card, pretrained_folder, pretrained_scenes

    if as_json:
        names = pretrained_scenes() if scene is None else [scene]
        cards = [card(n) | {"folder": pretrained_folder(n)} for n in names]
        return say_json(cards if scene is None else cards[0])
    if scene is not None:
        facts = card(scene)
        width = max(map(len, facts))
        for name, value in facts.items():
            is_time = name.endswith("cost") and not isinstance(value, str)
            unit = " ms per unit of simulated time" if is_time else ""
            say(f"{name.replace('_', ' '):{width}}  {_shown(value)}{unit}")
        say(f"{'folder':{width}}  {pretrained_folder(scene)}")
        return
    from rich.table import Table

    table = Table()
    for column in COLUMNS.values():
        table.add_column(column, justify="left" if column in ("scene", "network") else "right", no_wrap=True)
    many = []
    for name in pretrained_scenes():
        facts = card(name)
        if "flows" in facts:
            many.append(f"{name}: one corrector for {len(facts['flows'])} flows, see 'phi-sol pretrained {name}'")
        else:
            table.add_row(*(_shown(facts.get(n, "")) for n in COLUMNS))
    wide_console().print(table)
    for line in many:
        say(line)


def _shown(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{n} {_shown(v)}" for n, v in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)
