"""What was observed, beside what simulations predict."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ...errors import InputError, quoted
from ...kernels.compiled import Arrays
from ...stepping.adjoint import flattened
from .observations import Observed
from .simulation import Simulation


class Comparison:
    """
    Observed values o_i with noise σ_i beside those that a simulation s(x) predicts: (s_i - o_i) / σ_i, frame by frame.

    Attributes:
        observations: What was observed.
        steps: After how many steps something was.
        used: How many of these frames count, from the first on.
        count: The number of observed values in all frames.
        unsaid: Whether their noise is not known; then σ is the root mean square of what was observed.
    """

    def __init__(self, simulation: Simulation, observations: Any):
        """Raises InputError for what are no observations, those of another flow, and times between steps."""
        given = (observations,) if isinstance(observations, Observed) else observations
        if not (isinstance(given, list | tuple) and given and all(isinstance(o, Observed) for o in given)):
            raise InputError(f"What was observed is Observations or Measurements, not {quoted(observations)}.")
        self.simulation = simulation
        self.observations: tuple[Observed, ...] = tuple(given)
        self.unsaid = given[0].noise is None
        if any((o.noise is None) != self.unsaid for o in given):
            raise InputError(
                "The noise of some observations is said, that of others is not: say it of all, or of none."
            )
        self._groups, self.steps = self._grouped()
        self.used, self.count = len(self.steps), sum(map(len, self.observations))

    def _grouped(self) -> tuple[list["_Group"], list[int]]:
        """What was observed, with the frames of each, and after how many steps there are frames."""
        flow, batch = self.simulation.solver.output, next(iter(self.simulation.arrays.values())).shape[0]
        steps = []
        for seen in self.observations:
            seen.check(flow, batch)
            steps.append(seen.steps(self.simulation.solver.dt))
        together = sorted({s for own in steps for s in own})
        groups: list[_Group] = []
        for seen, own in zip(self.observations, steps, strict=True):
            rows = {together.index(s): row for row, s in enumerate(own)}
            scale = seen.noise or {n: _rms(v) for n, v in seen.values.items()}
            groups.append(_Group(seen, rows, scale, self._names(seen, groups)))
        return groups, together

    @staticmethod
    def _names(seen: Observed, before: list["_Group"]) -> dict[str, str]:
        """By name in what was observed the name in results, which is another one if it was taken."""
        taken, result = {n for g in before for n in g.names.values()}, {}
        for name in seen.values:
            other, number = name, 2
            while other in taken:
                other, number = f"{name} ({number})", number + 1
            result[name] = other
        return result

    @property
    def scales(self) -> dict[str, float]:
        """σ by name."""
        return {g.names[n]: s for g in self._groups for n, s in g.scale.items()}

    def residuals(self, xs: np.ndarray) -> np.ndarray:
        """Of several x that are stepped together, shape (m, observed values)."""
        parts = []
        for frame, (arrays, parameters) in enumerate(self.simulation.frames(xs, self.steps[: self.used])):
            for group in (g for g in self._groups if frame in g.rows):
                predicted = group.observed.predicted(arrays, parameters)
                for name, values in group.observed.values.items():
                    own = values[group.rows[frame]]
                    there = np.asarray(predicted[name], np.float64).reshape(len(xs), *own.shape)
                    seen = np.isfinite(own)
                    parts.append((there[:, seen] - own[seen]) / group.scale[name])
        return np.concatenate(parts, 1)

    def pulled(self, x: np.ndarray, upstream: np.ndarray) -> np.ndarray:
        """Jᵀ times a vector with an entry per observed value."""
        begin, weights = 0, []
        for frame in range(self.used):
            own: dict = {}
            for group in (g for g in self._groups if frame in g.rows):
                for name, values in group.observed.values.items():
                    seen = np.isfinite(values[group.rows[frame]])
                    end = begin + int(seen.sum())
                    own[group.names[name]] = full = np.zeros(seen.shape)
                    full[seen], begin = upstream[begin:end] / group.scale[name], end
            weights.append(own)

        def cost(frames: list[int], kept: dict, parameters: dict):
            total = []
            for group, name, own, predicted in self._predicted(frames, kept, parameters):
                weight = np.stack([weights[k][group.names[name]] for k in own])
                total.append(tf.reduce_sum(predicted * tf.constant(weight, predicted.dtype)))
            return tf.add_n(total)

        return self.simulation.gradient(x, self.steps[: self.used], cost)[1]

    def _predicted(self, frames: list[int], kept: Arrays, parameters: Arrays) -> Iterator[tuple]:
        """Of arrays at some frames: each group, name, its own frames among them, and what it would observe there."""
        for group in self._groups:
            own = [i for i, k in enumerate(frames) if k in group.rows]
            if not own:
                continue
            arrays = kept if len(own) == len(frames) else {n: tf.gather(a, own) for n, a in kept.items()}
            predicted = group.observed.predicted(*flattened(arrays, parameters))
            for name in group.observed.values:
                shaped = tf.reshape(predicted[name], [len(own), -1, *predicted[name].shape[1:]])
                yield group, name, [frames[i] for i in own], shaped

    def cost(self, x: np.ndarray, show: Callable[[int, int], None]) -> tuple[float, np.ndarray]:
        """Half the sum of squares, and its gradient."""

        def half_squares(frames: list[int], kept: dict, parameters: dict):
            total = []
            for group, name, own, predicted in self._predicted(frames, kept, parameters):
                values = group.observed.values[name][[group.rows[k] for k in own]]
                seen, dtype = np.isfinite(values), predicted.dtype
                known = tf.constant(np.where(seen, values, 0), dtype)
                off = tf.where(seen, predicted - known, 0) / tf.constant(group.scale[name], dtype)
                total.append(tf.reduce_sum(tf.cast(off, tf.float64) ** 2) / 2)
            return tf.add_n(total)

        return self.simulation.gradient(x, self.steps[: self.used], half_squares, show)


@dataclass
class _Group:
    """Something that was observed: its row by frame of all, its noise, and names in results."""

    observed: Observed
    rows: dict[int, int]
    scale: dict[str, float]
    names: dict[str, str]


def _rms(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) or 1.0 if len(known) else 1.0
