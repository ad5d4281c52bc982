"""The errors that a user can cause and mend. Commands print them as one line and exit with code 2."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """A wrong argument, option or file content. The message says what is wrong, where, and what would be right."""


class MissingError(InputError, FileNotFoundError):
    """A file or folder that should be there is not."""

    def __str__(self):  # OSError would format its arguments as an errno
        return str(self.args[0])


class DivergedError(ArithmeticError):
    """A simulation or a training no longer has finite values."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` with the nearest known name, or nothing if none is near."""
    close = get_close_matches(name, list(known), 1, 0.4)
    return f" Did you mean {close[0]!r}?" if close else ""
