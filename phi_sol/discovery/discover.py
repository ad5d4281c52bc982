"""What a corrector, a solver's error, a closure or any arrays consist of, as an equation of the coarse fields."""

from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import checked
from ..errors import InputError, integer, quoted
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..storage.dataset import Dataset
from . import sources
from .library import Library, Term
from .moments import Moments, check_independent, moments_of
from .result import Discovery, Equation
from .samples import Samples
from .selection import fit, select, threshold

Data = Samples | Rollout | Dataset


@checked
def discover(
    target: Any,
    data: Samples | Rollout | Dataset,
    library: Library | None = None,
    *,
    minus: Solver | None = None,
    blocks: int = 1,
    error_rate: float = 0.01,
    least: float = 0.05,
) -> Discovery:
    """
    Sparse regression of `target` on candidate terms, products of derivatives of the coarse fields:

        target = Σ coefficient · term,

    with as few terms as simulations agree on. A term is taken if held-out simulations are predicted better with it, if
    its coefficient is significant over simulations (a t-test, its level divided by the number of all candidates), and
    if it explains at least the share `least` of the prediction; smaller ones only if hardly anything is left beside
    them. In noise nothing is found.

    All is computed at the centres of cells. Of flows, the velocity is called u, staggered components are shifted there
    (by Fourier transforms along periodic axes, else by means of two faces), and cells near sides and obstacles are left
    out. Coefficients have the errors of the fields: noise in these (not in the target) makes them smaller.

    Args:
        target: One of

            - arrays by name, or one array, at the centres of cells or (of a flow's arrays, by their names) its faces,
              with the leading axes of the arrays of `data`: (simulations, frames), of a rollout (frames, simulations);
            - a `Corrector`, or the folder of a run: what it adds per unit of time along the states of `data`;
            - a `Solver`: its step minus that of `minus`, or minus the next frame of `data`, per unit of time.
        data: The coarse fields.
        library: The candidates; None: `Library()`.
        minus: Of a solver, the solver that is right.
        blocks: Blocks of frames that each simulation is cut into, to be counted as simulations: for long ones, whose
            blocks have little to do with each other.
        error_rate: How often, about, anything is found where there is nothing.
        least: Least share of the prediction (root mean square) that a term alone explains.

    Returns:
        Equations with standard errors over simulations, see `Discovery`.

    Raises:
        InputError: for too few simulations, frames or samples for the library, arrays of another shape or that are not
            finite, candidates that follow from others, a corrector or solver of another flow.
        MissingError: if there is no corrector in a folder.

    Examples:
        >>> u = np.random.default_rng(0).normal(size=(4, 1, 64))
        >>> ps.discover(3.0 * u, ps.Samples({"u": u}, dict(x=1.0)), ps.Library(order=0, degree=2))
        Discovery(...)
    """
    blocks = integer("blocks of a discovery", blocks, 1)
    for name, value in (("error_rate", error_rate), ("least", least)):
        if not (0 < value < 1 if name == "error_rate" else 0 <= value < 1):
            raise InputError(f"{name} of a discovery must be between 0 and 1, not {value:g}.")
    samples, targets = _samples_and_targets(target, data, minus)
    for name, values in targets.items():
        samples.check_finite(f"The target {name}", values)
    library = library or Library()
    terms = library.candidates(samples)
    moments = moments_of(samples, targets, library, terms, blocks)
    there = [i for i in range(len(terms)) if moments.size[i]]
    chosen = {n: [i for i in library.independent(terms, samples, n) if i in there] for n in targets}
    for candidates in {tuple(c): c for c in chosen.values() if c}.values():
        check_independent(moments, candidates, [t.name for t in terms], samples)
    groups, tests = len(moments.gram), sum(map(len, chosen.values()))
    critical = threshold(groups, max(tests, 1), error_rate)
    equations = {}
    for i, (name, candidates) in enumerate(chosen.items()):
        found = select(moments, candidates, i, critical=critical, least=least)
        equations[name] = _equation(name, moments, found, i, terms)
    vanishing = [t.name for t, size in zip(terms, moments.size, strict=True) if not size]
    facts = {"candidates": {n: len(c) for n, c in chosen.items()}, "simulations": groups, "axes": tuple(samples.size)}
    return Discovery(equations, library, terms, facts=facts | {"samples": moments.samples, "vanishing": vanishing})


def _samples_and_targets(target: Any, data: Data, minus: Solver | None) -> tuple[Samples, dict[str, np.ndarray]]:
    if isinstance(target, Solver):
        return sources.from_solver(target, minus, data)
    if minus is not None:
        raise InputError(f"Only of a solver another one can be taken away (minus=), not of {quoted(target)}.")
    is_corrector = not isinstance(target, type) and hasattr(target, "check_flow") and hasattr(target, "placement")
    if is_corrector or isinstance(target, str | Path):
        return sources.from_corrector(target, data)
    if callable(target) or target is None:
        what = "arrays, a Corrector, the folder of a run, or a Solver"
        raise InputError(f"A discovery is of {what}, not of {quoted(target)}.")
    return sources.from_arrays(target, data)


def _equation(name: str, moments: Moments, chosen: list[int], target: int, terms: list[Term]) -> Equation:
    power = float(moments.power[:, target].sum())
    groups = len(moments.gram)
    if not chosen:
        return Equation(name, {}, {}, {}, 0.0 if power else float("nan"), groups)
    found, size, scale = fit(moments, chosen, target), moments.size[chosen], moments.scale[target]
    values = found.coefficients * scale / size, found.errors * scale / size, found.share
    numbers, errors, shares = (dict(zip((terms[i].name for i in chosen), map(float, v), strict=True)) for v in values)
    return Equation(name, numbers, errors, shares, 1 - float(found.held_out.sum()) / power, groups)
