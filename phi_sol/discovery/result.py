"""What was found: equations with error bars, as text, table and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..arguments import checked
from ..displays import Displayed, Html, together
from ..errors import InputError, quoted, suggestion
from ..evaluation.table import Table
from .library import Library, Term
from .samples import Arrays, Part

if TYPE_CHECKING:
    from .discover import Data


@dataclass(frozen=True)
class Equation:
    """
    One equation, `target = Σ coefficient · term`.

    Attributes:
        target: Its left-hand side.
        coefficients: By name of the term; empty if nothing was found.
        errors: By name, the standard error over simulations.
        shares: By name, the root mean square of what this term alone explains, over that of the whole.
        r2: 1 - Σ (target - prediction)² / Σ target² over simulations, each predicted with the coefficients of the
            others; 0 for an equation without terms. NaN for a target that is zero.
        simulations: Number of simulations, or blocks of frames, that errors are over.
    """

    target: str
    coefficients: dict[str, float]
    errors: dict[str, float]
    shares: dict[str, float]
    r2: float
    simulations: int

    @checked
    def interval(self, term: str, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of a coefficient, by Student's distribution over simulations."""
        if term not in self.coefficients:
            hint, known = suggestion(term, self.coefficients), ", ".join(self.coefficients) or "none"
            raise InputError(f"The equation of {self.target} has no term {quoted(term)}.{hint} It has {known}.")
        if not 0 < level < 1:
            raise InputError(f"The level of an interval is between 0 and 1, not {level:g}.")
        half = float(stats.t.isf((1 - level) / 2, self.simulations - 1)) * self.errors[term]
        return self.coefficients[term] - half, self.coefficients[term] + half

    def __str__(self):
        text = ""
        for name, value in self.coefficients.items():
            sign = (" - " if value < 0 else " + ") if text else ("-" if value < 0 else "")
            text += f"{sign}{with_error(abs(value), self.errors[name])}{'' if name == '1' else ' ' + name}"
        return f"{self.target} = {text or '0'}"


class Discovery(Displayed):
    """
    What `phi_sol.discover` found. `print` shows the equations; `result["du.x/dt"]` is one of them.

    Attributes:
        equations: By target.
        library: The library of candidates.
        candidates: Number of candidates by target.
        simulations: Number of simulations, or blocks of frames.
        samples: Number of samples.
        axes: Axes of the fields.
        vanishing: Names of candidates that are zero in these data, so that they could not be found.
    """

    def __init__(self, equations: dict[str, Equation], library: Library, terms: list[Term], *, facts: dict[str, Any]):
        self.equations, self.library, self._terms = equations, library, {t.name: t for t in terms}
        self.candidates: dict[str, int] = facts["candidates"]
        self.simulations: int = facts["simulations"]
        self.samples: int = facts["samples"]
        self.axes: tuple[str, ...] = facts["axes"]
        self.vanishing: list[str] = facts["vanishing"]

    def __getitem__(self, target: str) -> Equation:
        if target not in self.equations:
            hint = suggestion(target, self.equations)
            raise InputError(f"There is no equation of {quoted(target)}.{hint} Known: {', '.join(self.equations)}.")
        return self.equations[target]

    def __iter__(self) -> Iterator[str]:
        return iter(self.equations)

    def __len__(self) -> int:
        return len(self.equations)

    @checked
    def predict(self, data: Data) -> Arrays:
        """
        The right-hand sides for other data: by target, at the centres of cells, shape (simulations, frames, *cells).
        NaN beside masks and sides that are not periodic. Raises InputError if fields or parameters are missing.
        """
        from .sources import samples_of

        samples = samples_of(data)
        if tuple(samples.size) != self.axes:
            raise InputError(f"These equations are for the axes {', '.join(self.axes)}, not {', '.join(samples.size)}.")
        found = {t for e in self.equations.values() for t in e.coefficients}
        shape, cells = (samples.frames, *samples.cells), samples.inner(self.library.reach(samples))
        results = {n: np.zeros((samples.simulations, *shape)) for n in self.equations}
        for i in range(samples.simulations):
            part = Part(samples, i, slice(None), self.library.spectral(samples))
            values = {n: self._terms[n].values(part, shape) * self._terms[n].factor(samples, i) for n in found}
            for name, equation in self.equations.items():
                for term, coefficient in equation.coefficients.items():
                    results[name][i] += coefficient * values[term]
                results[name][i, :, ~cells] = np.nan
        return results

    @property
    def table(self) -> Table:
        """All terms with coefficients, standard errors, 95 % intervals and shares."""
        rows = []
        for name, equation in self.equations.items():
            r2 = f"{equation.r2:.4f}" if isfinite(equation.r2) else ""
            for term, value in equation.coefficients.items():
                low, high = equation.interval(term)
                numbers = [f"{value:.6g}", f"{equation.errors[term]:.2g}", f"{low:.4g} to {high:.4g}"]
                rows.append([name, term, *numbers, f"{100 * equation.shares[term]:.0f} %", r2])
            if not equation.coefficients:
                rows.append([name, "nothing", "", "", "", "", r2])
        heads = ["target", "term", "coefficient", "standard error", "95 %", "share", "R² held out"]
        return Table("What was found", heads, rows, self._note)

    @property
    def _note(self) -> str:
        least, most = min(self.candidates.values()), max(self.candidates.values())
        counts = f"{least}" if least == most else f"{least} to {most}"
        note = f"{self.simulations} simulations, {self.samples} samples, {counts} candidates each."
        if self.vanishing:
            more = f" and {len(self.vanishing) - 5} more" if len(self.vanishing) > 5 else ""
            note += f" Zero in these data, so that they can't be found: {', '.join(self.vanishing[:5])}{more}."
        return note

    def __str__(self):
        lines = [(str(e), f"R² {e.r2:.4f}" if isfinite(e.r2) else "(zero)") for e in self.equations.values()]
        width = min(100, max(len(t) for t, _ in lines))
        shown = [f"{text:<{width}}   {r2}" for text, r2 in lines]
        return "\n".join([*shown, f"({self._note})"])

    def __repr__(self):
        return f"Discovery({'; '.join(map(str, self.equations.values()))})"

    def _shown(self) -> str:
        return together(*map(str, self.equations.values()), Html(self.table._repr_html_()))


def with_error(value: float, error: float) -> str:
    """A number with its error in units of the last digit: 0.0123(4), 1.50(12)e-07; six digits if all are certain."""
    if not error > 5e-7 * abs(value):
        return f"{value:.6g}"
    exponent = floor(log10(max(abs(value), error)))
    shift = exponent if not -4 <= exponent < 6 else 0
    value, error = value / 10.0**shift, error / 10.0**shift
    last = floor(log10(error))
    last -= error < 1.95 * 10.0**last  # one digit more where it is a 1
    unit = 10.0**last
    shown = f"{round(value / unit) * unit:.{max(0, -last)}f}({round(error / unit) * max(1, round(unit))})"
    return shown + (f"e{shift:+03d}" if shift else "")
