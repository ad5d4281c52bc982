"""
What notebooks show of an object: tables and pictures. HTML is made and escaped here alone. Tables take the colours of
the notebook's theme; pictures have a white ground, so that they are read in a dark one, too.
"""

import logging
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from io import BytesIO
from typing import Any

from .texts import for_html

LOG = logging.getLogger(__name__)
DRAWS = "phi_sol.pictures.small"  # above all that it draws, and found when there is something to draw
MOST = 12  # rows of a table that could have very many


class Html(str):
    """Text that is HTML already."""


def as_html(value: Any) -> Html:
    """HTML as it is, numbers in few digits, everything else as text."""
    if isinstance(value, Html):
        return value
    return Html(for_html(f"{value:.5g}" if isinstance(value, float) else value))


def table(heads: Sequence, rows: Iterable[Sequence], note: str = "") -> Html:
    """A table under headings, with a note below, or nothing."""
    top = "".join(f"<th>{as_html(h)}</th>" for h in heads)
    below = "".join("<tr>" + "".join(f"<td>{as_html(c)}</td>" for c in row) + "</tr>" for row in rows)
    said = f'<p class="note">{as_html(note)}</p>' if note else ""
    return Html(f"<table><thead><tr>{top}</tr></thead><tbody>{below}</tbody></table>{said}")


def facts(title: str, known: Mapping[str, Any]) -> Html:
    """Names and values below each other, without those that are None or empty."""
    told = {n: v for n, v in known.items() if not (v is None or v == "" or v == ())}
    left = 'style="text-align: left"'
    rows = "".join(f"<tr><th {left}>{as_html(n)}</th><td {left}>{as_html(v)}</td></tr>" for n, v in told.items())
    return Html(f"<b>{as_html(title)}</b>" + (f"<table><tbody>{rows}</tbody></table>" if rows else ""))


def parameter_table(parameters: Mapping[str, Any], names: Sequence[str] = ()) -> Html:
    """The values of parameters, a simulation a row; of very many the first."""
    count = max((len(v) for v in parameters.values()), default=len(names))
    rows = [[names[i] if i < len(names) else i, *(float(v[i]) for v in parameters.values())] for i in range(count)]
    note = f"and {count - MOST} more" if count > MOST else ""
    return table(["simulation", *parameters], rows[:MOST], note)


def bar(share: float, text: str) -> Html:
    """How far something is, from 0 to 1, and a line beside it."""
    return Html(f"<div><progress max='1' value='{share:.4f}'></progress> {as_html(text)}</div>")


def image(png: bytes, text: str) -> Html:
    """A picture inside of the page; `text` says what it is where it can't be seen."""
    style = "background: white; max-width: 100%"
    return Html(f'<img style="{style}" alt="{as_html(text)}" src="data:image/png;base64,{b64encode(png).decode()}">')


def picture(figure: Any, text: str) -> Html:
    """A Matplotlib figure as a picture."""
    figure.savefig(buffer := BytesIO(), format="png")
    return image(buffer.getvalue(), text)


def together(*parts: str) -> Html:
    """Parts below each other."""
    return Html("".join(f"<div>{as_html(p)}</div>" for p in parts if p))


def drawn(item: Any, **how) -> Html:
    """The small picture of what `phi_sol.pictures.small` can draw; nothing of what it can't."""
    try:
        figure = import_module(DRAWS).figure_of(item, **how)
        return Html("") if figure is None else picture(figure, repr(item))
    except Exception as err:
        LOG.debug("No picture: %s", err)
        return Html("")


class Displayed:
    """
    Something that notebooks show as a table of what it says of itself, with a picture where there is one. Whatever goes
    wrong in this, they show its `repr`.
    """

    def _told(self) -> Mapping[str, Any]:
        """What it says of itself, by name."""
        return {}

    def _shown(self) -> str:
        """As HTML."""
        return facts(type(self).__name__, self._told())

    def _repr_html_(self) -> str:
        """For notebooks."""
        try:
            return str(self._shown())
        except Exception as err:
            LOG.debug("Not shown: %s", err)
            return facts(type(self).__name__, {"": _in_words(self)})


def _in_words(item: Any) -> str:
    try:
        return repr(item)
    except Exception:
        return ""
