"""What an evaluation measures on every frame, of solvers and of the recorded reference alike."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from ..errors import InputError, quoted
from ..metrics import METRICS, Metric, energy_spectrum
from ..metrics.grid import Arrays
from ..metrics.metric import compared_arrays, error_label, measured_fields
from ..metrics.wake_measures import Wake
from ..stepping.arrays import field_arrays
from ..storage.dataset import Dataset

BLOCK = 50  # recorded frames measured together
BLOW_UP = 100.0  # fields beyond this many times the largest value of the reference count as blown up
KEYS = {"mae_per_parameter", "ms_per_step", "ms_per_time", "blow_ups", "blew_up_at", "over_time", "fields"}
KEYS |= {"mae_shared", "dt", "speedup", "speedup_over", "speedup_reference"}
KEYS |= {"error_at_equal_cost", "error_at_equal_cost_of"}


class Measures:
    """
    Measures frames of the source grid, many at a time: what they are (energy, spectrum, forces, ...) and how far they
    are from the reference.

    Attributes:
        fields: Fields that are compared with the reference.
        metrics: What is measured: those of `METRICS` that the flow has, and others.
        names: Arrays of the fields that are compared.
        compared: Those of them that the errors average over: of the velocity where there is one.
        wake: Scales, where the flow is a wake.
    """

    def __init__(
        self,
        data: Dataset,
        frames: int,
        fields: Iterable[str] = (),
        extra: Iterable[Metric] = (),
        metrics: Iterable[Metric] = tuple(METRICS.values()),
    ):
        """
        Args:
            frames: Number of frames after frame 0.
            fields: Fields that are compared besides the velocity. A flow without a velocity compares these or, if there
                are none, all that are not prescribed.
            extra: Metrics of one's own.
            metrics: Those of phi_sol.

        Raises:
            InputError: for what is no metric, and a name that is taken.
        """
        self.data, self.flow, self.frames = data, data.pair.source, frames
        self.fields = measured_fields(self.flow, fields)
        self.metrics = [m for m in (*metrics, *_checked(extra)) if m.applies(self.flow)]
        self.wake = Wake.of(self.flow)
        self.names = [n for f in self.fields for n in field_arrays(self.flow, f)]
        self.compared = compared_arrays(self.flow, self.fields)

    @cached_property
    def limits(self) -> dict[str, float]:
        """Magnitude beyond which a solver has blown up, by array: 100 times the largest value of the field."""
        parts = [field_arrays(self.flow, f) for f in self.fields]
        return {n: BLOW_UP * self.data.largest(together) for together in parts for n in together}

    @property
    def error_label(self) -> str:
        return error_label(self.compared)

    @property
    def facts(self) -> dict[str, dict]:
        """Unit, direction, column and key of each metric, by name, for `results.json`."""
        return {m.name: m.facts for m in self.metrics}

    def of(self, arrays: Arrays, parameters: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """
        What fields are, by themselves: by name, shape (n, ...), from arrays of shape (n, *spatial) and parameters of
        shape (n,), of n frames of any simulations.
        """
        result = {}
        for metric in self.metrics:
            if metric.compute:
                values = metric.compute(self.flow, arrays, parameters)
                values = values if isinstance(values, dict) else {metric.name: values}
                if result.keys() & values:
                    raise InputError(f"{min(result.keys() & values)!r} is measured by two metrics: rename one of them.")
                result |= values
        return result

    def against(self, arrays: Arrays, reference: Arrays) -> dict[str, np.ndarray]:
        """
        How far fields are from those of the reference, of shape (n, *spatial) each: by name, shape (n,); with the name
        of an array behind it that of the array alone.
        """
        result = {}
        for m in self.metrics:
            if m.compare:
                result[m.name] = m.compare(self.flow, arrays, reference, self.compared)
                for n in self.names if m.per_field else ():
                    result[f"{m.name} {n}"] = m.compare(self.flow, arrays, reference, [n])
        return result

    @cached_property
    def reference(self) -> dict[str, np.ndarray]:
        """What the recorded frames 1, 2, ... are: see `of`, shape (frames, simulations, ...)."""
        end = self.frames + 1
        parts = [self.block(self.recorded(first, min(BLOCK, end - first))) for first in range(1, end, BLOCK)]
        return {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}

    def recorded(self, first: int, count: int, every: int = 1) -> Arrays:
        """Recorded arrays of frames `first`, `first + every`, ..., of shape (count, simulations, *spatial)."""
        end = first + (count - 1) * every + 1
        return {n: np.swapaxes(a[:, first:end:every], 0, 1) for n, a in self.data.arrays.items()}

    def block(self, arrays: Arrays, reference: Arrays | None = None) -> dict[str, np.ndarray]:
        """
        Measures of arrays of shape (frames, simulations, *spatial), with errors if there is a reference of the same
        shapes.

        Raises:
            InputError: if a metric does not give one value, or array of values, per state.
        """
        frames, simulations = next(iter(arrays.values())).shape[:2]
        flat, right = (
            {n: np.reshape(a, (-1, *a.shape[2:])) for n, a in group.items()} for group in (arrays, reference or {})
        )
        result = self.of(flat, {n: np.tile(p, frames) for n, p in self.data.parameters.items()})
        result |= self.against(flat, right) if right else {}
        result = {n: np.array(v, np.float64) for n, v in result.items()}
        for n, v in result.items():
            if v.shape[:1] != (frames * simulations,):
                states = frames * simulations
                raise InputError(f"The metric {n!r} gave an array of shape {v.shape} for {states} states.")
        return {n: v.reshape(frames, simulations, *v.shape[1:]) for n, v in result.items()}

    @cached_property
    def wave_numbers(self) -> np.ndarray:
        """Of the shells of `spectrum`."""
        return energy_spectrum(self.flow, self.data.frame(0))[0]


def _checked(extra: Iterable[Metric]) -> list[Metric]:
    """Metrics of the user's own, with names that are free."""
    taken, result = KEYS | {n for m in METRICS.values() for n in (m.name, m.entry)}, []
    for metric in extra:
        if not isinstance(metric, Metric):
            raise InputError(f"A metric must be a phi_sol.metrics.Metric, not {quoted(metric)}.")
        if {metric.name, metric.entry} & taken:
            raise InputError(f"The name of the metric {metric.name!r} is taken: give yours another.")
        if not isinstance(metric.column, str):
            raise InputError(f"The column of the metric {metric.name!r} must be a heading.")
        taken |= {metric.name, metric.entry}
        result.append(metric)
    return result
