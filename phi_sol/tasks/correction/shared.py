"""One corrector for several flows, trained on all of them together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import keras
import numpy as np

from ...arguments import checked
from ...correctors import Corrector
from ...correctors.described import FLOWS
from ...correctors.validity import SEEN
from ...errors import InputError, instance, positive, quoted, suggestion
from ...flows.common_ground import check_together
from ...storage.dataset import Dataset
from ...storage.together import Datasets
from ...training.task import Setting
from .losses import Loss
from .methods import Method
from .task import Correction
from .validation import rollout_error

MOST = 10.0  # errors relative to the source's, in the mean over flows: a rollout that blows up is one of many


class SharedCorrection(Correction):
    """
    Trains one network to correct the sources of several flows, through channels without dimension
    (`phi_sol.correctors.scale_free`). Every iteration takes windows of one flow, drawn by weights; in their losses, by
    default, every window counts by what the flow's own source gets wrong in it. The validation error is the mean over
    flows of the error of rollouts, relative to that of the flow's source; `errors` has that of each flow.

    Attributes:
        parts: By name the correction of each flow.

    Examples:
        >>> ps.SharedCorrection({"tiny": data}, "sol", "small")
        SharedCorrection(sol, of tiny)
    """

    @checked
    def __init__(
        self,
        data: Mapping[str, Dataset],
        method: Method | str = "sol",
        network: str | keras.Model | Callable | Corrector = "fast",
        *,
        weights: Mapping[str, float] | None = None,
        remat: bool | None = None,
        frozen: bool = False,
    ):
        """
        Args:
            data: Training simulations of each flow, by a name of it. Each flow holds some of its own out.
            method: How to train, or its name: then with a loss relative to the source's errors. Scale-free, also where
                it does not say so.
            network: As for `Correction`.
            weights: How often windows of each flow are drawn, relative to the others; 1 for those that are not named.
            remat: As for `Correction`.
            frozen: As for `Correction`.

        Raises:
            InputError: for flows of different dimension, or one without a velocity on faces; for weights of flows that
                are not there; and as `Correction` does.
        """
        if not data:
            raise InputError("A training of one corrector for several flows needs the data of at least one.")
        parts = {n: instance(f"The data of {n}", d, Dataset, "a Dataset") for n, d in data.items()}
        check_together({n: d.pair.source for n, d in parts.items()})
        method = Method(method, loss=Loss(relative=True)) if isinstance(method, str) else method
        method = replace(method, scale_free=True)
        super().__init__(next(iter(parts.values())), method, network, remat=remat, frozen=frozen)
        self.data = Datasets(parts)
        self.parts = {n: Correction(d, method, network, remat=remat, frozen=frozen) for n, d in parts.items()}
        self.often = {n: 1.0 for n in parts}
        for name, weight in (weights or {}).items():
            if name not in parts:
                raise InputError(
                    f"There is no flow {quoted(name)} to weigh.{suggestion(name, parts)} There are {', '.join(parts)}."
                )
            self.often[name] = positive(f"The weight of {name}", weight)

    def __repr__(self):
        return f"SharedCorrection({self.method.name}, of {', '.join(self.parts)})"

    @property
    def members(self) -> Sequence[Correction]:
        return list(self.parts.values())

    @property
    def member_names(self) -> Sequence[str]:
        return list(self.parts)

    @property
    def weights(self) -> Sequence[float]:
        return list(self.often.values())

    def split(self, simulations: Sequence[int]) -> list[list[int]]:
        return self.data.split(simulations)

    def held_out(self, validation) -> list[int]:
        found, first = [], 0
        for part in self.data.parts.values():
            found += [first + i for i in validation.held_out(len(part))]
            first += len(part)
        return found

    def set_up(self, setting: Setting):
        used = self.split(setting.simulations)
        first, *others = self.members
        first.set_up(replace(setting, simulations=used[0]))
        for part, simulations in zip(others, used[1:], strict=True):
            part.network, part.start, part.local = first.trained.network, None, first.local
            part.set_up(replace(setting, simulations=simulations))
        self.method, self.trained, self.corrector, self.hybrid = (
            first.method,
            first.trained,
            first.trained,
            first.hybrid,
        )
        known = {n: p.trained.description for n, p in self.parts.items()}
        self.trained.description[FLOWS] = {n: {"flow": d["flow"]} for n, d in known.items()}
        if not setting.rehearsal:
            self.trained.description[SEEN] = [d[SEEN] for d in known.values()]

    def frames(self, unroll: int) -> int:
        return max(p.frames(unroll) for p in self.members)

    def losses(self, unroll, window, parameters, numbers):
        """Of windows of the first flow: those of the others are asked for theirs."""
        return self.members[0].losses(unroll, window, parameters, numbers)

    def error(self, simulations: Sequence[int], frames: int) -> float:
        """The mean over flows of the error of rollouts, relative to the source's; above `MOST` it counts as this."""
        self.errors = {}
        for (name, part), chosen in zip(self.parts.items(), self.split(simulations), strict=True):
            if chosen:
                steps = min(frames, part.data.frames)
                plain = rollout_error(part.flow, part.data, chosen, steps, part.trained.outputs)
                self.errors[name] = part.error(chosen, steps) / plain
        return float(np.mean([min(e, MOST) for e in self.errors.values()]))

    def describe(self, unroll: int) -> dict:
        pairs = {n: {"weight": self.often[n], "pair": p.data.pair.config} for n, p in self.parts.items()}
        return super().describe(unroll) | {"members": pairs}
