"""Text from outside (names, titles, messages) as what it says, wherever it is shown: never as markup."""

import html
import re
from typing import TYPE_CHECKING

from .errors import printable

if TYPE_CHECKING:
    from rich.text import Text

MARKUP = re.compile(r"[\\`*\[\]<>|$~]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|^[#+-](?=\s|#)")


def for_rich(text: object) -> "Text":
    """For consoles and tables of rich."""
    from rich.text import Text

    return Text(printable(text))


def for_html(text: object) -> str:
    """For pages, between tags and in attributes."""
    return html.escape(printable(text))


def for_markdown(text: object) -> str:
    """For a line, or a cell of a table, of a Markdown file."""
    return MARKUP.sub(r"\\\g<0>", printable(" ".join(str(text).split())))


def code_for_markdown(text: object) -> str:
    """A line of code in a Markdown file."""
    line = printable(" ".join(str(text).split()))
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if "`" in line else ""
    return f"{fence}{space}{line}{space}{fence}"


def printable_lines(text: object) -> str:
    """One or several lines without what a terminal would obey, or can't show."""
    return "\n".join(printable(line) for line in str(text).split("\n"))


def for_figure(text: object) -> str:
    """For figures of Matplotlib, of one or several lines: a dollar begins no formula."""
    return printable_lines(text).replace("$", r"\$")


def for_plotly(text: object) -> str:
    """For titles, names and notes of Plotly's figures, which understand some HTML, but no quotes in its notation."""
    return html.escape(printable_lines(text), quote=False)
