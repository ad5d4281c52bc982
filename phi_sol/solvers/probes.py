"""What is seen of a state at some points."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..arguments import checked
from ..errors import InputError, is_real, quoted, sequence, suggestion
from ..kernels.compiled import Arrays
from ..stepping.system import System


class Probes:
    """
    Fields at some points, by linear interpolation between the stored cells or faces (second order), and constant beyond
    the outermost of these. Differentiable.

    Attributes:
        fields: Names of fields, or of components such as `velocity.x`.
        points: By axis, in domain units.

    Examples:
        >>> ps.Probes("velocity", [dict(y=90.0, x=50.0), dict(y=120.0, x=50.0)])
        Probes(velocity at 2 points)
    """

    @checked
    def __init__(self, fields: str | Sequence[str], points: Sequence):
        """
        Args:
            fields: Names of fields, or of components such as `velocity.x`.
            points: At least one, each by axis in domain units: `[dict(y=100, x=50), dict(y=120, x=50)]`.

        Raises:
            InputError: for points that are none.
        """
        self.fields = (fields,) if isinstance(fields, str) else tuple(fields)
        self.points = [
            dict(p) if isinstance(p, dict) else p for p in sequence("The points", points, "a list of points")
        ]
        for point in self.points:
            if not (isinstance(point, dict) and all(isinstance(d, str) and is_real(v) for d, v in point.items())):
                raise InputError(f"A point is given by axis, such as dict(y=100, x=50), not as {quoted(point)}.")
        if not (self.points and self.fields and all(isinstance(f, str) for f in self.fields)):
            raise InputError(f"Probes need fields and points, not {quoted(self.fields)} and {quoted(points)}.")

    def on(self, flow: System) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """
        Per array its name, and of each point the stored values around it, as places in the flattened array, shape
        (points, 2^d), with their weights. Raises InputError for fields and points that the flow does not have.
        """
        result, size = [], next(iter(flow.layouts.values())).size
        for point in self.points:
            if set(point) != set(size) or not all(0 <= v <= size[d] for d, v in point.items()):
                box = ", ".join(f"{d} in [0, {s:g}]" for d, s in size.items())
                raise InputError(f"A probe of {flow} lies at {box}, not at {quoted(point)}.")
        known = {n: (x, c) for x in flow.layouts.values() for n, c in zip(x.arrays, x.components, strict=True)}
        for field in self.fields:
            names = flow.layouts[field].arrays if field in flow.layouts else [field]
            for name in names:
                if name not in known:
                    has = f"Its fields: {', '.join(flow.fields)}."
                    raise InputError(f"Probes can't see {quoted(name)} of {flow}.{suggestion(name, known)} {has}")
                layout, component = known[name]
                corners = [self._around(*layout.intervals(component)[d], d) for d in layout.dims]
                places, weights = [], []
                for corner in itertools.product((0, 1), repeat=len(corners)):
                    found = [axis[i] for axis, i in zip(corners, corner, strict=True)]
                    places.append(np.ravel_multi_index([i for i, _ in found], layout.shape(component)))
                    weights.append(np.prod([w for _, w in found], 0))
                result.append((name, np.stack(places, 1), np.stack(weights, 1)))
        return result

    def _around(self, lower: np.ndarray, upper: np.ndarray, dim: str) -> tuple:
        """Along an axis, the stored values below and above each point, and their weights."""
        centres = (lower + upper) / 2
        at = np.interp([p[dim] for p in self.points], centres, np.arange(len(centres)))
        below = np.minimum(np.floor(at).astype(int), max(0, len(centres) - 2))
        return (below, 1 - (at - below)), (np.minimum(below + 1, len(centres) - 1), at - below)

    @staticmethod
    def seen(bound: list, arrays: Arrays) -> tf.Tensor:
        """Of native arrays the values at all points, array by array: shape (batch, arrays * points)."""
        parts: list[Any] = []
        for name, places, weights in bound:
            flat = tf.reshape(arrays[name], [arrays[name].shape[0], -1])
            around = tf.reshape(tf.gather(flat, places.ravel(), axis=1), [-1, *places.shape])
            parts.append(tf.reduce_sum(around * tf.constant(weights, flat.dtype), -1))
        return tf.concat(parts, 1)

    def __repr__(self):
        return f"Probes({', '.join(self.fields)} at {len(self.points)} points)"
