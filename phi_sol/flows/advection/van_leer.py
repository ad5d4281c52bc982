"""The finite-volume scheme with van Leer's limiter."""

from phi.field import Field

from .fluxes import flux_rate


def van_leer(field: Field, velocity: Field, conservative: bool = True) -> Field:
    """
    `-∇·(v f)` with f at a face from upstream: the value of the cell there and half a slope, van Leer's harmonic mean
    `2 a b / (a + b)` of the differences a and b to both neighbours, zero where their signs differ.

    Second order in space where f is smooth and monotonic, first order at extrema. Along one axis and with a step in
    time that keeps it, the total variation does not grow: no new extrema.

    Arguments and errors as for `central`.

    Source: B. van Leer, "Towards the ultimate conservative difference scheme. II", J. Comput. Phys. 14 (1974).
    """
    return flux_rate(field, velocity, _upstream, 2, conservative)


def _upstream(backend, speed, f: list):
    before, left, right, after = f
    step = right - left
    forward = left + 0.5 * _slope(backend, left - before, step)
    backward = right - 0.5 * _slope(backend, step, after - right)
    return backend.where(speed > 0, forward, backward)


def _slope(backend, a, b):
    product = a * b
    same = product > 0
    total = backend.where(same, a + b, backend.ones_like(product))  # no division by zero, also not in the gradient
    return backend.where(same, 2 * product / total, backend.zeros_like(product))
