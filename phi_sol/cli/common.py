"""What the commands share: arguments, tables, JSON, and how TensorFlow is started."""

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ..quiet import start_tensorflow
from . import completion
from .defaults import in_force, in_words


def option(help: str, default: str | bool = True, *names: str, complete: Callable | None = None):
    """An option whose default is shown as a text, and whose values a shell completes by a function."""
    return typer.Option(*names, help=help, show_default=default, autocompletion=complete)


SCENE_HELP = "Name of a known scene, or path of a scene file."
SceneArgument = Annotated[str, typer.Argument(metavar="SCENE", help=SCENE_HELP, autocompletion=completion.scenes)]
OutOption = Annotated[Path | None, option("Folder for the output.", False)]
DataOption = Annotated[list[Path] | None, option("Data folder; may be repeated. Default: data/SCENE.", False)]
JsonOption = Annotated[bool, option("Print JSON, and nothing else, on stdout.", True, "--json")]


class Command(TyperCommand):
    """
    A command whose options may be given once only, but for those that are lists: no last one silently wins. What the
    command line does not say is as in `phi_sol.toml`, if that was read.
    """

    def parse_args(self, ctx, args):
        if ctx.resilient_parsing:  # for a completion: the command line is not finished
            return super().parse_args(ctx, args)
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for given in order:
            if given.param_type_name == "option" and not given.multiple and order.count(given) > 1:
                ctx.fail(f"{' / '.join([*given.opts[:1], *given.secondary_opts[:1]])} is given more than once.")
        if ctx.default_map:
            ctx.default_map = in_force(ctx.default_map, [g.name for g in order], self.name)
        if ctx.default_map:
            names = {p.name: p.opts[0].lstrip("-").replace("-", "_") for p in self.params}
            note(in_words({names[n]: v for n, v in ctx.default_map.items()}))
        return super().parse_args(ctx, args)


class Lines(logging.Formatter):
    """Of notes: nothing in them that a terminal would obey."""

    def format(self, record):
        return _printable(super().format(record))


def say(text: object):
    """Prints lines on stdout."""
    typer.echo(_printable(text))


def note(text: object):
    """Prints a line on stderr, where it is in the way of no output."""
    typer.echo(f"phi-sol: {_printable(text)}", err=True)


def say_json(content: object):
    """Prints JSON on stdout; numbers that JSON does not have (infinities, NaN) are null."""
    typer.echo(json.dumps(_plain(content), indent=2, allow_nan=False))


def json_of_plan(as_json: bool, dry_run: bool):
    """Raises InputError for a command that would print its work as JSON without being asked for a plan only."""
    from ..errors import InputError

    if as_json and not dry_run:
        raise InputError("--json prints what would be done: add --dry-run.")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(n): _plain(v) for n, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def _printable(text: object) -> str:
    from ..errors import printable

    return "\n".join(map(printable, str(text).split("\n")))


def data_folders(given: list[Path] | None, scene: str) -> Path | list[Path]:
    """The data folder, or folders, of a command."""
    folders = given or [Path("data") / scene]
    return folders if len(folders) > 1 else folders[0]


def named(text: str | None) -> Any:
    """What `FILE.py:NAME` stands for; other texts, which are names of phi_sol's, as they are."""
    from ..scene_files import load_object

    return load_object(text) if text and ".py" in text else text


def wide_console(width: int = 110):
    """Prints on stdout, in a fixed width where this is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else width)


def show_results(tables, lines=(), width: int = 110):
    """Prints lines and then tables on stdout, in a fixed width where this is no terminal."""
    from ..evaluation.report import rich_table
    from ..texts import for_rich

    console = wide_console(width)
    for line in lines:
        console.print(for_rich(line), highlight=False)
    for table in tables:
        console.print(rich_table(table))


def command_line() -> str:
    """This command, for the record."""
    return " ".join(["phi-sol", *sys.argv[1:]])


def quiet_tensorflow(device: str = "auto"):
    """
    Imports TensorFlow and looks for devices, without the notes of that.

    Raises:
        InputError: for a device other than `gpu`, `cpu` and `auto`, or `gpu` where TensorFlow finds none.
    """
    from ..errors import InputError, quoted

    if device not in ("auto", "cpu", "gpu"):
        raise InputError(f"Unknown device {quoted(device)}. Known: auto, cpu, gpu.")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it takes first traces of several solvers for retracing
    if not start_tensorflow() and device == "gpu":
        advice = "install phi_sol[gpu] and NVIDIA's driver, or leave out --device gpu."
        raise InputError(f"TensorFlow finds no GPU: {advice}")
