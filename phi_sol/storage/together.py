"""Recorded simulations of several flows, one behind the other."""

from collections.abc import Mapping

import numpy as np

from ..displays import Displayed, facts
from .dataset import Dataset


class Datasets(Displayed):
    """
    What a training on several flows knows of its data: as a `Dataset` has it, of all of their simulations in order.

    Attributes:
        parts: The data set of each flow, by name.
        pair: The solver pair of the first.
        frames: Of the shortest simulation.
        names: Of all simulations, with that of their flow before.
        fingerprints: Of all simulations.
        parameters: By name the values of all simulations that have such a parameter.
        frame_bytes: Of the flow with the largest frames.
        nbytes: Size of all arrays.
    """

    def __init__(self, parts: Mapping[str, Dataset]):
        self.parts = dict(parts)
        all_of = list(self.parts.values())
        self.pair, self.frames = all_of[0].pair, min(p.frames for p in all_of)
        self.names = [f"{name}/{n}" for name, part in self.parts.items() for n in part.names]
        self.fingerprints = [f for part in all_of for f in part.fingerprints]
        known = dict.fromkeys(n for part in all_of for n in part.parameters)
        self.parameters = {n: np.concatenate([p.parameters[n] for p in all_of if n in p.parameters]) for n in known}
        self.frame_bytes, self.nbytes = max(p.frame_bytes for p in all_of), sum(p.nbytes for p in all_of)

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    def _shown(self) -> str:
        return facts("Datasets", {n: repr(p) for n, p in self.parts.items()})

    def __repr__(self):
        return f"Datasets({', '.join(f'{n}: {len(p)}' for n, p in self.parts.items())} simulations)"

    def split(self, simulations) -> list[list[int]]:
        """By flow its own numbers of simulations, of numbers among all."""
        found, first = [], 0
        for part in self.parts.values():
            found.append([i - first for i in simulations if first <= i < first + len(part)])
            first += len(part)
        return found
