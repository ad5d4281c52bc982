"""From configurations to flows, and from native arrays to values that can be drawn."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .. import flows
from ..errors import InputError
from ..flows import Flow
from ..grids.sampling import gaussian_mean
from ..solvers.pair import SolverPair
from ..storage.files import first_difference
from .recording import HIDDEN
from .values import Values


def pair_of(config: dict, known: tuple[type[Flow], ...] = ()) -> SolverPair:
    """
    The solver pair of a stored configuration (`SolverPair.config`).

    Args:
        config: From `run.json` or `description.json`.
        known: Flow classes besides those of phi_sol, from scene files.

    Raises:
        InputError: if the configuration is damaged or its flow unknown or changed.
    """
    try:
        source, ratio = config["source"], config["ratio"]
        name, resolution = source["type"], source["resolution"]
    except (KeyError, TypeError) as err:
        raise InputError(f"No solver pair is described there: {err!r}.") from err
    classes = {c.__name__: c for c in [getattr(flows, n) for n in flows.__all__] + list(known)}
    if name not in classes or not issubclass(classes[name], Flow):
        raise InputError(f"{name} is no flow of phi_sol: name the scene file that defines it, too.")
    cls = classes[name]
    named = [p.name for p in inspect.signature(cls.__init__).parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = {n: source[n] for n in named if n in source and n not in resolution}
    pair = SolverPair(cls, resolution, ratio, **options)
    difference = first_difference(config, pair.config)
    if difference:
        raise InputError(f"{name} has changed since this was made: {difference}.")
    return pair


class Trained:
    """
    What the folder of a run holds, as a solver: the flow with the corrector in its loop; or with conjugate
        gradients that start from the guess, to
    the tolerance that `IterativeFlow` has by default.

    Attributes:
        iterations: Of the last step from a guess; None for a corrector.
    """

    def __init__(self, flow: Flow, folder: Path):
        """
        Raises:
            InputError: if it was trained for another flow, or is damaged.
            MissingError: if there is none.
        """
        self.iterations = None
        if (folder / "guess.json").is_file():
            from ..correctors.guess import PoissonGuess
            from ..solvers.iterative import IterativeFlow

            self._solver = IterativeFlow(flow, PoissonGuess.load(folder))
        else:
            from ..correctors import Corrector
            from ..solvers.hybrid import HybridSolver

            self._solver = HybridSolver(flow, Corrector.load(folder))

    def __call__(self, arrays: dict, parameters: dict, dt) -> dict:
        """One step of native arrays."""
        arrays = dict(self._solver(arrays, parameters, dt))
        iterations = arrays.pop("iterations", None)
        self.iterations = None if iterations is None else int(iterations[0])
        return arrays

    def rollout(self, arrays: dict, parameters: dict, steps: int) -> Iterator[dict]:
        """The arrays after 1, 2, ... steps; with a corrector many of them in one compiled loop."""
        for frame in self._solver.frames(arrays, parameters, steps):
            iterations = frame.pop("iterations", None)
            self.iterations = None if iterations is None else int(iterations[0])
            yield frame


class Drawable:
    """
    Turns native arrays of a flow's state (`phi_sol.stepping`) into values with all outer faces.

    PhiFlow stores only those outer faces that the boundary condition leaves free. A missing one is either fixed
    or that of the other end (periodic); which of the two is found out once, with two states.
    """

    def __init__(self, flow: Flow):
        self.flow = flow
        self.bounds = {d: (0.0, size) for d, size in flow.size.items()}
        self.fields = [n for n in flow.fields if n not in HIDDEN]
        self._outer = {n: self._probe(n) for n in flow.staggered}

    def _probe(self, name: str) -> dict[str, list[tuple[np.ndarray, np.ndarray] | None]]:
        """Per component and end: None if the face is stored, or the (fixed value, weight of the opposite end)."""
        template, axes = self.flow.templates[name], list(self.flow.resolution)
        padded = [template.with_values(v).staggered_tensor().numpy([*axes, "vector"]) for v in (0.0, 1.0)]
        result = {}
        for i, d in enumerate(axes):
            ends = []
            for end, stored in zip((0, -1), template.boundary.valid_outer_faces(d), strict=True):
                place = tuple(end if a == d else slice(0, -1) for a in axes)
                zero, one = (p[place][..., i] for p in padded)
                ends.append(None if stored else (zero, one - zero))
            result[d] = ends
        return result

    def __call__(self, arrays: dict[str, np.ndarray]) -> dict[str, Values]:
        """
        Args:
            arrays: By array name, shape (*spatial) each.

        Returns:
            Values by field name; fields that are the same everywhere are left out.
        """
        result = {}
        for name in self.fields:
            if name not in self.flow.staggered:
                result[name] = Values(self.bounds, {"": np.asarray(arrays[name])})
                continue
            parts = {
                d: self._padded(np.asarray(arrays[f"{name}.{d}"]), axis, self._outer[name][d])
                for axis, d in enumerate(self.bounds)
            }
            result[name] = Values(self.bounds, parts, staggered=True)
        return result

    @staticmethod
    def _padded(array: np.ndarray, axis: int, ends: list) -> np.ndarray:
        faces = [array]
        for end, (missing, opposite) in enumerate(zip(ends, (-1, 0), strict=True)):
            if missing is not None:
                fixed, weight = missing
                face = np.expand_dims(fixed + weight * np.take(array, opposite, axis), axis).astype(array.dtype)
                faces = [face, *faces] if end == 0 else [*faces, face]
        return np.concatenate(faces, axis)

    def stored(self, values: dict[str, Values]) -> dict[str, np.ndarray]:
        """The native arrays of values, the inverse of a call; fields that are the same everywhere are missing."""
        arrays = {}
        for name in self.fields:
            if name not in self.flow.staggered:
                arrays[name] = values[name].parts[""]
                continue
            for axis, d in enumerate(self.bounds):
                lower, upper = self._outer[name][d]
                inner = slice(0 if lower is None else 1, None if upper is None else -1)
                arrays[f"{name}.{d}"] = values[name].parts[d][(slice(None),) * axis + (inner,)]
        return arrays


def zeros(flow: Flow, name: str) -> Values:
    """A field of a flow that is zero; PhiFlow is not needed for it."""
    shape, bounds = tuple(flow.resolution.values()), {d: (0.0, size) for d, size in flow.size.items()}
    if name not in flow.staggered:
        return Values(bounds, {"": np.zeros(shape)})
    return Values(
        bounds,
        {d: np.zeros([n + (i == axis) for i, n in enumerate(shape)]) for axis, d in enumerate(bounds)},
        staggered=True,
    )


def restrict(values: Values, ratio: int) -> Values:
    """
    The restriction of `SolverPair` on values: faces by the mean of those that tile them, cells by the mean of theirs.
    """
    parts = {}
    for name, array in values.parts.items():
        for axis, d in enumerate(values.axes):
            if values.staggered and d == name:
                array = array[(slice(None),) * axis + (slice(None, None, ratio),)]
            else:
                shape = array.shape
                array = array.reshape(*shape[:axis], shape[axis] // ratio, ratio, *shape[axis + 1 :]).mean(axis + 1)
        parts[name] = array
    return Values(values.bounds, parts, values.staggered)


def swirl(flow: Flow, centre: dict[str, float], radius: float, speed: float) -> dict[str, np.ndarray]:
    """
    A divergence-free velocity around an axis, for a poke: the curl of the stream function
    ψ = speed radius e^½ exp(-r²/(2 radius²)) in the plane of the first two axes.

    Face values are differences of ψ between the ends of a face, so that the discrete divergence vanishes and
    the restriction of the reference's swirl is the source's.

    Args:
        flow: Gives the grid.
        centre: Position per axis.
        radius: Distance at which the speed is greatest, in domain units.
        speed: Greatest speed.

    Returns:
        By array name, shape (*faces).
    """
    a, b, *others = flow.resolution
    result = {}
    for component in flow.resolution:
        where = flow.layouts["velocity"].intervals(component)
        shape = [len(lower) for lower, _ in where.values()]
        values = np.zeros(shape)
        if component in (a, b):
            other, sign = (b, 1) if component == a else (a, -1)
            bell = {d: [np.exp(-(((x - centre[d]) / radius) ** 2) / 2) for x in where[d]] for d in (a, b)}
            lower, upper = where[other]
            factors = {component: bell[component][0], other: sign * (bell[other][1] - bell[other][0]) / (upper - lower)}
            factors |= {d: gaussian_mean(*where[d], centre[d], radius) for d in others}
            values = speed * radius * np.exp(0.5) * np.ones(shape)
            for axis, d in enumerate(flow.resolution):
                values = values * factors[d].reshape([-1 if i == axis else 1 for i in range(len(shape))])
        result[f"velocity.{component}"] = values
    return result
