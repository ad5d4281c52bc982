"""What a corrector's network makes of a state, and the mean over all ways to look at it."""

from copy import copy
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ..errors import InputError
from ..kernels.compiled import Arrays
from ..networks.front import node_of
from ..networks.layers import CONTINUED
from ..stepping.arrays import pack
from ..stepping.state import State
from .mirrors import TURNED, turns

if TYPE_CHECKING:
    from .corrector import Corrector

SYMMETRIC = "symmetric"  # the entry of descriptions


class Symmetric:
    """A corrector, whose network can be looked into, and asked in mirrors; `phi_sol.Corrector` has the rest."""

    description: dict
    network: keras.Model
    channels: Any
    scale_free: bool

    @property
    def is_symmetric(self) -> bool:
        """Whether its corrections are means over all ways to look at a state."""
        return self.description.get(SYMMETRIC, False)

    def symmetric(self) -> "Corrector":
        """
        The same corrector with corrections

            C(s) = 1/K Σ_k T_k⁻¹ C(T_k s)

        over all mirrors T_k of a state (2 in 1D, 4 in 2D, 8 in 3D), on squares also with both axes exchanged (8). They
        have the symmetry of the equations exactly, and cost K times as much. Raises InputError for a corrector that is
        not scale-free: it was not trained in mirrors.
        """
        if not self.scale_free:
            raise InputError("Only a scale-free corrector can be averaged over mirrors: it was trained in them.")
        other: Any = copy(self)
        other.description = self.description | {SYMMETRIC: True}
        return other

    def averaged(self, arrays: Arrays, parameters: Arrays, weights: list[tf.Tensor] | None = None) -> Arrays:
        """The mean over all ways to look at states, of the shapes of a call."""
        count, call = next(iter(arrays.values())).shape[0], type(self).__call__  # type: ignore[operator]
        ways = turns(self._bound)  # type: ignore[attr-defined]
        found = [call(self, arrays, parameters | {TURNED: tf.fill([count], k)}, weights) for k in range(ways)]
        return {n: tf.add_n([f[n] for f in found]) / ways for n in found[0]}

    def features(self, state: State) -> np.ndarray:
        """
        What the network has made of states before its last layer, which maps it to the correction: a representation of
        the flow around each cell, or each block of cells where the network works on a coarser grid.

        Args:
            state: A state of the flow, or a batch of states.

        Returns:
            Shape (batch, *n, features).

        Raises:
            InputError: for a network without a layer that has weights behind another one.
        """
        flow: Any = getattr(self, "_flow", None)
        if not isinstance(state, State):
            raise InputError(f"Features are those of a State, not of a {type(state).__name__}.")
        if flow is None:
            raise InputError("Features need the grid of a flow: corrector.on(flow).features(state).")
        arrays, parameters = pack(flow, state)[:2]
        tensors = ({n: tf.cast(a, tf.float32) for n, a in group.items()} for group in (arrays, parameters))
        return np.asarray(trunk(self.network)(self.channels.to_channels(*tensors)))


def trunk(network: keras.Model) -> keras.Model:
    """A network up to its last layer with weights. Raises InputError where there is only one."""
    layers = [x for x in network.layers if x.weights]
    if len(layers) < 2:
        raise InputError(f"The network {network.name!r} has no features: it is a single layer.")
    node = node_of(network, layers[-1])
    if node is None:
        raise InputError(f"The network {network.name!r} has no features: its last layer is used more than once.")
    (end,) = node.input_tensors
    source = end._keras_history.operation
    if hasattr(source, CONTINUED):  # the cells that a convolution adds at the ends
        (end,) = node_of(network, source).input_tensors
    return keras.Model(network.input, end)
