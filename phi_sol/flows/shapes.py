"""Shapes of smooth bodies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from phi import math
from phi.math import Tensor

from ..errors import InputError, quoted
from .bodies import Body, Numbers

TINY = 1e-12  # below the square of a length, so that roots have gradients everywhere


class Disc(Body):
    """
    A disc; with three axes of the centre a ball, with two in 3D a cylinder along the third. Number: `radius`.

    Examples:
        >>> ball = ps.Disc("ball", dict(y=3.0, x=3.0), 1.0, free=["radius"])
        >>> ps.PeriodicBox(y=16, x=16, bodies=ball).parameters
        ('seed', 'viscosity', 'ball_radius')
    """

    positive = ("radius",)

    def __init__(
        self,
        name: str,
        center: dict[str, float],
        radius: float,
        *,
        velocity: dict[str, float] | None = None,
        spin: float = 0.0,
        free: Sequence[str] = (),
    ):
        super().__init__(name, center, velocity=velocity, spin=spin, free=free, radius=radius)

    def distance(self, offset: dict[str, Tensor], numbers: Numbers) -> Tensor:
        return _length(*offset.values()) - numbers["radius"]

    def thickness(self, numbers: Numbers) -> float:
        return 2 * float(numbers["radius"])


class Rectangle(Body):
    """
    A rectangle; with a centre of three axes a box, with one of two in 3D a beam along the third. Numbers: its lengths
    along the axes of the centre, `ly`, `lx` (and `lz`), and `angle`, by which it is turned in radians, from the first
    axis towards the second.

    Examples:
        >>> ps.Rectangle("plate", dict(y=3.0, x=3.0), dict(y=2.0, x=1.0), angle=0.3)
        Rectangle(plate, y=3, x=3, angle=0.3, ly=2, lx=1)
    """

    positive: tuple[str, ...] = ("ly", "lx", "lz")

    def __init__(
        self,
        name: str,
        center: dict[str, float],
        lengths: dict[str, float],
        angle: float = 0.0,
        *,
        velocity: dict[str, float] | None = None,
        spin: float = 0.0,
        free: Sequence[str] = (),
    ):
        """As `Body`; `lengths`: by axis of the centre."""
        if not (isinstance(lengths, dict) and isinstance(center, dict) and lengths.keys() == center.keys()):
            raise InputError(f"The lengths of a Rectangle are by axis of its center, not {quoted(lengths)}.")
        shape = {f"l{d}": lengths[d] for d in center}
        self.positive = tuple(shape)
        super().__init__(name, center, velocity=velocity, spin=spin, free=free, angle=angle, **shape)

    def distance(self, offset: dict[str, Tensor], numbers: Numbers) -> Tensor:
        turned = _turned(offset, numbers["angle"])
        beyond = [math.abs(v) - numbers[f"l{d}"] / 2 for d, v in turned.items()]
        inside = beyond[0]
        for b in beyond[1:]:
            inside = math.maximum(inside, b)
        outside = [math.maximum(b, 0.0) for b in beyond]
        return math.where(inside > 0, _length(*outside), inside)

    def thickness(self, numbers: Numbers) -> float:
        return min(float(numbers[f"l{d}"]) for d in self.axes)


class Outline(Body):
    """
    A star-shaped outline in the plane of two axes,

        r(θ) = radius (1 + Σ_k a_k cos kθ + b_k sin kθ),   k = 1, 2, ...

    with θ from the first axis of the centre towards the second, less `angle`. Numbers: `radius`, `angle`, `a1`, `a2`,
    ..., `b1`, .... a1 and b1 move it as its centre does, to first order. The distance is (ρ - r) / sqrt(1 + (r'/r)²) in
    polar coordinates ρ, θ: exact to first order beside the surface.

    Examples:
        >>> ps.Outline("leaf", dict(y=3.0, x=3.0), 1.0, a=[0.1], free=["angle"])
        Outline(leaf, y=3, x=3, radius=1, a1=0.1, free: angle)
    """

    positive = ("radius",)

    def __init__(
        self,
        name: str,
        center: dict[str, float],
        radius: float,
        *,
        a: Sequence[float] = (),
        b: Sequence[float] = (),
        angle: float = 0.0,
        velocity: dict[str, float] | None = None,
        spin: float = 0.0,
        free: Sequence[str] = (),
    ):
        """
        As `Body`, and:

        Args:
            radius: The mean of r over the angles.
            a: Coefficients of cosines, from k = 1 on.
            b: Of sines; the shorter one of both goes on with zeros.
            angle: In radians.

        Raises:
            InputError: as `Body`, and where r is not positive at all angles.
        """
        if any(isinstance(c, str | bytes | Mapping) or not isinstance(c, Iterable) for c in (a, b)):
            raise InputError(f"a and b of an Outline are lists of numbers, not {quoted(a)} and {quoted(b)}.")
        if isinstance(center, dict) and len(center) != 2:
            raise InputError(f"The center of an Outline has two axes, not {quoted(center)}.")
        a, b = list(a), list(b)
        self.waves = max(len(a), len(b))
        shape = {
            f"{n}{k}": v for n, c in (("a", a), ("b", b)) for k, v in enumerate([*c, *[0.0] * (self.waves - len(c))], 1)
        }
        super().__init__(name, center, velocity=velocity, spin=spin, free=free, radius=radius, angle=angle, **shape)

    def distance(self, offset: dict[str, Tensor], numbers: Numbers) -> Tensor:
        first, second = _turned(offset, numbers["angle"]).values()
        rho = _length(first, second)
        relative, slope = self._radius(first / rho, second / rho, numbers)
        return (rho - numbers["radius"] * relative) / math.sqrt(1 + (slope / relative) ** 2)

    def _radius(self, cos: Any, sin: Any, numbers: Numbers) -> tuple[Any, Any]:
        """r and dr/dθ, both divided by `radius`, in a direction."""
        c, s, r, slope = cos, sin, 1.0, 0.0 * cos
        for k in range(1, self.waves + 1):
            r = r + numbers[f"a{k}"] * c + numbers[f"b{k}"] * s
            slope = slope + k * (numbers[f"b{k}"] * c - numbers[f"a{k}"] * s)
            c, s = c * cos - s * sin, s * cos + c * sin
        return r, slope

    def thickness(self, numbers: Numbers) -> float:
        angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
        known = {key: float(value) for key, value in numbers.items()}
        return 2 * known["radius"] * float(np.min(self._radius(np.cos(angles), np.sin(angles), known)[0]))


def _length(*parts: Any) -> Tensor:
    return math.sqrt(math.maximum(sum(p**2 for p in parts), TINY))


def _turned(offset: dict[str, Tensor], angle: Any) -> dict[str, Tensor]:
    """The offset as a body sees it that is turned from the first axis towards the second."""
    first, second = list(offset)[:2]
    c, s = math.cos(math.wrap(angle)), math.sin(math.wrap(angle))
    turned = {first: c * offset[first] + s * offset[second], second: c * offset[second] - s * offset[first]}
    return {**offset, **turned}
