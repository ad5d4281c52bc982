"""The candidates: products of derivatives of the coarse fields, and terms of one's own."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import combinations_with_replacement, product
from math import prod

import numpy as np

from ..arguments import check_fields
from ..errors import InputError, check_takes, integer, one_line, quoted, sequence, suggestion
from .samples import Part, Samples

POWERS = {2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸"}
DERIVATIVES = ("spectral", "central")
MOST = 1000  # candidates
_set = object.__setattr__  # of frozen ones
Factor = tuple[str, tuple[int, ...]]
"""A field, and the order of its derivative along each axis."""


@dataclass(frozen=True, eq=False)
class Term:
    """
    One candidate.

    Attributes:
        name: As equations have it.
        factors: What it is the product of; none for a constant and for a term of one's own.
        function: Of a term of one's own.
        scale: Name of the number that it is multiplied by, `1/name` for its reciprocal, `1` for none.
        by_spacing: Whether it is multiplied by the spacing of the grid to the order of its derivatives.
    """

    name: str
    factors: tuple[Factor, ...] = ()
    function: Callable | None = None
    scale: str = "1"
    by_spacing: bool = False

    @property
    def orders(self) -> tuple[int, ...]:
        """Of its derivatives along each axis, together."""
        return tuple(map(sum, zip(*(o for _, o in self.factors), strict=True)))

    def factor(self, samples: Samples, simulation: int) -> float:
        """The number that the product is multiplied by."""
        name, inverse = self.scale.removeprefix("1/"), self.scale.startswith("1/")
        known = samples.numbers(simulation)
        if name not in ("1", *known):
            raise InputError(f"The term {self.name!r} needs {name!r} among the parameters of the samples.")
        number = 1.0 if name == "1" else known[name]
        h = zip(samples.spacing.values(), self.orders, strict=False)
        return (1 / number if inverse else number) * (prod(s**n for s, n in h) if self.by_spacing else 1.0)

    def values(self, part: Part, shape: tuple[int, ...]) -> np.ndarray:
        """Without that number, shape (frames, *cells). Raises InputError where a function returns another shape."""
        if self.function is None:
            result = np.ones(shape)
            for name, orders in self.factors:
                result = result * part.derivative(name, orders)
            return result
        try:
            result = np.asarray(self.function(part))
        except InputError:
            raise
        except Exception as err:  # it is the user's
            raise InputError(f"The term {quoted(self.name)} failed: {one_line(err)}.") from err
        if result.shape != shape or result.dtype.kind not in "fiu":
            found = f"{result.dtype} of shape {result.shape}"
            raise InputError(f"The term {quoted(self.name)} must give real numbers of shape {shape}, not {found}.")
        return result.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Library:
    """
    Candidate terms of an equation: all products of at most `degree` factors, each a field or a derivative of one, with
    `order` derivatives at most in a product, and terms of one's own.

    Attributes:
        order: Derivatives in a product, together.
        degree: Factors of a product.
        fields: Names of fields (`u` for all components `u.x`, ...) that products are made of; None: all.
        constant: Whether a constant is a candidate.
        terms: By name functions of a `Part`, which has fields (`part["u.x"]`), derivatives (`part.d("u.x", "xx")`) and
            `part.parameters`; they return an array of the shape of the fields.
        scales: Every candidate is there once for every scale, multiplied by it: a parameter (`viscosity`, `dt`), its
            reciprocal (`1/dt`), or `1`.
        by_spacing: Whether derivatives are multiplied by the spacing of the grid, so that a second one is h² d²u.x/dx²
            and coefficients are comparable.
        derivatives: `spectral` along periodic axes, `central` (second order) along others; or `central` everywhere.
            None: spectral unless the samples have a mask, as those of flows with obstacles do.
        without: Names of candidates to leave out, such as one that follows from others.
        margin: Cells left out beside masks and sides that are not periodic; None: as many as differences reach, at
            least 1.

    Examples:
        >>> ps.Library(order=2, degree=1)
        Library(order=2, degree=1, fields=None, constant=True, terms={}, scales=('1',), by_spaci...
    """

    order: int = 2
    degree: int = 2
    _: KW_ONLY
    fields: Sequence[str] | None = None
    constant: bool = True
    terms: Mapping[str, Callable] = field(default_factory=dict)
    scales: Sequence[str] = ("1",)
    by_spacing: bool = False
    derivatives: str | None = None
    without: Sequence[str] = ()
    margin: int | None = None

    def __post_init__(self):
        """Raises InputError for what can't be made a candidate."""
        check_fields(self)
        _set(self, "order", integer("The order of a library", self.order, 0, 8))
        _set(self, "degree", integer("The degree of a library", self.degree, 0, 8))
        if self.margin is not None:
            _set(self, "margin", integer("The margin of a library", self.margin, 0))
        if self.derivatives not in (None, *DERIVATIVES):
            raise InputError(f"Derivatives are {' or '.join(DERIVATIVES)}, not {quoted(self.derivatives)}.")
        for name in ("scales", "without") + (("fields",) if self.fields is not None else ()):
            names = sequence(f"{name} of a library", getattr(self, name), "a list of names")
            if not all(isinstance(n, str) for n in names):
                raise InputError(f"{name} of a library must be a list of names, not {quoted(names)}.")
            _set(self, name, tuple(dict.fromkeys(names)))
        if not self.scales:
            raise InputError("scales of a library must have at least one entry, such as '1'.")
        for name, function in self.terms.items():
            if not callable(function) or not name.strip() or not name.isprintable():
                raise InputError(f"Terms of a library are functions by name, not {quoted(name)}: {quoted(function)}.")
            check_takes(f"The term {quoted(name)} of a library", function, "part")

    def names(self, samples: Samples) -> list[str]:
        """Names of the candidates for such samples."""
        return [t.name for t in self.candidates(samples)]

    def spectral(self, samples: Samples) -> bool:
        """Whether derivatives along periodic axes are those of Fourier transforms."""
        return self.derivatives == "spectral" if self.derivatives else samples.mask is None

    def reach(self, samples: Samples) -> int:
        """Cells that are left out beside sides."""
        return max(1, (self.order + 1) // 2) if self.margin is None else self.margin

    def candidates(self, samples: Samples) -> list[Term]:
        """
        The candidates for such samples. Raises InputError for fields and scales that these do not have, no candidates
        or too many of them, and names that mean two.
        """
        fields, axes = self._fields(samples), range(len(samples.size))
        known = list(samples.numbers(0))
        for scale in self.scales:
            if (name := scale.removeprefix("1/")) not in known and scale != "1":
                there = ", ".join(["1", *known])
                raise InputError(f"There is no scale {quoted(scale)}.{suggestion(name, known)} Known: {there}.")
            if name != scale and not all(samples.numbers(i)[name] for i in range(samples.simulations)):
                raise InputError(f"{scale} is no scale of these samples: {name} is zero in some of them.")
        if fields and self.degree:
            orders = [o for o in product(range(self.order + 1), repeat=len(axes)) if sum(o) <= self.order]
            factors = [(f, o) for o in sorted(orders, key=lambda o: (sum(o), [-n for n in o])) for f in fields]
        else:
            factors = []
        terms = [Term("1")] if self.constant else []
        for degree in range(1, self.degree + 1 if factors else 1):
            for chosen in combinations_with_replacement(factors, degree):
                if sum(sum(o) for _, o in chosen) <= self.order:
                    terms.append(Term(product_name(chosen, list(samples.size)), chosen))
                if len(terms) * len(self.scales) > MOST:
                    raise InputError(f"A library of more than {MOST} terms: choose a lower order or degree, or fields.")
        terms += [Term(n, (), f) for n, f in self.terms.items()]
        scaled = [self._scaled(t, s, samples) for s in self.scales for t in terms]
        names = [t.name for t in scaled]
        if twice := [n for n in names if names.count(n) > 1]:
            raise InputError(f"Two terms of the library have the name {quoted(twice[0])}: give another one.")
        for name in self.without:
            if name not in names:
                raise InputError(f"There is no term {quoted(name)} to leave out.{suggestion(name, names)}")
        kept = [t for t in scaled if t.name not in self.without]
        if not kept:
            raise InputError("The library has no terms: give an order, a degree, a constant, or terms of your own.")
        return kept

    def _fields(self, samples: Samples) -> list[str]:
        if self.fields is None:
            return list(samples.fields)
        found = []
        for name in self.fields:
            some = [f for f in samples.fields if name in (f, f.rpartition(".")[0])]
            if not some:
                hint, there = suggestion(name, samples.fields), ", ".join(samples.fields)
                raise InputError(f"There is no field {quoted(name)} for the library.{hint} Known: {there}.")
            found += some
        return list(dict.fromkeys(found))

    def _scaled(self, term: Term, scale: str, samples: Samples) -> Term:
        lengths = spacing_name(term.orders, samples.spacing) if self.by_spacing else ""
        parts = [p for p in ("" if scale == "1" else scale, lengths, term.name) if p]
        named = [p for p in parts if p != "1"] or ["1"]
        return Term(" ".join(named), term.factors, term.function, scale, self.by_spacing)

    def independent(self, candidates: Sequence[Term], samples: Samples, target: str) -> list[int]:
        """
        Those candidates, by their numbers, that do not follow from others by a divergence of zero: without derivatives
        of one component along its own axis, that of an axis which the target's name does not have.
        """
        vector, axes = samples.divergence_free, list(samples.size)
        if vector is None or not {f"{vector}.{d}" for d in axes} <= set(self._fields(samples)):
            return list(range(len(candidates)))
        found = re.search(r"\.(\w+)", target)
        axis = next((d for d in axes if d not in (found.group(1) if found else "")), axes[0])
        at, name = axes.index(axis), f"{vector}.{axis}"
        return [i for i, t in enumerate(candidates) if not any(f == name and o[at] for f, o in t.factors)]


def power(text: str, exponent: int) -> str:
    return text if exponent == 1 else text + POWERS[exponent]


def spacing_name(orders: Sequence[int], spacing: Mapping[str, float]) -> str:
    """`h²`, or `h.x²` on cells that are no squares."""
    sizes = list(spacing.values())
    if np.allclose(sizes, sizes[0], rtol=1e-9):
        return power("h", sum(orders)) if sum(orders) else ""
    return " ".join(power(f"h.{d}", n) for d, n in zip(spacing, orders, strict=False) if n)


def derivative_name(name: str, orders: Sequence[int], axes: Sequence[str]) -> str:
    """`u.x`, `du.x/dx`, `d²u.x/dxdy`."""
    if not any(orders):
        return name
    below = "".join(power(f"d{d}", n) for d, n in zip(axes, orders, strict=True) if n)
    return f"{power('d', sum(orders))}{name}/{below}"


def product_name(factors: Sequence[Factor], axes: Sequence[str]) -> str:
    """`u.x du.x/dx`, `(du.x/dx)²`."""
    names = [derivative_name(*f, axes) for f in factors]
    counts = {n: names.count(n) for n in names}
    return " ".join(n if c == 1 else power(f"({n})" if "/" in n else n, c) for n, c in counts.items())
