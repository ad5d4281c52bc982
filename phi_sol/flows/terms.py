"""Terms that are added to the right-hand side of a flow: known, parametrised or neural ones."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from phi.field import Field
from phi.math import Tensor, reshaped_tensor

from ..errors import InputError, quoted
from ..stepping.state import Fields, State

if TYPE_CHECKING:
    from .base import Flow


class Term(ABC):
    """
    A term of a flow's equations, for `Flow.with_terms`. With schemes of fluxes every stage of a step has its rates;
    with lookups they enter as forces, of the state at the start of the step: first order in time.

    Attributes:
        weights: Variables (`keras.Variable`s or TensorFlow's) that can be trained; none of a known term.

    Examples:
        >>> ps.Smagorinsky(0.17).weights, isinstance(ps.Smagorinsky(0.17), ps.Term)
        ((), True)
    """

    weights: Sequence[Any] = ()

    @abstractmethod
    def rates(self, flow: "Flow", state: State, weights: Sequence[Any]) -> Fields:
        """
        What the term adds per unit of time, by field name.

        Args:
            flow: The flow, with its grid.
            state: Fields and parameters.
            weights: The values of the variables, in the order of `weights`, as tensors that gradients flow through.
        """

    def on(self, flow: "Flow") -> "Term":
        """The term for the grid of a flow, when it gets it."""
        return self


class FunctionTerm(Term):
    """
    A term from a function of the state, or of state and weights.

    Examples:
        >>> ps.PeriodicBox(y=16, x=16).with_terms(ps.FunctionTerm(lambda state: {"velocity": -0.1 * state.velocity}))
        PeriodicBox(y=16, x=16, dt=0.01, advection='central')
    """

    def __init__(self, function: Callable, weights: Sequence[Any] = ()):
        """
        Args:
            function: Of a `State`, and after it one tensor for each of the `weights` (PhiML's of single numbers, else
                native ones); returns rates by field name, such as `{"velocity": -0.1 * state.velocity}`: fields of the
                flow, or PhiML tensors of their values.
            weights: Variables to be trained.
        """
        if not callable(function):
            raise InputError(f"A term is a Term or a function of the state, not {quoted(function)}.")
        if not (isinstance(weights, list | tuple) and all(hasattr(w, "assign") for w in weights)):
            raise InputError(f"The weights of a term are a list of variables, not {quoted(weights)}.")
        self.function, self.weights = function, tuple(weights)

    def rates(self, flow: "Flow", state: State, weights: Sequence[Any]) -> Fields:
        return self.function(state, *[w if len(w.shape) else reshaped_tensor(w, [], convert=False) for w in weights])


def as_terms(flow: "Flow", given: Sequence[Any]) -> tuple[Term, ...]:
    """Terms, of which some may be given as functions of the state; InputError for anything else."""
    if not given:
        raise InputError(f"Which terms shall {type(flow).__name__} have? Give one or several.")
    return tuple((t if isinstance(t, Term) else FunctionTerm(t)).on(flow) for t in given)


def term_rates(flow: "Flow", terms: Sequence[Term], state: State, weights: Sequence[Any] | None) -> Fields:
    """
    The rates of all terms together.

    Args:
        weights: Those of all terms, in order; None for the values of their variables.

    Raises:
        InputError: for fields that the flow does not have, or rates of another shape.
    """
    total: Fields = {}
    rest = list(weights) if weights is not None else [np.asarray(w) for t in terms for w in t.weights]
    for term in terms:
        own, rest = rest[: len(term.weights)], rest[len(term.weights) :]
        given = term.rates(flow, state, own)
        if not isinstance(given, dict):
            raise InputError(f"The {_name(term)} of {flow} must return a dictionary of rates by field, not {given!r}.")
        for name, rate in given.items():
            total[name] = flow.corrected(name, _checked(flow, term, name, rate), total)
    return total


def _checked(flow: "Flow", term: Term, name: str, rate: Any) -> Field:
    if name not in flow.fields or name in flow.prescribed:
        free = ", ".join(f for f in flow.fields if f not in flow.prescribed)
        raise InputError(f"The {_name(term)} gives a rate of {quoted(name)}, but {flow} has {free}.")
    template = flow.templates[name]
    values = rate.values if isinstance(rate, Field) else rate
    if not isinstance(values, Tensor) or values.shape.non_batch != template.values.shape.non_batch:
        there, needed = getattr(values, "shape", type(values).__name__), template.values.shape
        raise InputError(f"The {_name(term)} gives a rate of {name} of shape {there}, but {flow} needs {needed}.")
    if values.dtype.kind not in (bool, int, float):
        raise InputError(f"The {_name(term)} gives a rate of {name} of complex numbers: take its real part.")
    return template.with_values(values)


def _name(term: Term) -> str:
    function = getattr(term, "function", None)
    return f"term {getattr(function, '__name__', type(term).__name__)!r}"
