"""A neural term in the equations of a flow."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..arguments import checked
from ..errors import InputError, integer, positive, quoted, suggestion
from ..flows import Flow, State, Term
from ..grids.layout import native_of
from ..networks import NETWORKS
from ..stepping.arrays import array_names, unpack_fields
from ..stepping.state import Fields
from .corrector import Corrector
from .statistics import Statistics


class NeuralTerm(Term):
    """
    What a network makes of a field, as a rate of change of that field:

        ∂f/∂t = ... + rate · network(f / magnitude, log of the parameters)

    for `Flow.with_terms`: a hybrid ("universal") differential equation. The network starts at zero. With schemes of
    fluxes it is evaluated at every stage of a step. Component by component its channels are those of a `Corrector`.

    Source: C. Rackauckas et al., "Universal differential equations for scientific machine learning" (2020,
    arXiv:2001.04385).

    Examples:
        >>> ps.PeriodicBox(y=16, x=16).with_terms(ps.NeuralTerm())
        PeriodicBox(y=16, x=16, dt=0.01, advection='central')
    """

    @checked
    def __init__(
        self,
        network: str | keras.Model | Callable = "fastest",
        *,
        field: str = "velocity",
        magnitude: float = 1.0,
        rate: float = 1.0,
        seed: int = 0,
    ):
        """
        Args:
            network: Name of a network, or a network or builder of your own, see `Corrector.create`.
            field: The field that it sees and changes.
            magnitude: Typical size of the field.
            rate: Typical size of the term, in units of the field per time.
            seed: Of the initial weights.
        """
        if isinstance(network, str) and network not in NETWORKS:
            hint = suggestion(network, NETWORKS)
            raise InputError(f"Unknown network {quoted(network)}.{hint} Known: {', '.join(NETWORKS)}.")
        self.network, self.field, self.seed = network, field, integer("The seed of a NeuralTerm", seed, 0)
        self.magnitude = positive("The magnitude of a NeuralTerm", magnitude)
        self.rate = positive("The rate of a NeuralTerm", rate)
        self._maps: Corrector | None = None

    def on(self, flow: Flow) -> "NeuralTerm":
        """The term with a network for the grid of a flow."""
        if self.field not in flow.fields:
            raise InputError(f"{flow} has no field {quoted(self.field)} for a NeuralTerm.")
        names = [n for n in array_names(flow) if n.partition(".")[0] == self.field]
        logs = {n: 0.0 for n in flow.seen_parameters}
        statistics = Statistics(
            mean={n: 0.0 for n in array_names(flow)},
            std={n: self.magnitude for n in array_names(flow)},
            correction={n: self.rate for n in names},
            log_mean=logs,
            log_std={n: 1.0 for n in logs},
        )
        term = NeuralTerm(self.network, field=self.field, magnitude=self.magnitude, rate=self.rate, seed=self.seed)
        given = self.network if self._maps is None else self._maps.network
        term._maps = Corrector.create(flow, given, statistics, correct=(self.field,), seed=self.seed)
        term.weights = term._maps.network.trainable_variables
        return term

    @property
    def model(self) -> keras.Model:
        """The network; there is one as soon as the term belongs to a flow."""
        if self._maps is None:
            raise InputError("A NeuralTerm has its network as soon as a flow has the term: flow.with_terms(term).")
        return self._maps.network

    def rates(self, flow: Flow, state: State, weights: Sequence[Any]) -> Fields:
        maps, shape = self._maps, state.batch_shape
        assert maps is not None  # `with_terms` has called `on`
        seen = {n.partition(".")[0] for n in maps.adapter.inputs}
        given = {n: a for f in seen for n, a in flow.layouts[f].to_arrays(state.fields[f], shape).items()}
        arrays = {n: tf.convert_to_tensor(a) for n, a in given.items()}
        dtype = next(iter(arrays.values())).dtype
        parameters = {n: tf.cast(native_of(state.parameters[n], shape), dtype) for n in maps.adapter.parameters}
        values = [tf.convert_to_tensor(w) for w in weights] if weights else None
        rates = maps(arrays, parameters, values)
        if all(isinstance(a, np.ndarray) for a in given.values()):
            rates = {n: r.numpy() for n, r in rates.items()}
        return unpack_fields(flow, rates, (self.field,), shape)
