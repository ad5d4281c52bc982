"""Experiments of the Poisson problem: what their scene files say."""

from dataclasses import dataclass

from ...arguments import check_fields
from ...errors import InputError, integer, positive, quoted
from ...experiment import Experiment

NEEDED = ("divergence", "pressure")


@dataclass(frozen=True, kw_only=True, repr=False)
class PoissonExperiment(Experiment):
    """
    An experiment whose network guesses the pressure for an iterative solve. Its simulations run on the source's grid.

    Attributes:
        tolerance: Residual, max |∇·(u* - ∇p)| over cells, of solves in validation and in the running simulation.
        samples: Test problems, taken evenly from the frames of all test simulations.
        simulation_steps: Steps of the running simulation of the evaluation.

    Examples:
        >>> parts = {s: dict(buoyancy=(0.1,), seed=(i,)) for i, s in enumerate(("train", "test"))}
        >>> ps.PoissonExperiment("mine", ps.SmokeBox, dict(y=16, x=16), **parts)
        PoissonExperiment('mine': SmokeBox(y=16, x=16), ratio 1, time ratio 1, 1 training and 1...
    """

    task: str | type = "guess"
    ratio: int = 1
    correct: tuple[str, ...] = ("pressure",)
    tolerance: float = 1e-3
    samples: int = 100
    simulation_steps: int = 100

    def __post_init__(self):
        check_fields(self)
        missing = [n for n in NEEDED if n not in self.flow.fields]
        if missing:
            needed = f"a flow that keeps its {' and '.join(missing)}, such as SmokeBox"
            raise InputError(f"Scene {self.name!r} needs {needed}, not {self.flow.__name__}.")
        super().__post_init__()
        if self.ratio != 1:
            rule = "a Poisson problem lives on one grid, with ratio 1"
            raise InputError(f"Scene {self.name!r}: {rule}, not {quoted(self.ratio)}.")
        positive(f"Scene {self.name!r}: the tolerance", self.tolerance)
        for name in ("samples", "simulation_steps"):
            object.__setattr__(self, name, integer(f"Scene {self.name!r}: {name}", getattr(self, name), 1))
