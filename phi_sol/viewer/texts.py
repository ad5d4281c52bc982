"""Texts from files and folders as they are shown: what would be taken for something else is escaped."""

import re
from html import escape


def printable(text: object) -> str:
    """One that can be sent and printed: no bytes that are no text, no control characters (a terminal heeds them)."""
    whole = str(text).encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in whole)


def in_plotly(text: object) -> str:
    """For titles, names and notes of Plotly's figures, which understand some HTML."""
    return escape(printable(text), quote=False)


def in_markdown(text: object) -> str:
    """For what is shown as Markdown."""
    return re.sub(r"([!-/:-@\\[-`{-~])", r"\\\1", " ".join(printable(text).split()))


def in_matplotlib(text: object) -> str:
    """For texts of Matplotlib's figures, in which formulas stand between dollars."""
    return printable(text).replace("$", r"\$")
