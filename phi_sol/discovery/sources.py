"""Where samples and targets come from: arrays, correctors along states, and steps of solvers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, quoted
from ..flows import Flow
from ..grids.differences import pair_means
from ..stepping.arrays import array_names, check_state, unpack
from ..stepping.rollout import Rollout
from ..stepping.solver import Solver
from ..storage.dataset import Dataset
from .samples import Arrays, Samples, numbers, spectral

if TYPE_CHECKING:
    from .discover import Data

VECTOR = "velocity", "u"  # its name among the fields of a flow, and in equations
Targets = dict[str, np.ndarray]


def samples_of(data: Data) -> Samples:
    """The fields of data at the centres of cells."""
    if isinstance(data, Samples):
        return data
    frames = Frames(data)
    return frames.samples([a for a, _ in frames])


class Frames:
    """The frames of a rollout or a data set, one by one, each of all simulations."""

    def __init__(self, data: Rollout | Dataset):
        self.data = data.numpy() if isinstance(data, Rollout) else data
        found = self.data.flow if isinstance(self.data, Rollout) else self.data.pair.source
        if not isinstance(found, Flow):
            raise InputError(f"A discovery needs states of a flow, not of {found}.")
        self.flow: Flow = found
        self.parameters = {n: np.asarray(v) for n, v in self.data.parameters.items()}
        self.count = len(self.data) if isinstance(self.data, Rollout) else self.data.frames + 1
        if not self.count:
            raise InputError("A discovery needs at least one frame: this rollout has none.")
        obstacles = self.flow.incompressible and not np.all(self.flow.projection.fluid)
        self.mask = np.asarray(self.flow.projection.fluid, bool).reshape(self.cells) if obstacles else None

    @property
    def cells(self) -> tuple[int, ...]:
        return tuple(self.flow.resolution.values())

    @property
    def spacing(self) -> float:
        """Time between frames."""
        if isinstance(self.data, Rollout):
            return float(np.diff(self.data.times[:2])[0]) if self.count > 1 else self.flow.dt
        return self.flow.dt

    def __iter__(self) -> Iterator[tuple[Arrays, Arrays]]:
        """Arrays of shape (simulations, *spatial), and parameters."""
        for i in range(self.count):
            yield self[i], self.parameters

    def __getitem__(self, i: int) -> Arrays:
        if isinstance(self.data, Rollout):
            return {n: a[i] for n, a in self.data.arrays.items()}
        return self.data.frame(i)

    def samples(self, states: list[Arrays], dt: float | None = None) -> Samples:
        """Of some states of the flow; of fields that are prescribed those only that networks see."""
        flow = self.flow
        seen = [f for f in flow.fields if f not in flow.prescribed or f in flow.inputs]
        names = [n for n in array_names(flow) if n.partition(".")[0] in seen]
        fields = {self.shown(n): np.stack([self.centred(s[n], n) for s in states], 1) for n in names}
        vector = self.shown(VECTOR[0]) if flow.incompressible and VECTOR[0] in flow.staggered else None
        return Samples(
            fields,
            flow.size,
            periodic=[d for d in flow.resolution if all(x.is_periodic(d) for x in flow.layouts.values())],
            parameters=self.parameters,
            dt=flow.dt if dt is None else dt,
            mask=self.mask,
            divergence_free=vector,
        )

    def shown(self, name: str) -> str:
        """An array's name in equations: u for the velocity."""
        field, dot, component = name.partition(".")
        return f"{VECTOR[1]}{dot}{component}" if field == VECTOR[0] and VECTOR[1] not in self.flow.fields else name

    def centred(self, array: Any, name: str) -> np.ndarray:
        """
        An array of the flow at the centres of cells: by Fourier transforms along a periodic axis, unless there are
        obstacles, and else the mean of the two faces of each cell, which is of second order.
        """
        array = np.asarray(array)
        field, _, component = name.partition(".")
        if not component:
            return array
        layout = self.flow.layouts[field]
        axis = layout.axis(component)
        if layout.is_periodic(component) and self.mask is None:
            shifted = spectral(array.astype(np.float64), axis, 0, layout.spacing[component], 0.5)
        else:
            shifted = pair_means(np.asarray(layout.pad(array.astype(np.float64), component)), axis)
        return shifted.astype(array.dtype)


def from_arrays(target: Any, data: Data) -> tuple[Samples, Targets]:
    """Targets that are there: arrays by name, or one array, with the leading axes of the arrays of `data`."""
    frames = None if isinstance(data, Samples) else Frames(data)
    samples, targets = samples_of(data), {}
    given = target if isinstance(target, Mapping) else {"target": target}
    for name, value in given.items():
        if not (isinstance(name, str) and name.strip() and name.isprintable()):
            raise InputError(f"A target needs a name that can be shown, not {quoted(name)}.")
        array = numbers(f"The target {quoted(name)}", value)
        if frames is not None and isinstance(frames.data, Rollout) and array.ndim == 2 + len(samples.size):
            array = np.swapaxes(array, 0, 1)  # a rollout has frames first
        if frames is not None and name in array_names(frames.flow) and array.ndim == 2 + len(samples.size):
            field, _, component = name.partition(".")
            shape = (samples.simulations, samples.frames, *frames.flow.layouts[field].shape(component))
            if array.shape != shape:
                what = f"The target {name} has the shape {array.shape}"
                raise InputError(f"{what}, where the array of the flow has {shape}.")
            flat = array.reshape(-1, *array.shape[2:])
            array = frames.centred(flat, name).reshape(samples.simulations, samples.frames, *samples.cells)
            name = frames.shown(name)
        targets[name] = samples.fitted(f"The target {quoted(name)}", array)
    if not targets:
        raise InputError("A discovery needs at least one target.")
    return samples, targets


def from_corrector(corrector: Any, data: Data) -> tuple[Samples, Targets]:
    """What a corrector adds per unit of time, and the states that it sees: those after the source step, or before."""
    if isinstance(corrector, str | Path):
        from ..correctors import Corrector

        corrector = Corrector.load(corrector)
    frames = _frames("A corrector", data)
    corrector.check_flow(frames.flow)
    step = frames.flow if corrector.placement == "after" else None
    states, added = [], []
    for arrays, parameters in frames:
        state, numbers = _tensors(arrays, parameters)
        state = state if step is None else step(state, numbers)
        states.append({n: np.asarray(a) for n, a in state.items()})
        added.append({n: np.asarray(a) for n, a in corrector(state, numbers).items()})
    return frames.samples(states), _rates(frames, corrector.outputs, added, frames.flow.dt)


def from_solver(solver: Solver, minus: Solver | None, data: Data) -> tuple[Samples, Targets]:
    """
    The difference between a solver's step and another one's, or the next recorded frame, per unit of time; and the
    states that the latter leads to.
    """
    frames = _frames("A solver", data)
    for each in (solver, minus) if minus is not None else (solver,):
        _check_steps(each, frames)
    if minus is None and abs(frames.spacing - solver.dt) > 1e-6 * solver.dt:
        found = f"{frames.spacing:g} apart, where a step is {solver.dt:g}"
        raise InputError(f"A step is compared with the next frame, but frames are {found}: keep every frame.")
    if minus is None and frames.count < 2:
        raise InputError("A step is compared with the next frame: record at least 2 frames, not 1, or name minus=.")
    if minus is not None and abs(minus.dt - solver.dt) > 1e-6 * solver.dt:
        raise InputError(f"Both solvers must take steps of one length, not of {solver.dt:g} and {minus.dt:g}.")
    names, states, added = array_names(frames.flow), [], []
    for i in range(frames.count - (minus is None)):
        given = _tensors(frames[i], frames.parameters)
        own = _stepped(solver, *given)
        exact = frames[i + 1] if minus is None else _stepped(minus, *given)
        states.append(exact)
        added.append({n: _difference(own[n], exact[n]) for n in names})
    free = [n for n in names if n.partition(".")[0] not in frames.flow.prescribed]
    return frames.samples(states, solver.dt), _rates(frames, free, added, solver.dt)


def _frames(what: str, data: Data) -> Frames:
    if isinstance(data, Samples):
        raise InputError(f"{what} needs states of its flow: give a Rollout or a Dataset, not Samples.")
    return Frames(data)


def _check_steps(solver: Solver, frames: Frames):
    """Raises InputError if a solver does not step such states, or its rollouts show others."""
    if solver.output is not solver.flow:
        raise InputError(f"{solver} shows its states on another grid: compare the solver inside of it.")
    state = unpack(frames.flow, frames[0], frames.parameters)
    check_state(solver.flow, state)


def _tensors(arrays: Arrays, parameters: Arrays) -> tuple[dict, dict]:
    import tensorflow as tf

    from ..kernels import compiled  # noqa: F401  PhiML's backend

    state = {n: tf.convert_to_tensor(a) for n, a in arrays.items()}
    dtype = next(iter(state.values())).dtype
    return {n: tf.cast(a, dtype) for n, a in state.items()}, {n: tf.cast(p, dtype) for n, p in parameters.items()}


def _stepped(solver: Solver, arrays: dict, parameters: dict) -> Arrays:
    return {n: np.asarray(a) for n, a in solver(solver.begin(arrays), parameters).items()}


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Zero where it is nothing but rounding."""
    difference = a - b
    return difference * (abs(difference).max() > 100 * np.finfo(difference.dtype).eps * abs(b).max())


def _rates(frames: Frames, names: Any, added: list[Arrays], dt: float) -> Targets:
    """Increments of a step at the centres of cells, per unit of time."""
    return {
        f"d{frames.shown(n)}/dt": np.stack([frames.centred(a[n], n) for a in added], 1, dtype=np.float64) / dt
        for n in names
    }
