"""What the commands share: arguments, tables, and how TensorFlow is started."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ..quiet import start_tensorflow


def option(help: str, default: str | bool = True, *names: str):
    """An option whose default is shown as a text."""
    return typer.Option(*names, help=help, show_default=default)


SceneArgument = Annotated[str, typer.Argument(metavar="SCENE", help="Name of a known scene, or path of a scene file.")]
OutOption = Annotated[Path | None, option("Folder for the output.", False)]
DataOption = Annotated[list[Path] | None, option("Data folder; may be repeated. Default: data/SCENE.", False)]


class Command(TyperCommand):
    """A command whose options may be given once only, but for those that are lists: no last one silently wins."""

    def parse_args(self, ctx, args):
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for given in order:
            if given.param_type_name == "option" and not given.multiple and order.count(given) > 1:
                ctx.fail(f"{' / '.join([*given.opts[:1], *given.secondary_opts[:1]])} is given more than once.")
        return super().parse_args(ctx, args)


class Lines(logging.Formatter):
    """Of notes: nothing in them that a terminal would obey."""

    def format(self, record):
        return _printable(super().format(record))


def say(text: object):
    """Prints lines on stdout."""
    typer.echo(_printable(text))


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
