"""The errors that a user can cause and mend. Commands print them as one line and exit with code 2."""


class InputError(ValueError):
    """A wrong argument, option or file content. The message says what is wrong, where, and what would be right."""


class MissingError(InputError, FileNotFoundError):
    """A file or folder that should be there is not."""

    def __str__(self):  # OSError would format its arguments as an errno
        return str(self.args[0])


class DivergedError(ArithmeticError):
    """A simulation or a training no longer has finite values."""
