"""Commands that list what there is: scenes and networks."""

from dataclasses import asdict
from typing import Annotated

import typer

from .common import JsonOption, quiet_tensorflow, say, say_json, wide_console


def scenes(as_json: JsonOption = False):
    """List the known scenes, one line each."""
    from ..experiment import scene_summaries

    summaries = scene_summaries()
    if as_json:
        return say_json([{"name": n, "summary": s} for n, s in summaries.items()])
    width = max(map(len, summaries))
    for name, summary in summaries.items():
        say(f"{name:{width}}  {summary}")


def networks(
    rank: Annotated[int, typer.Option(help="Spatial dimensions.", min=1, max=3)] = 2,
    timing: Annotated[bool, typer.Option(help="Time an evaluation of each on this machine, for some seconds.")] = True,
    as_json: JsonOption = False,
):
    """
    List the networks, one line each: parameters, receptive field, operations per cell, time of an evaluation.

    Each is built for a corrector that sees a velocity and one parameter and corrects the velocity, without periodic
    axes. The time is that of one evaluation in a compiled loop, for one simulation.
    """
    quiet_tensorflow()
    from rich.table import Table

    from ..networks import NETWORKS, build_network, describe
    from ..networks.timing import evaluation_seconds

    found = {}
    for name in NETWORKS:
        facts = describe(model := build_network(name, rank + 1, rank, rank))
        found[name] = facts, 1e3 * evaluation_seconds(model, facts.resolution) if timing else None
    if as_json:
        return say_json(
            [{"name": n, "summary": NETWORKS[n].summary, **asdict(f), "ms": ms} for n, (f, ms) in found.items()]
        )
    table = Table()
    for column in ("network", "what", "parameters", "receptive field", "FLOPs per cell", *(["ms"] if timing else [])):
        table.add_column(column, justify="left" if column in ("network", "what") else "right", no_wrap=True)
    for name, (facts, ms) in found.items():
        flops = "?" if facts.flops_per_cell is None else f"{facts.flops_per_cell:,.0f}"
        timed = [] if ms is None else [f"{ms:.2f}"]
        table.add_row(name, NETWORKS[name].summary, f"{facts.parameters:,}", facts.sight, flops, *timed)
    table.title = f"{rank}D, {rank + 1} inputs, {rank} outputs, {'x'.join(map(str, facts.resolution))} cells"
    wide_console(120).print(table)
