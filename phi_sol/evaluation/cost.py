"""What accuracy costs: the envelope of solvers without a network, and what a hybrid is worth beside it."""

from collections.abc import Mapping
from typing import NamedTuple

REFERENCE = "REF"


class Point(NamedTuple):
    """
    A solver by its cost and its error: wall time in milliseconds per unit of simulated time, and MAE against the
    restricted reference at the times that all solvers share; None if it blew up.
    """

    cost: float
    error: float | None


def envelope(plain: Mapping[str, Point], reference_cost: float) -> list[str]:
    """
    The Pareto front of error against cost, from the cheapest on: names of the solvers that are more accurate than all
    that cost at most as much. What costs as much as the reference, which has no error, is not on it.
    """
    known = [(p.cost, p.error, n) for n, p in plain.items() if p.error is not None and p.cost < reference_cost]
    front: list[str] = []
    least = float("inf")
    for _, error, name in sorted(known):
        if error < least:
            front.append(name)
            least = error
    return front


def advantage(hybrid: Point, plain: Mapping[str, Point], reference_cost: float) -> dict:
    """
    What a hybrid saves, as entries of `results.json`:

    - `speedup`: cost of the cheapest solver without a network that is at least as accurate, divided by its own;
    - `speedup_over`: that solver, `REF` where none that is cheaper than the reference is as accurate;
    - `speedup_reference`: cost of the reference divided by its own;
    - `error_at_equal_cost`: error of the best solver without a network that costs at most as much, and which that is
      (`error_at_equal_cost_of`); None where there is none. Of what is no cheaper than the reference this is the
      reference itself, which has no error.

    Below 1 a speed-up is a loss. All speed-ups are None where the hybrid blew up.
    """
    known = [(p.cost, p.error, n) for n, p in plain.items() if p.error is not None]
    result: dict = dict.fromkeys(("speedup", "speedup_over", "speedup_reference"))
    if hybrid.error is not None:
        as_good = [(c, n) for c, error, n in known if error <= hybrid.error and c < reference_cost]
        cost, name = min(as_good, default=(reference_cost, REFERENCE))
        result = {"speedup": cost / hybrid.cost, "speedup_over": name}
        result["speedup_reference"] = reference_cost / hybrid.cost
    affordable = [(error, n) for c, error, n in known if c <= hybrid.cost]
    affordable += [(0.0, REFERENCE)] if reference_cost <= hybrid.cost else []
    least, best = min(affordable) if affordable else (None, None)
    return result | {"error_at_equal_cost": least, "error_at_equal_cost_of": best}


def excess(points: Mapping[str, Point]) -> dict[str, float]:
    """
    How far each solver lies above the envelope: its error divided by the least error of all that cost at most as much;
    1 on the envelope, infinite if it blew up.
    """
    known = [(p.cost, p.error) for p in points.values() if p.error is not None]
    result = {}
    for name, (cost, error) in points.items():
        if error is None:
            result[name] = float("inf")
            continue
        best = min(e for c, e in known if c <= cost)
        result[name] = error / best if best else 1.0 if error == 0 else float("inf")
    return result
