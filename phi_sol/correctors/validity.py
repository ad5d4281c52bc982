"""Where a corrector is at home: the distribution of what its network saw in its training, and what is beyond it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ..errors import InputError
from ..flows import Flow

SEEN = "seen"  # the entry of descriptions
FLOOR = 0.03  # deviation that channels have at least, in their own units of order one
SHARE = 1e-3  # of the cells of the training that count as outside
MANY, MOST = 0.02, 0.5  # shares of cells that are remarked on: outside of the training, beyond it in one channel
LEVELS, SHIFTED = 33, 0.2  # quantiles; deviations that a distribution is off by before it is remarked on
STATES = 8  # that make a distribution
FRAMES, CELLS = 24, 200_000  # that the distribution is taken of


@dataclass(frozen=True)
class Validity:
    """
    The distribution of the input channels x of cells,

        d² = (x - mean)ᵀ (covariance + 0.03²)^-1 (x - mean) / channels,

    about 1 in the training. A cell is outside where d is beyond `limit`, that of all but a thousandth of the training's
    cells: a value that never came up, or values that never came up together.

    Attributes:
        names: Of the channels.
        mean: Of each channel.
        covariance: Of all pairs.
        limit: Of d.
        low: Of each channel what a thousandth of the cells was below.
        high: Likewise above.
        local: Of each channel whether it varies within states.
        quantiles: Of each channel, in the middle of `LEVELS` equal shares of the cells.
    """

    names: list[str]
    mean: list[float]
    covariance: list[list[float]]
    limit: float
    low: list[float]
    high: list[float]
    quantiles: list[list[float]]
    local: list[bool]

    @staticmethod
    def of(names: Sequence[str], channels: np.ndarray) -> "Validity":
        """From the channels of states, shape (states, ..., channels)."""
        states = np.reshape(channels, (len(channels), -1, channels.shape[-1])) if channels.ndim > 2 else channels[None]
        cells = np.reshape(channels, (-1, channels.shape[-1])).astype(np.float64)
        if len(cells) > CELLS:
            cells = cells[np.random.default_rng(0).choice(len(cells), CELLS, replace=False)]
        low, high = np.quantile(cells, (SHARE, 1 - SHARE), axis=0)
        mean, covariance = cells.mean(0), np.atleast_2d(np.cov(cells.T, bias=True))
        ends = {"low": low.tolist(), "high": high.tolist(), "quantiles": _quantiles(cells).tolist()}
        ends |= {"local": (states.std(1).mean(0) > FLOOR).tolist()}
        found = Validity(list(names), mean.tolist(), covariance.tolist(), 0.0, **ends)
        return Validity(**asdict(found) | {"limit": float(np.quantile(found.distances(cells), 1 - SHARE))})

    @staticmethod
    def parse(content: Mapping | Sequence) -> "Validity | Validities":
        """What `to_dict` gave, of one flow or of several. Raises InputError for anything else."""
        if isinstance(content, list) and content:
            return Validities([Validity.parse(c) for c in content])  # type: ignore[misc]
        try:
            found = Validity(**content)  # type: ignore[arg-type]
            count = len(found.names)
            parts = found.mean, found.low, found.high, found.local, found.covariance, found.quantiles
            if [np.shape(p) for p in parts] != [(count,)] * 4 + [(count, count), (count, LEVELS)] or not np.isfinite(
                found.covariance
            ).all():
                raise ValueError
        except (TypeError, ValueError):
            raise InputError("What a corrector has seen in its training can't be read: train it again.") from None
        return found

    def to_dict(self) -> dict:
        return asdict(self)

    def distances(self, channels: np.ndarray) -> np.ndarray:
        """d of each cell, shape (...)."""
        off = np.asarray(channels, np.float64) - np.asarray(self.mean)
        covariance = np.asarray(self.covariance) + FLOOR**2 * np.eye(len(self.mean))
        white = np.linalg.solve(np.linalg.cholesky(covariance), off.reshape(-1, len(self.mean)).T)
        return np.sqrt(np.mean(white**2, 0)).reshape(off.shape[:-1])

    def outside(self, channels: np.ndarray) -> np.ndarray:
        """Which cells are outside, boolean, shape (...)."""
        return self.distances(channels) > self.limit

    def beyond(self, channels: np.ndarray) -> dict[str, float]:
        """By channel the share of cells beyond what was seen, by more than the floor; those of none are left out."""
        cells = np.reshape(channels, (-1, len(self.mean)))
        strange = (cells < np.asarray(self.low) - FLOOR) | (cells > np.asarray(self.high) + FLOOR)
        return {n: float(s) for n, s in zip(self.names, strange.mean(0), strict=True) if s > 2 * SHARE}

    def shifts(self, channels: np.ndarray) -> dict[str, float]:
        """
        How differently all cells together are distributed, by channel: the earth mover's distance
        ∫ |Q(p) - Q_training(p)| dp of the quantiles Q, in deviations of the training. Channels that are the same all
        over a state are left out, and what stands in the flow and its sides: in a larger domain there is less of them.
        """
        cells = np.reshape(channels, (-1, len(self.mean)))
        deviation = np.maximum(np.sqrt(np.diag(self.covariance)), FLOOR)
        apart = np.abs(_quantiles(cells) - np.asarray(self.quantiles)).mean(1) / deviation
        found = zip(self.names, apart.tolist(), self.local, strict=True)
        return {n: far for n, far, local in found if local and not n.startswith(("solid", "side"))}

    def strange(self, channels: np.ndarray) -> bool:
        """
        Whether to remark on the channels of states: many cells are outside, a channel nearly everywhere, or, of several
        states, all cells together.
        """
        shares = self.outside(channels).mean(), max(self.beyond(channels).values(), default=0.0)
        return bool(shares[0] > MANY or shares[1] > MOST or self._shifted(channels)[1] > SHIFTED)

    def _shifted(self, channels: np.ndarray) -> tuple[str, float]:
        """The greatest of `shifts`; none of few states, which are no distribution: a flow begins somewhere."""
        shifts = self.shifts(channels) if len(channels) >= STATES else {}
        return max(shifts.items(), key=lambda item: item[1], default=("", 0.0))

    def words(self, channels: np.ndarray) -> str:
        """A sentence on such channels."""
        distances = self.distances(channels)
        share, far = float((distances > self.limit).mean()), float(distances.max() / self.limit)
        text = f"{100 * share:.3g} % of the cells are outside of what the corrector saw in its training (there 0.1 %)"
        text += f", by up to {far:.2g} times" if share > 2 * SHARE else ""
        strange = sorted(self.beyond(channels).items(), key=lambda item: -item[1])[:3]
        text += ": " + ", ".join(f"{n} in {100 * s:.3g} %" for n, s in strange) if strange else ""
        name, far = self._shifted(channels)
        return text + (f"; all together are distributed otherwise, {name} by {far:.2g} deviations" * (far > SHIFTED))


@dataclass(frozen=True)
class Validities:
    """
    Of a training on several flows, the `Validity` of each. A cell is outside where it is outside of all of them;
    distances are relative to the limit of the nearest. What is said of all cells together is by the flow that they are
    most like.

    Attributes:
        parts: Of the flows.
    """

    parts: list[Validity]
    limit: ClassVar[float] = 1.0

    @property
    def names(self) -> list[str]:
        """Of the channels."""
        return self.parts[0].names

    def distances(self, channels: np.ndarray) -> np.ndarray:
        """The least d / limit of each cell, shape (...)."""
        return np.min([p.distances(channels) / p.limit for p in self.parts], 0)

    def outside(self, channels: np.ndarray) -> np.ndarray:
        """Which cells are outside, boolean, shape (...)."""
        return self.distances(channels) > self.limit

    def nearest(self, channels: np.ndarray) -> Validity:
        """Of the flow that all cells are most like: with the least cells outside, then the least shift."""

        def off(part: Validity) -> tuple[bool, float]:
            return part.strange(channels), part.outside(channels).mean() + max(
                part.shifts(channels).values(), default=0
            )

        return min(self.parts, key=off)

    def beyond(self, channels: np.ndarray) -> dict[str, float]:
        """See `Validity`, of the nearest flow."""
        return self.nearest(channels).beyond(channels)

    def shifts(self, channels: np.ndarray) -> dict[str, float]:
        """See `Validity`, of the nearest flow."""
        return self.nearest(channels).shifts(channels)

    def strange(self, channels: np.ndarray) -> bool:
        """Whether to remark on the channels of states: they are strange to every flow."""
        return all(p.strange(channels) for p in self.parts)

    def words(self, channels: np.ndarray) -> str:
        """A sentence on such channels."""
        return self.nearest(channels).words(channels)


class Knowing:
    """A corrector that knows what it was trained on; `phi_sol.Corrector` has the rest."""

    description: dict
    channels: Any

    @property
    def validity(self) -> Validity | Validities | None:
        """The distribution of what the network saw in its training, if that is known."""
        seen = self.description.get(SEEN)
        return None if seen is None else Validity.parse(seen)

    def watch(self, flow: Flow, arrays: Mapping, parameters: Mapping, simulations: Sequence[int] | None = None):
        """
        Takes states for those of the training, of shape (batch, *spatial), or with frames behind the batch; of some
        simulations only.
        """
        seen = self.look_at(flow, arrays, parameters, simulations=simulations)
        self.description[SEEN] = Validity.of(self.channels.names, seen).to_dict()

    def outside(self, flow: Flow, arrays: Mapping, parameters: Mapping) -> np.ndarray:
        """
        Which cells look like nothing that the network saw in its training, boolean, shape (batch, *resolution), see
        `Validity`; of arrays with frames behind the batch (batch · frames, *resolution). Raises InputError where what
        it saw is not known.
        """
        known = self.validity
        if known is None:
            raise InputError("This corrector does not know what it was trained on: train it again.")
        return known.outside(self.look_at(flow, arrays, parameters, most=None))

    def look_at(
        self,
        flow: Flow,
        arrays: Mapping,
        parameters: Mapping,
        *,
        most: int | None = FRAMES,
        simulations: Sequence[int] | None = None,
    ) -> np.ndarray:
        """The channels of states, of at most so many frames of a simulation, and as many simulations."""
        found, first = [], next(iter(arrays.values()))
        chosen = list(range(len(first)) if simulations is None else simulations)
        for i in (chosen[k] for k in _some(len(chosen), most)):
            frames = _some(first.shape[1], most) if first.ndim > 1 + len(flow.resolution) else [slice(None)]
            states = {n: np.stack([np.asarray(a[i, k]) for k in frames]) for n, a in arrays.items()}
            given = {n: np.repeat(np.asarray(p)[i : i + 1], len(frames), 0) for n, p in parameters.items()}
            tensors = ({n: tf.convert_to_tensor(a) for n, a in group.items()} for group in (states, given))
            found.append(np.asarray(self.channels.to_channels(*tensors)))
        return np.concatenate(found)


def _quantiles(cells: np.ndarray) -> np.ndarray:
    """Those in the middle of `LEVELS` equal shares, shape (channels, LEVELS)."""
    return np.quantile(cells, (np.arange(LEVELS) + 0.5) / LEVELS, axis=0).T


def _some(count: int, most: int | None) -> list[int]:
    """So many of a number of things, evenly spread."""
    return sorted(set(np.linspace(0, count - 1, min(count, most or count)).astype(int).tolist()))
