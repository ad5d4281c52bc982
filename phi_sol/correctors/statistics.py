"""Statistics of the training data that networks are normalised with."""

from dataclasses import asdict, dataclass

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
        Args:
            moments: Mean and standard deviation of the training frames, by array name.
            corrections: Differences between reference and source after one source step, by array name.
            parameters: Parameter value of each simulation, by name.

        Raises:
            InputError: if a parameter is not positive.
        """
        parameters = {n: v for n, v in parameters.items() if n != SEED}
        for name, values in parameters.items():
            if not (np.asarray(values) > 0).all():
                raise InputError(f"The parameter {name} must be positive in all simulations.")
        logs = {n: np.log(np.asarray(v, np.float64)) for n, v in parameters.items()}
        return Statistics(
            mean={n: mean for n, (mean, _) in moments.items()},
            std={n: std or 1.0 for n, (_, std) in moments.items()},
            correction={
                n: float(np.sqrt(np.mean(np.square(c, dtype=np.float64)))) or 1.0 for n, c in corrections.items()
            },
            log_mean={n: float(v.mean()) for n, v in logs.items()},
            log_std={n: float(v.std()) if v.std() > 1e-6 else 1.0 for n, v in logs.items()},
        )

    def to_dict(self) -> dict:
        return asdict(self)
