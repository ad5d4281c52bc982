"""The command `phi-sol`. Heavy imports happen inside the commands, so that `--help` answers at once."""

import errno
import logging
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError
from ..quiet import quiet_import, silenced
from .calibrate import calibrate
from .check import check
from .common import Command, Lines, say
from .compare import compare
from .defaults import Known, read_defaults
from .doctor import doctor
from .estimate import estimate
from .evaluate import evaluate
from .export import export
from .generate import generate
from .import_ import import_
from .init import init
from .lists import networks, scenes
from .pretrained import pretrained
from .reproduce import reproduce
from .show import runs, show
from .sweep import sweep
from .train import train
from .view import animate, view

BAD = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS}  # a path that can't be used
BAD |= {errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}

app = typer.Typer(
    name="phi-sol",
    help="Coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def about(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version, and that of what it is made of.")
    ] = False,
):
    """Coarse PDE solvers made accurate by neural networks that are trained inside the solver's loop."""
    if version:
        from ..storage.files import versions

        found = versions()
        parts = ", ".join(f"{n} {found[n]}" for n in ("phiflow", "tensorflow", "keras"))
        say(f"phi-sol {found['phi_sol']} ({parts}, Python {found['python']})")
    elif context.invoked_subcommand is None:
        say(context.get_help())


COMMANDS = (
    scenes,
    init,
    generate,
    import_,
    check,
    train,
    calibrate,
    runs,
    show,
    evaluate,
    estimate,
    compare,
    export,
    sweep,
    reproduce,
    networks,
    pretrained,
    view,
    animate,
    doctor,
)
for command in COMMANDS:
    app.command(command.__name__.strip("_"), cls=Command)(command)
COMPLETE = "_PHI_SOL_COMPLETE"  # the variable that a shell sets when it asks for completions


def main(arguments: list[str]) -> int:
    """
    Runs a command and returns its exit code: 0 done, 2 wrong use or bad input, 1 anything else, 130 interrupted.

    A mistake in the user's own code is one line, too; with `PHI_SOL_DEBUG=1` in the environment all of its traceback.
    """
    from ..errors import DivergedError, FailedError, printable, user_error

    def fail(err: Exception, code: int) -> int:
        """One line on stderr."""
        message = err.format_message() if hasattr(err, "format_message") else str(err)
        known = app_command.commands.get(next(iter(arguments), ""))
        names = {p.name for p in known.params} if known else set()
        print("phi-sol: " + printable(in_options(" ".join(message.split()), names)), file=sys.stderr)
        return code

    notes = logging.StreamHandler()
    notes.setFormatter(Lines("phi-sol: %(message)s"))
    logging.getLogger("phi_sol").handlers[:] = [notes]
    app_command: Any = typer.main.get_command(app)
    if os.environ.get(COMPLETE):
        return completed(app_command)
    quiet_import()
    try:
        for text in arguments:
            if text != printable(text):
                raise InputError(f"An argument has control characters, or what is not UTF-8: {text}.")
        given = arguments or ["--help"]
        how: dict = dict(prog_name="phi-sol", standalone_mode=False, obj=given)
        return app_command.main(given, **how, default_map=defaults_for(app_command, given)) or 0
    except (InputError, DivergedError, FailedError) as err:
        return fail(err, 2 if isinstance(err, InputError) else 1)
    except Exception as err:
        if type(err).__name__ == "Abort":  # what typer makes of Ctrl-C, and of a file that ends too early
            if not isinstance(err.__cause__, EOFError):
                return 130
            err = err.__cause__
        if hasattr(err, "exit_code"):  # wrong use, found by typer
            return fail(err, err.exit_code)
        of_user = user_error(err)
        if of_user is not None and not os.environ.get("PHI_SOL_DEBUG"):
            return fail(of_user, 2)
        if of_user is None and isinstance(err, OSError):  # such as a full disk
            return fail(
                OSError(f"{err.filename}: {err.strerror}") if err.filename else err, 2 if err.errno in BAD else 1
            )
        raise


def defaults_for(command: Any, arguments: list[str]) -> dict[str, dict[str, Any]]:
    """
    What `phi_sol.toml` says of the options of all commands, for a command line that asks for one of them and not for
    help; InputError if it is wrong, but for `doctor`, which says so itself.
    """
    if arguments[0] not in command.commands or "--help" in arguments:
        return {}
    try:
        return read_defaults(Path(), settable(command))
    except InputError:
        if arguments[0] == "doctor":
            return {}
        raise


def wrong_defaults() -> InputError | None:
    """What is wrong with `phi_sol.toml` in the current folder."""
    try:
        read_defaults(Path(), settable(typer.main.get_command(app)))
    except InputError as err:
        return err
    return None


def settable(command: Any) -> dict[str, Known]:
    """The commands, and their options."""
    functions = {f.__name__.strip("_"): f for f in COMMANDS}
    options = {
        n: {p.name: p.opts for p in c.params if p.param_type_name == "option"} for n, c in command.commands.items()
    }
    return {n: Known(functions[n], o) for n, o in options.items()}


def completed(command: Any) -> int:
    """Answers a shell that asks for completions; whatever goes wrong, it says nothing."""
    with silenced():
        try:
            command.main(prog_name="phi-sol", complete_var=COMPLETE)
        except SystemExit as end:
            return int(end.code or 0)
        except Exception:
            pass
    return 0


def in_options(message: str, names: set[str]) -> str:
    """
    A message with the arguments of Python that it names (`out=`, `resume=True`, `numerics=False`) as the options of a
    command that has these `names`. The `folder` of a call is what commands call `--out`.
    """

    def option(found: re.Match) -> str:
        name = "out" if found[1] == "folder" else found[1]
        return f"--{'no-' * (found[2] == 'False')}{name.replace('_', '-')}" if name in names else found[0]

    return re.sub(r"\b([a-z_]+)=(True|False)?(?![^\s.,;:)])", option, message)
