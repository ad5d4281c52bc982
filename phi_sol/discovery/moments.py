"""Products of candidates and targets, summed over each simulation: all that a least-squares fit needs to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ..errors import InputError, quoted
from .library import Library, Term
from .samples import Part, Samples

CHUNK = 1 << 23  # values of candidates at a time
LEAST = 4  # simulations, or blocks of frames
PER_TERM = 10  # samples


@dataclass(frozen=True)
class Moments:
    """
    Of columns of unit root mean square (the candidates) and targets, with one entry per simulation, or block of frames.

    Attributes:
        gram: Products of candidates, shape (groups, candidates, candidates).
        cross: Products of candidates and targets, shape (groups, candidates, targets).
        power: Squares of targets, shape (groups, targets).
        size: Root mean square of the candidates; zero for those that vanish.
        scale: Largest magnitude of each target, by which it is divided here.
        samples: Number of samples in all.
    """

    gram: np.ndarray
    cross: np.ndarray
    power: np.ndarray
    size: np.ndarray
    scale: np.ndarray
    samples: int


def moments_of(
    samples: Samples, targets: Mapping[str, np.ndarray], library: Library, terms: Sequence[Term], blocks: int
) -> Moments:
    """
    Raises InputError for too few simulations, frames or samples, for terms of another shape or that are not finite, and
    for simulations that are the same.
    """
    frames, groups = samples.frames, samples.simulations * blocks
    cells = samples.inner(library.reach(samples))
    _check_enough(samples, len(terms), int(cells.sum()), blocks)
    width, wrong = len(terms) + len(targets), np.zeros(len(terms), int)
    sums, total = np.zeros((groups, width, width)), 0
    step, values = max(1, CHUNK // (width * prod(samples.cells))), np.stack(list(targets.values()))
    largest = np.abs(values[..., cells]).reshape(len(values), -1).max(1)
    largest = np.where(largest > 0, largest, 1.0)
    edges = np.linspace(0, frames, blocks + 1).astype(int).tolist()
    for group in range(groups):
        simulation, block = divmod(group, blocks)
        factors = [t.factor(samples, simulation) for t in terms]
        for start in range(edges[block], edges[block + 1], step):
            chosen = slice(start, min(start + step, edges[block + 1]))
            part = Part(samples, simulation, chosen, library.spectral(samples))
            shape = (chosen.stop - start, *samples.cells)
            rows = np.empty((width, shape[0] * int(cells.sum())))
            for i, term in enumerate(terms):
                rows[i] = term.values(part, shape)[:, cells].ravel() * factors[i]
            rows[len(terms) :] = values[:, simulation, chosen][:, :, cells].reshape(len(values), -1) / largest[:, None]
            with np.errstate(all="ignore"):  # of values that are not finite, which are counted
                sums[group] += rows @ rows.T
            if not np.isfinite(sums[group]).all():
                wrong += (~np.isfinite(rows[: len(terms)])).sum(1)
            total += rows.shape[1]
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(f"The term {quoted(terms[i].name)} has {wrong[i]} values of {total} that are not finite.")
    if not np.isfinite(sums).all():
        raise InputError("The values of these fields are too large: take units in which they are of order one.")
    _check_different(sums, blocks)
    return _normalised(samples, terms, sums, largest, total)


def _normalised(samples: Samples, terms: Sequence[Term], sums: np.ndarray, scale: np.ndarray, count: int) -> Moments:
    p, rms = len(terms), {n: samples.rms(n) for n in {f for t in terms for f, _ in t.factors}}
    size = np.sqrt(np.einsum("gii->i", sums)[:p] / count)
    size = np.where(size > [_rounding(samples, t, rms) for t in terms], size, 0.0)
    by = np.divide(1, size, out=np.zeros(p), where=size > 0)
    gram, cross = sums[:, :p, :p] * by[:, None] * by, sums[:, :p, p:] * by[:, None]
    return Moments(gram / count, cross / count, np.einsum("gii->gi", sums)[:, p:] / count, size, scale, count)


def _rounding(samples: Samples, term: Term, rms: Mapping[str, float]) -> float:
    """Below which the root mean square of a product of derivatives is nothing but rounding."""
    if not any(any(orders) for _, orders in term.factors):
        return 0.0
    lengths = prod(h**n for h, n in zip(samples.spacing.values(), term.orders, strict=True))
    factor = max(abs(term.factor(samples, i)) for i in range(samples.simulations))
    return 100 * samples.precision * factor * prod(rms[n] for n, _ in term.factors) / lengths


def _check_enough(samples: Samples, terms: int, cells: int, blocks: int):
    simulations, frames = samples.simulations, samples.frames
    if blocks > frames:
        raise InputError(f"{frames} frames can't be cut into {blocks} blocks: record at least {blocks}, or take fewer.")
    if not cells:
        raise InputError("No cell is far enough from sides and masks: take a smaller margin or order, or more cells.")
    if (groups := simulations * blocks) < LEAST:
        parts = -(-LEAST // simulations)
        how = f"record {LEAST} simulations, or cut their frames into blocks={parts}"
        how += "" if frames >= parts else f" of at least {parts} frames"
        given = f"{simulations}, cut into {blocks} blocks" if blocks > 1 else f"{simulations} of {frames} frames"
        raise InputError(f"A discovery needs at least {LEAST} simulations for error bars, not {given}: {how}.")
    least, found = PER_TERM * terms, (frames // blocks) * cells * (groups - 1)
    if found < least:
        needed = blocks * -(-least // (cells * (groups - 1)))
        counts = f"{terms} terms need {least} samples beside the simulation that is held out, but there are {found}"
        raise InputError(f"{counts} ({frames} frames): record at least {needed} frames, or take a smaller library.")


def _check_different(sums: np.ndarray, blocks: int):
    """Raises InputError for two simulations with the same values, whose errors would seem to be zero."""
    diagonals = np.einsum("gii->gi", sums)
    for i, own in enumerate(diagonals):
        for j in range(i):
            if own.any() and np.allclose(own, diagonals[j], rtol=1e-12, atol=0):
                a, b = (f"simulation {g // blocks}" + (f", block {g % blocks}" if blocks > 1 else "") for g in (j, i))
                raise InputError(f"{a} and {b} hold the same values: error bars need simulations that differ.")


def check_independent(moments: Moments, chosen: Sequence[int], names: Sequence[str], samples: Samples):
    """Raises InputError, with their names, for candidates of which one follows from others in these data."""
    total, tolerance = moments.gram.sum(0), 1e-10 if samples.precision < 1e-10 else 1e-8
    for left_out in (None, *range(len(moments.gram))):
        gram = (total if left_out is None else total - moments.gram[left_out])[np.ix_(chosen, chosen)]
        size = np.sqrt(np.diag(gram))
        if size.min() < 1e-8:
            what = f"The term {names[chosen[int(size.argmin())]]!r} is zero in all simulations but one"
            raise InputError(f"{what}: leave it out (without=), or give more simulations in which it is not.")
        gram = gram / size / size[:, None]
        if np.linalg.eigvalsh(gram)[0] > tolerance:
            continue
        for count in range(2, len(chosen) + 1):  # the first that follows from those before it
            values, vectors = np.linalg.eigh(gram[:count, :count])
            if values[0] <= tolerance:
                weights = abs(vectors[:, 0]) / abs(vectors[:, 0]).max()
                others = [repr(names[c]) for c, w in zip(chosen, weights[:-1], strict=False) if w > 0.01]
                where = "in these data" if left_out is None else "where one simulation is held out"
                what = f"The term {names[chosen[count - 1]]!r} follows from {', '.join(others[:5])} {where}"
                raise InputError(f"{what}: leave one out (without=), or give simulations in which they differ.")
