"""What a network of time and place has to fulfil: the equations of a periodic box, and the values of faces."""

from collections.abc import Sequence
from functools import cached_property
from itertools import product

import numpy as np
import tensorflow as tf

from ...errors import InputError, positive
from ...flows import Flow, PeriodicBox
from ...kernels.compiled import Arrays
from .coordinates import features, outputs_of

NODE = 0.5 / 3**0.5  # of Gauss's rule with two points, in lengths of the interval from its middle


class Equations:
    """
    The equations of a `PeriodicBox` without a force, in units of the networks: velocity in `speed`, time in `horizon`
    (0 at the start, 1 at the end), places as angles 2π x / L. The networks give velocity and pressure.

    Attributes:
        flow: The flow.
        speed: U.
        horizon: T, in units of time.
    """

    def __init__(self, flow: Flow, speed: float, horizon: float):
        """Raises InputError for another flow, one with a force or terms, and numbers that are not positive."""
        check_known(flow)
        self.flow = flow
        self.speed, self.horizon = positive("The speed of a solution", speed), positive("Its horizon", horizon)
        self.layout, self.axes = flow.layouts["velocity"], len(flow.size)
        self.lengths = np.array([*flow.size.values()]) / (2 * np.pi)

    def residuals(
        self, weights: Sequence[tf.Tensor], viscosity: tf.Tensor, time: tf.Tensor, angles: tf.Tensor
    ) -> tf.Tensor:
        """
        The sum of the squares of what is left of

            ∂u/∂t + u·∇u + ∇p - ν ∇²u + μ u    and    ∇·u,

        in units of U² / l and U / l, with l the mean length of the axes by 2π.

        Args:
            weights: Of the networks, see `initial_weights`.
            viscosity: ν of each simulation, shape (simulations,).
            time: Shape (points,), in units of the horizon.
            angles: Shape (points, axes).

        Returns:
            Shape (simulations, points).
        """
        jets, n = outputs_of(weights, features(time, angles, derivatives=True)), self.axes
        value, change = jets[:, 0, :, :n], jets[:, 1, :, :n]
        scale = float(np.mean(self.lengths))
        first = [jets[:, 2 + d] * (scale / self.lengths[d]) for d in range(n)]
        second = [jets[:, 2 + n + d, :, :n] * (scale / self.lengths[d]) ** 2 for d in range(n)]
        slow = scale / (self.speed * self.horizon)
        thin = tf.cast(viscosity, value.dtype)[:, None, None] / (self.speed * scale)
        left = slow * change - thin * sum(second) + (getattr(self.flow, "drag", 0.0) * scale / self.speed) * value
        left += sum(value[..., d : d + 1] * first[d][..., :n] for d in range(n))
        left += tf.stack([first[d][..., n] for d in range(n)], -1)
        divergence = sum(first[d][..., d] for d in range(n))
        return tf.reduce_sum(left**2, -1) + divergence**2

    @cached_property
    def places(self) -> dict[str, np.ndarray]:
        """Angles of the nodes whose mean is that over a face, by array, (nodes, faces, axes); fourth order."""
        result = {}
        for name, component in zip(self.layout.arrays, self.layout.components, strict=True):
            where, nodes = self.layout.intervals(component), []
            signs = [(0.0,) if d == component else (-NODE, NODE) for d in self.layout.dims]
            for shifts in product(*signs):
                axes = [(a + b) / 2 + s * (b - a) for s, (a, b) in zip(shifts, where.values(), strict=True)]
                grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, self.axes)
                nodes.append(grid / self.lengths)
            result[name] = np.stack(nodes).astype(np.float32)
        return result

    def on_faces(self, weights: Sequence[tf.Tensor], name: str, time: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """
        Means of a velocity component over faces in domain units, shape (simulations, faces), at one time (a scalar, in
        units of the horizon), from the nodes of these faces, shape (nodes, faces, axes).
        """
        count, faces, _ = places.shape
        angles = tf.reshape(places, [-1, self.axes])
        times = tf.ones_like(angles[:, 0]) * time
        values = outputs_of(weights, features(times, angles))[:, 0, :, self.layout.arrays.index(name)]
        return self.speed * tf.reduce_mean(tf.reshape(values, [values.shape[0], count, faces]), 1)

    def arrays(self, weights: Sequence[tf.Tensor], time: tf.Tensor) -> Arrays:
        """The velocity on the grid of the flow at one time, shape (simulations, *spatial) each."""
        result = {}
        for name, component in zip(self.layout.arrays, self.layout.components, strict=True):
            values = self.on_faces(weights, name, time, tf.constant(self.places[name]))
            result[name] = tf.reshape(values, [values.shape[0], *self.layout.shape(component)])
        return result


def check_known(flow: Flow):
    """Raises InputError unless the equations of a flow are those that are known here."""
    why = ""
    if not isinstance(flow, PeriodicBox):
        why = f"not those of {type(flow).__name__}"
    elif flow.forcing is not None or flow.terms:
        why = "without a force and further terms, which this one has"
    if why:
        raise InputError(f"A physics-informed network (pinn) knows the equations of a PeriodicBox, {why}.")
