"""What the commands share: arguments, progress bars, and how TensorFlow is started."""

import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

SceneArgument = Annotated[str, typer.Argument(metavar="SCENE", help="Name of a known scene, or path of a scene file.")]
OutOption = Annotated[Path | None, typer.Option(help="Folder for the output.", show_default=False)]
DataOption = Annotated[Path | None, typer.Option(help="Data folder. Default: data/SCENE.", show_default=False)]


def progress_bar(unit: str = "", visible: bool = True):
    """
    A rich progress display on stderr, from its first task on: bar, share, speed in `unit` or the task's `info`, elapsed
    and remaining time.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column
    from rich.text import Text

    class Info(ProgressColumn):
        def render(self, task):
            speed = task.finished_speed or task.speed
            return Text(task.fields.get("info", f"{speed:.0f} {unit}" if speed and unit else ""), no_wrap=True)

    class Display(Progress):
        def __enter__(self):
            return self

        def add_task(self, *args, **options):
            self.start()  # not before: an error would come after an empty line
            return super().add_task(*args, **options)

        def stop(self):
            if self.tasks:
                super().stop()

    console = Console(stderr=True)
    name = TextColumn("{task.description}", table_column=Column(no_wrap=True))
    return Display(
        name,
        BarColumn(10),
        TaskProgressColumn(),
        Info(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not visible,
    )


def by_part(bar, prefix: str = ""):
    """A function of (part, done, total) that shows a task in `bar` for each part, from its first call on."""
    tasks = {}

    def show(part: str, done: int, total: int):
        if part not in tasks:
            tasks[part] = bar.add_task(prefix + part, total=total)
        bar.update(tasks[part], completed=done)

    return show


def show_results(tables, lines=(), width: int = 110):
    """Prints tables and lines on stdout, in a fixed width where this is no terminal."""
    from rich.console import Console

    from ..evaluation.report import rich_table

    console = Console(width=None if sys.stdout.isatty() else width)
    for table in tables:
        console.print(rich_table(table))
    for line in lines:
        console.print(line, highlight=False)


def command_line() -> str:
    """This command, for the record."""
    return " ".join(["phi-sol", *sys.argv[1:]])


@contextmanager
def progress_of(title: str, visible: bool = True):
    """
    Gives a function of (frames done, frames in all) that shows a progress display from its first call on, on a
    terminal.
    """
    bar = progress_bar("frames/s", visible and sys.stderr.isatty())

    def show(done: int, total: int):
        if not bar.tasks:
            bar.add_task(title, total=total)
        bar.update(bar.tasks[0].id, completed=done)

    try:
        yield show
    finally:
        bar.stop()


def quiet_tensorflow(device: str = "auto"):
    """
    Imports TensorFlow without the start-up notes that it prints before its own log filter is in place.

    Args:
        device: `gpu`, `cpu`, or `auto`.

    Raises:
        InputError: for an unknown device, or `gpu` where TensorFlow finds none.
    """
    from ..errors import InputError

    if device not in ("auto", "cpu", "gpu"):
        raise InputError(f"Unknown device {device!r}. Known: auto, cpu, gpu.")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(
        logging.ERROR
    )  # it takes the first traces of several solvers for retracing
    sys.stderr.flush()
    keep = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            import tensorflow as tf

            gpus = tf.config.list_physical_devices("GPU")
    finally:
        os.dup2(keep, 2)
        os.close(keep)
    if device == "gpu" and not gpus:
        raise InputError(
            "TensorFlow finds no GPU: install phi_sol[gpu] and NVIDIA's driver, or leave out --device gpu."
        )
