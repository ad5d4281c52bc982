"""What an evaluation measures on every frame, of solvers and of the recorded reference alike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import metrics
from ..flows import Flow, WakeFlow
from ..metrics.grid import Arrays
from ..stepping.arrays import field_arrays
from ..storage.dataset import Dataset

STATIONS = (2.0, 5.0, 10.0)  # of profiles in a wake, in radii behind the centre of the obstacle
PROBE = 5.0  # of the cross-stream velocity whose frequency is the Strouhal number's
BLOCK = 50  # recorded frames measured together


@dataclass(frozen=True)
class Wake:
    """
    The scales of a wake.

    Attributes:
        diameter: Of the obstacle, in domain units.
        speed: Of the stream.
        area: Frontal area of the obstacle; in 2D its diameter.
        centre: Position of the obstacle.
    """

    diameter: float
    speed: float
    area: float
    centre: dict[str, float]

    @staticmethod
    def of(flow: Flow) -> "Wake | None":
        """The wake of a flow that has one."""
        if not isinstance(flow, WakeFlow):
            return None
        span = flow.size.get("z", 1.0) / (np.cos(np.deg2rad(flow.inclination)) if flow.obstacle == "inclined" else 1)
        area = np.pi * flow.radius**2 if flow.obstacle == "sphere" else 2 * flow.radius * span
        return Wake(2 * flow.radius, flow.speed, float(area), flow.center)

    def behind(self, radii: float) -> dict[str, float]:
        """The point so many radii downstream of the centre."""
        return self.centre | {"y": self.centre["y"] + radii * self.diameter / 2}


class Measures:
    """
    Measures frames of the source grid, many at a time: what they are (energy, spectrum, forces, ...) and how
        far they are from the reference.

    Attributes:
        flow: The source flow.
        fields: Fields that are compared with the reference; `velocity` is one of them.
        frames: Number of frames after frame 0.
        wake: Scales, where the flow is a wake.
        names: Arrays of the fields that are compared.
    """

    def __init__(self, data: Dataset, frames: int, fields: tuple[str, ...] = ("velocity",)):
        self.data, self.flow, self.frames, self.fields = data, data.pair.source, frames, fields
        self.wake = Wake.of(self.flow)
        self.names = [n for f in fields for n in field_arrays(self.flow, f)]
        self.velocity = field_arrays(self.flow, "velocity")

    def of(self, arrays: Arrays, parameters: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """
        What fields are, by themselves.

        Args:
            arrays: Shape (n, *spatial) each, n frames of any simulations.
            parameters: Shape (n,) each.

        Returns:
            By name, shape (n,); `spectrum` (n, shells); in wakes `profiles` (n, positions of all stations and
            components).
        """
        flow = self.flow
        result = {
            "kinetic_energy": metrics.kinetic_energy(flow, arrays),
            "enstrophy": metrics.enstrophy(flow, arrays),
            "spectrum": metrics.energy_spectrum(flow, arrays)[1],
        }
        if flow.incompressible:
            result["divergence"] = metrics.divergence_norm(flow, arrays)
        if "marker" in arrays:
            result["marker_mass"] = metrics.total(flow, arrays)
        if self.wake is not None:
            force = metrics.force(flow, arrays, np.float64(flow.viscosity(parameters["reynolds"])))
            result["drag"] = metrics.force_coefficient(force["y"], self.wake.speed, self.wake.area)
            result["lift"] = metrics.force_coefficient(force["x"], self.wake.speed, self.wake.area)
            result["probe"] = metrics.probe(flow, arrays, "x", self.wake.behind(PROBE))
            result["profiles"] = np.concatenate([values for _, values in self.profiles(arrays).values()], 1)
        return result

    def profiles(self, arrays: Arrays) -> dict[tuple[str, float], tuple[np.ndarray, np.ndarray]]:
        """
        Positions along x and values of shape (n, positions), by component and station (radii behind the obstacle).
        """
        return {(c, s): metrics.line(self.flow, arrays, c, "x", self.wake.behind(s)) for c in "yx" for s in STATIONS}

    def against(self, arrays: Arrays, reference: Arrays) -> dict[str, np.ndarray]:
        """
        How far fields are from those of the reference; arguments of shape (n, *spatial) each.

        Returns:
            By name, shape (n,): `mae`, `rmse` and `relative_l2` of the velocity, with a suffix those of every
            array, and `correlation` of vorticity.
        """
        result = {"correlation": metrics.vorticity_correlation(self.flow, arrays, reference)}
        groups = {"velocity": self.velocity} | {n: [n] for n in self.names}
        for group, names in groups.items():
            suffix = "" if group == "velocity" else f" {group}"
            result[f"mae{suffix}"] = metrics.mean_absolute_error(arrays, reference, names)
            result[f"rmse{suffix}"] = metrics.root_mean_square_error(arrays, reference, names)
            result[f"relative_l2{suffix}"] = metrics.relative_l2(arrays, reference, names)
        return result

    @cached_property
    def reference(self) -> dict[str, np.ndarray]:
        """What the recorded frames 1, 2, ... are: see `of`, shape (frames, simulations, ...)."""
        parts = []
        for first in range(1, self.frames + 1, BLOCK):
            parts.append(self.block(self.recorded(first, min(BLOCK, self.frames + 1 - first))))
        return {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}

    def recorded(self, first: int, count: int) -> Arrays:
        """Recorded arrays of frames `first`, ..., of shape (count, simulations, *spatial)."""
        return {n: np.swapaxes(a[:, first : first + count], 0, 1) for n, a in self.data.arrays.items()}

    def block(self, arrays: Arrays, reference: Arrays | None = None) -> dict[str, np.ndarray]:
        """
        Measures of arrays of shape (frames, simulations, *spatial), with errors if there is a reference of the
        same shapes.
        """
        frames, simulations = next(iter(arrays.values())).shape[:2]
        flat = {n: np.reshape(a, (-1, *a.shape[2:])) for n, a in arrays.items()}
        parameters = {n: np.tile(p, frames) for n, p in self.data.parameters.items()}
        result = self.of(flat, parameters)
        if reference is not None:
            result |= self.against(flat, {n: np.reshape(a, (-1, *a.shape[2:])) for n, a in reference.items()})
        return {n: v.reshape(frames, simulations, *v.shape[1:]) for n, v in result.items()}

    @cached_property
    def wave_numbers(self) -> np.ndarray:
        """Of the shells of `spectrum`."""
        return metrics.energy_spectrum(self.flow, self.data.frame(0))[0]
