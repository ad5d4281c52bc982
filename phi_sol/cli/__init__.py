"""The command `phi-sol`. Heavy imports happen inside the commands, so that `--help` answers at once."""

import logging
import sys

import typer

from .compare import compare
from .evaluate import evaluate
from .export import export
from .generate import generate
from .lists import networks, scenes
from .reproduce import reproduce
from .train import train
from .view import animate, view

app = typer.Typer(
    name="phi-sol",
    help="Coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (scenes, generate, train, evaluate, compare, export, reproduce, networks, view, animate):
    app.command()(command)


def main(arguments: list[str]) -> int:
    """Runs a command and returns its exit code: 0 done, 2 wrong use or bad input, 1 anything else, 130 interrupted."""
    from ..errors import DivergedError, InputError

    notes = logging.StreamHandler()
    notes.setFormatter(logging.Formatter("phi-sol: %(message)s"))
    logging.getLogger("phi_sol").handlers[:] = [notes]
    try:
        command = typer.main.get_command(app)
        return command.main(arguments or ["--help"], prog_name="phi-sol", standalone_mode=False) or 0
    except InputError as err:
        return fail(err, 2)
    except DivergedError as err:
        return fail(err, 1)
    except OSError as err:  # such as a full disk; the first three are a folder that can't be used
        wrong_use = isinstance(err, NotADirectoryError | FileExistsError | PermissionError)
        return fail(OSError(f"{err.filename}: {err.strerror}") if err.filename else err, 2 if wrong_use else 1)
    except Exception as err:
        if type(err).__name__ == "Abort":  # what typer makes of Ctrl-C
            return 130
        if hasattr(err, "exit_code"):  # wrong use, found by typer
            return fail(err, err.exit_code)
        raise


def fail(err: Exception, code: int) -> int:
    """One line on stderr."""
    message = err.format_message() if hasattr(err, "format_message") else str(err)
    print("phi-sol: " + " ".join(message.split()), file=sys.stderr)
    return code
