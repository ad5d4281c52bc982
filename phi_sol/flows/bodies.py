"""Smooth bodies in a flow: their shapes, and the numbers of them that are parameters of simulations."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from phi import math
from phi.math import Tensor

from ..errors import InputError, check_name, positive, quoted, real, suggestion

Numbers = Mapping[str, Any]
"""The numbers of a body by key: floats, or PhiML tensors without spatial dimensions."""

SPEEDS = {"y": "vy", "x": "vx", "z": "vz", "angle": "spin"}
"""Of numbers that change on the way those that say how fast."""


class Free(NamedTuple):
    """A number of a body that is a parameter: its value unless another one is given, and whether it may be negative."""

    value: float
    signed: bool


class Body(ABC):
    """
    A rigid body with a smooth edge, for the argument `bodies` of flows with a velocity. In it and on its surface the
    fluid moves as the body does:

        u = v + Ω × (x - c)

    Its numbers are in domain units: where the centre c is (`y`, `x`, in 3D `z`), the velocity v (`vy`, `vx`, `vz`) and
    the angular speed `spin` in radians per time, from the first axis of the centre towards the second, both 0 unless
    given, and those of its shape. Numbers that are named in `free` become parameters of the flow: that of a body
    `cylinder` and its radius is `cylinder_radius`. They may differ between simulations, and have gradients. In 3D a
    body whose centre has two axes extends along the third, through the whole domain.

    Speeds are those of the surface only: the body stays where its centre says. One that moves has another centre in
    each step, and the speed that fits.

    A shape of your own defines `distance`, `thickness`, and its numbers by `_number`.

    Attributes:
        name: Of the body, with which the names of its parameters begin.
        axes: Of the centre.
        numbers: All numbers, by key.
        free: Keys of those that are parameters.
        positive: Keys of numbers that must be positive; others may have any sign.

    Examples:
        >>> isinstance(ps.Disc("ball", dict(y=3.0, x=3.0), 1.0), ps.Body)  # or a shape of your own, with a distance
        True
    """

    positive: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        center: dict[str, float],
        *,
        velocity: dict[str, float] | None = None,
        spin: float = 0.0,
        free: Sequence[str] = (),
        **shape: Any,
    ):
        """
        Args:
            name: Letters, digits and `_`, beginning with a letter.
            center: By axis, two or three.
            velocity: By axis of the centre; 0 along those that are left out.
            spin: Angular speed.
            free: Keys of numbers that are parameters of the flow, such as `("y", "radius")`.
            shape: Numbers of the shape.

        Raises:
            InputError: for names, axes and numbers that are not possible, and keys in `free` that it does not have.
        """
        if not (isinstance(name, str) and name.isidentifier() and name.isascii()):
            raise InputError(f"The name of a body must be letters, digits and '_', not {quoted(name)}.")
        self.name = check_name("The name of a body", name)
        if not (isinstance(center, dict) and len(center) in (2, 3) and all(isinstance(d, str) for d in center)):
            raise InputError(
                f"The center of {self._words} must be its place by axis, as {{'y': 50, 'x': 50}}, not {quoted(center)}."
            )
        self.axes = tuple(center)
        velocity = {} if velocity is None else velocity
        if not isinstance(velocity, dict) or not velocity.keys() <= center.keys():
            raise InputError(f"The velocity of {self._words} is by axis ({', '.join(center)}), not {quoted(velocity)}.")
        given = {**center, **{f"v{d}": velocity.get(d, 0.0) for d in center}, "spin": spin, **shape}
        self.numbers = {key: self._number(key, value) for key, value in given.items()}
        if isinstance(free, str | bytes | Mapping) or not isinstance(free, Iterable):
            raise InputError(f"free of {self._words} must be a list of names, such as ('radius',), not {quoted(free)}.")
        self.free = tuple(free)
        for key in self.free:
            if key not in self.numbers:
                known = f"Its numbers: {', '.join(self.numbers)}."
                raise InputError(f"{self._words} has no number {quoted(key)}.{suggestion(key, self.numbers)} {known}")
        if len(set(self.free)) < len(self.free):
            raise InputError(f"free of {self._words} names a number twice: {', '.join(self.free)}.")
        if self.thickness(self.numbers) <= 0:
            raise InputError(f"{self._words} has no inside: its thickness is {self.thickness(self.numbers):g}.")

    @property
    def _words(self) -> str:
        return f"the body {self.name!r} ({type(self).__name__})"

    def _number(self, key: str, value: Any) -> float:
        return (positive if key in self.positive else real)(f"{key} of {self._words}", value)

    @abstractmethod
    def distance(self, offset: dict[str, Tensor], numbers: Numbers) -> Tensor:
        """
        The signed distance from the surface, negative inside, in domain units; near the surface exact to first order.

        Args:
            offset: Position relative to the centre, by axis of the centre.
            numbers: Those of this body.
        """

    @abstractmethod
    def thickness(self, numbers: Numbers) -> float:
        """Its least width in domain units."""

    # --- what every body can do ---

    @property
    def parameters(self) -> dict[str, str]:
        """Names of the flow's parameters, by key."""
        return {key: f"{self.name}_{key}" for key in self.free}

    def numbers_of(self, parameters: Mapping[str, Tensor]) -> dict[str, Any]:
        """Its numbers where those that are free have values."""
        return {**self.numbers, **{key: parameters[name] for key, name in self.parameters.items()}}

    def velocity(self, offset: dict[str, Tensor], numbers: Numbers, component: str) -> Any:
        """The velocity of the body at places relative to its centre, along an axis of the domain."""
        if component not in self.axes:
            return math.wrap(0.0)
        first, second = self.axes[:2]
        turning = {first: -1.0, second: 1.0}.get(component)
        speed = numbers[f"v{component}"]
        if turning is None:
            return speed + 0.0 * offset[first]
        return speed + turning * numbers["spin"] * offset[second if component == first else first]

    def __repr__(self):
        numbers = ", ".join(f"{k}={v:g}" for k, v in self.numbers.items() if v or k in self.axes)
        return f"{type(self).__name__}({self.name}, {numbers}{', free: ' + ', '.join(self.free) if self.free else ''})"


def as_bodies(owner: str, given: Any) -> tuple[Body, ...]:
    """One or several bodies, checked for what can be known without a grid; InputError for others, and equal names."""
    found = (given,) if isinstance(given, Body) else given
    if isinstance(found, str | bytes | Mapping) or not isinstance(found, Iterable):
        raise InputError(f"The bodies of a {owner} are a list of bodies, such as Disc(...), not {quoted(given)}.")
    found = tuple(found)
    for i, body in enumerate(found):
        if not isinstance(body, Body):
            raise InputError(f"The bodies of a {owner} are Disc, Rectangle, Outline or your own, not {quoted(body)}.")
        if any(b.name == body.name for b in found[:i]):
            raise InputError(f"Two bodies of a {owner} have the name {body.name!r}: each needs one of its own.")
    return found


def free_numbers(bodies: Iterable[Body]) -> dict[str, Free]:
    """The parameters that are free numbers of bodies, by name."""
    free = [(name, b.numbers[key], key not in b.positive) for b in bodies for key, name in b.parameters.items()]
    return {name: Free(value, signed) for name, value, signed in free}
