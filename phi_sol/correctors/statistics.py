"""Statistics of the training data that networks are normalised with."""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..flows.base import SEED


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
