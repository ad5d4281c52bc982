"""Statistics of the training data that networks are normalised with."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import InputError
from ..flows.base import SEED
from ..kernels.compiled import Arrays
from .adapter import Adapter


@dataclass(frozen=True)
class Statistics:
    """
    Normalisation of a corrector's inputs and outputs.

    Attributes:
        mean: Mean of each array over simulations, frames and space.
        std: Standard deviation likewise.
        correction: Root mean square of the correction that one source step needs, per array: the scale of the output.
        log_mean: Mean of the logarithm of each parameter over the simulations; seeds are left out.
        log_std: Its standard deviation; 1 where all simulations have the same value.
    """

    mean: dict[str, float]
    std: dict[str, float]
    correction: dict[str, float]
    log_mean: dict[str, float]
    log_std: dict[str, float]

    @staticmethod
    def of(
        moments: dict[str, tuple[float, float]], corrections: dict[str, np.ndarray], parameters: dict[str, np.ndarray]
    ) -> "Statistics":
        """
        From mean and standard deviation of the training frames and differences between reference and source after one
        source step, by array name, and each parameter's value in all simulations. Raises InputError if one is not > 0.
        """
        logs = {}
        for name, values in parameters.items():
            if name == SEED:
                continue
            if not (np.asarray(values) > 0).all():
                raise InputError(f"The parameter {name} must be positive in all simulations.")
            logs[name] = np.log(np.asarray(values, np.float64))
        squares = {n: np.mean(np.square(c, dtype=np.float64)) for n, c in corrections.items()}
        return Statistics(
            mean={n: mean for n, (mean, _) in moments.items()},
            std={n: std or 1.0 for n, (_, std) in moments.items()},
            correction={n: float(np.sqrt(square)) or 1.0 for n, square in squares.items()},
            log_mean={n: float(v.mean()) for n, v in logs.items()},
            log_std={n: float(v.std()) if v.std() > 1e-6 else 1.0 for n, v in logs.items()},
        )


class Normalised:
    """What a network sees and gives by the statistics of its training data: `Corrector` has the equation."""

    def __init__(self, adapter: Adapter, statistics: Statistics):
        self.adapter, self.statistics = adapter, statistics
        self.names = [*adapter.inputs, *adapter.parameters]

    def to_channels(self, arrays: Arrays, parameters: Arrays) -> tf.Tensor:
        s, adapter = self.statistics, self.adapter
        normalised = {n: (arrays[n] - s.mean[n]) / s.std[n] for n in adapter.inputs}
        logs = {n: (tf.math.log(parameters[n]) - s.log_mean[n]) / s.log_std[n] for n in adapter.parameters}
        return adapter.to_channels(normalised, logs)

    def from_channels(self, channels: tf.Tensor, like: Arrays) -> Arrays:
        correction = self.statistics.correction
        return {n: c * correction[n] for n, c in self.adapter.from_channels(channels, like).items()}

    @property
    def scale(self) -> float:
        """Of a stress, see `forms.closure`: the root mean square of what is corrected."""
        return float(np.mean([self.statistics.correction[n] ** 2 for n in self.adapter.outputs])) ** 0.5
