"""
What a corrector of any flow sees and gives: numbers without dimension, in units of cells and steps.

With h the size of a cell along an axis and dt the time step, the channels are, in this order,

    velocity      v dt / h                                      of the lower and the upper face of a cell, by axis
    acceleration  10 a dt² / h                                  likewise: buoyancy, forcing, drag, terms
    diffusion     (log10(ν dt Σ_d 1/h_d² / d + 1e-6) + 3) / 1.5
    solid         share of the faces, as above, and of the cell, that obstacles and bodies cover
    sides         exp(-n / 4), n cells from the nearest side that is a wall where fluid sticks, one along which it
                  slips, an inlet, or open; 0 along periodic axes

and what the network gives is, for the lower and the upper face of each cell,

    (change of v) dt / h = G / sqrt(1 + (G / 2)²) · output / 2,    G = mean of |dt h_d ∂_d v_c / h_c|² nearby,

so that corrections fade where the flow is at rest or straight: G is the mean over components of the squared differences
between neighbouring cells, in cells per step, with the weights exp(-distance / 3 cells) along each axis. (What a step
of these solvers lacks has a root mean square of 0.4 to 1.1 G in all flows of `benchmarks/flows`, whose sizes of it
differ by a factor of 70.) Correctors of before that, whose description says `"scale_free": true`, give corrections in
units of 0.05. A face gets the mean of what its two cells say. Nothing here depends on a data set, so that the same
numbers mean the same in all flows, at any size, speed, viscosity and resolution. In a mirror the lower face of a cell
is its upper one.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import tensorflow as tf
from phi import math
from phi.math import batch

from ..flows import Flow
from ..flows.common_ground import check_scale_free
from ..flows.terms import term_rates
from ..grids.layout import OPEN, PERIODIC, Layout
from ..kernels.compiled import Arrays
from ..stepping.arrays import unpack
from .adapter import Adapter
from .forms import channels_of
from .mirrors import SIDES, TURNED

LOCAL = "local"  # what descriptions say of corrections that scale with G
ACCELERATION, CORRECTION = 10.0, 0.05
SCALED, MOST = 0.5, 2.0  # of G: the unit of outputs, and what it can't be beyond
DIFFUSIVE, LEAST = 1.5, 1e-6  # decades
REACH, SMOOTH = 4.0, 3.0  # cells that a side is felt across, and that variation is


def channels_between(scale_free: bool, form: str, adapter: Adapter) -> tuple[int, int]:
    """How many channels a network of a corrector takes and gives."""
    axes = len(adapter.resolution)
    if scale_free:
        gives = 2 * axes if form == "increment" else channels_of(form, 0, axes)
        return 6 * axes + 2 + len(SIDES), gives
    return adapter.input_channels, channels_of(form, len(adapter.outputs), axes)


def channel_names(dims: list[str]) -> list[str]:
    """Names of the input channels, in order."""
    faces = [f"{d}{end}" for d in dims for end in "-+"]
    named = [f"velocity {f}" for f in faces] + [f"acceleration {f}" for f in faces] + ["diffusion"]
    return named + [f"solid {f}" for f in faces] + ["solid", *(f"side {s}" for s in SIDES)]


class ScaleFree:
    """
    The channels of a flow, see above.

    Attributes:
        flow: The flow.
        local: Whether corrections scale with how much the velocity varies nearby.
        names: Of the input channels.
        units: Velocity of one cell per step, by axis.
    """

    def __init__(self, flow: Flow, local: bool = True):
        """Raises InputError for a flow without a velocity on faces."""
        check_scale_free(flow, ("velocity",))
        self.local = local
        self.flow, self.layout = flow, flow.layouts["velocity"]
        self.names = channel_names(self.layout.dims)
        self.units = {d: flow.spacing[d] / flow.dt for d in self.layout.dims}

    def to_channels(self, arrays: Arrays, parameters: Arrays) -> tf.Tensor:
        """Shape (batch, *resolution, channels), of the type of the arrays."""
        arrays, parameters = ({n: tf.convert_to_tensor(a) for n, a in g.items()} for g in (arrays, parameters))
        layout, example = self.layout, arrays[self.layout.arrays[0]]
        like, count = example.dtype, example.shape[0]
        own = {n: arrays[n] for n in arrays if n.partition(".")[0] in self.flow.fields}
        with math.precision(8 * like.size):
            state = unpack(self.flow, own, {n: v for n, v in parameters.items() if n != TURNED}, batch(batch=count))
            faces = {d: layout.pad(arrays[n], d) for n, d in zip(layout.arrays, layout.dims, strict=True)}
            speed = {d: f / self.units[d] for d, f in faces.items()}
            push, solid = self._accelerated(state, count), self._solid(state, count)
            rate = math.wrap(self.flow.known_viscosity(state.parameters)) * self._diffusing
            rate = tf.cast(math.expand(rate, batch(batch=count)).native("batch"), like)
        cells = (count, *layout.resolution.values())
        level = (tf.math.log(rate + LEAST) / np.log(10.0) + 3) / DIFFUSIVE
        level = tf.reshape(tf.cast(level, like), [count] + [1] * len(layout.dims)) * tf.ones(cells, like)
        fixed = [tf.broadcast_to(tf.cast(s, like), cells) for s in self._sides]
        channels = [*self._ends(speed), *self._ends(push), level, *self._ends(solid), self._covered(solid), *fixed]
        return tf.stack([tf.cast(c, like) for c in channels], -1)

    @property
    def varying(self) -> int:
        """How many channels, the first ones, differ from step to step: velocity, and what accelerates it."""
        driven = self.flow.terms or type(self.flow).acceleration is not Flow.acceleration
        return (4 if driven else 2) * len(self.layout.dims)

    def from_channels(self, channels: tf.Tensor, like: Mapping[str, tf.Tensor]) -> Arrays:
        """Increments of the velocity, one array per component, from (batch, *resolution, two per axis)."""
        layout, found = self.layout, {}
        if self.local:
            channels = channels * tf.cast(self.variation(like), channels.dtype)[..., None]
        unit = SCALED if self.local else CORRECTION
        for k, (name, d) in enumerate(zip(layout.arrays, layout.dims, strict=True)):
            axis = layout.axis(d)
            lower, upper = channels[..., 2 * k], channels[..., 2 * k + 1]
            first, last = _part(lower, axis, slice(None, 1)), _part(upper, axis, slice(-1, None))
            inner = (_part(upper, axis, slice(None, -1)) + _part(lower, axis, slice(1, None))) / 2
            if layout.is_periodic(d):
                first = last = (first + last) / 2
            faces = tf.concat([first, inner, last], axis)
            found[name] = layout.strip(faces, d) * (unit * self.units[d])
        return found

    def variation(self, arrays: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """G / sqrt(1 + (G / 2)²) of a state, shape (batch, *resolution)."""
        layout, cells, parts = self.layout, [], []
        for name, d in zip(layout.arrays, layout.dims, strict=True):
            faces, axis = layout.pad(tf.convert_to_tensor(arrays[name]), d) / self.units[d], layout.axis(d)
            cells.append((_part(faces, axis, slice(None, -1)) + _part(faces, axis, slice(1, None))) / 2)
        for e, smoothing in self._smoothing.items():
            axis = layout.axis(e)
            if layout.is_periodic(e):
                apart = [tf.roll(c, -1, axis) - c for c in cells]
            else:
                apart = [_part(c, axis, slice(1, None)) - _part(c, axis, slice(None, -1)) for c in cells]
            part = tf.add_n([a**2 for a in apart])
            for weights in smoothing:  # takes the first axis away, and gives it back as the last one
                part = tf.tensordot(part, tf.cast(weights, part.dtype), [[1], [1]])
            parts.append(part)
        total = tf.add_n(parts) / len(layout.dims)
        return total / tf.sqrt(1 + (total / MOST) ** 2)

    @property
    def scale(self) -> float:
        """Of a stress in units of `forms.closure`: the mean speed of `CORRECTION` cells per step."""
        return CORRECTION * float(np.mean([*self.units.values()]))

    # --- parts ---

    @property
    def _diffusing(self) -> float:
        return self.flow.dt * float(np.mean([1 / h**2 for h in self.layout.spacing.values()]))

    def _ends(self, faces: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        """By axis what the lower and the upper face of each cell have."""
        ends = (slice(None, -1), slice(1, None))
        return [_part(faces[d], self.layout.axis(d), end) for d in self.layout.dims for end in ends]

    def _covered(self, solid: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The share of a cell that is solid: of an obstacle all or nothing, of bodies the mean of its faces."""
        if self.flow.obstacles:
            return tf.broadcast_to(tf.constant(self._blocked), next(iter(self._ends(solid))).shape)
        ends = self._ends(solid)
        return tf.add_n(ends) / len(ends)

    @cached_property
    def _blocked(self) -> np.ndarray:
        """Cells of obstacles, 1 or 0, shape (1, *resolution)."""
        return 1.0 - np.asarray(self.flow.projection.fluid, np.float32)[None]

    def _solid(self, state, count: int) -> dict[str, tf.Tensor]:
        """Share of all faces that are covered: those of solid cells, and what bodies cover."""
        layout, result = self.layout, {}
        for d in layout.dims:
            axis, covered = layout.axis(d), 0.0
            if self.flow.obstacles:
                cells = self._blocked
                ends = [_part(cells, axis, s) for s in (slice(None, 1), slice(-1, None))]
                wide = [ends[1], cells, ends[0]] if layout.is_periodic(d) else [ends[0], cells, ends[1]]
                cells = np.concatenate(wide, axis)
                covered = np.maximum(_part(cells, axis, slice(None, -1)), _part(cells, axis, slice(1, None)))
            free = 1.0 - tf.cast(covered, tf.float32)
            for body in self.flow.bodies:
                own = math.expand(self.flow.coverage(body, state.parameters, d), batch(batch=count))
                own = math.expand(own, layout.template.values[{"~vector": d}].shape)
                free = free * (1.0 - tf.cast(self._across(own.native(["batch", *layout.dims]), d), tf.float32))
            sizes = [n + (e == d) for e, n in layout.resolution.items()]
            result[d] = tf.broadcast_to(1.0 - free, [count, *sizes])
        return result

    def _accelerated(self, state, count: int) -> dict[str, tf.Tensor]:
        layout, total = self.layout, self.flow.acceleration(state)
        if self.flow.terms:
            more = term_rates(self.flow, self.flow.terms, state, None).get("velocity")  # type: ignore[arg-type]
            if more is not None:
                total = more if total is None else self.flow.corrected("velocity", total, {"velocity": more})
        if total is None:
            sizes = {d: [count] + [n + (e == d) for e, n in layout.resolution.items()] for d in layout.dims}
            return {d: tf.zeros(sizes[d]) for d in layout.dims}
        found = layout.to_arrays(total, batch(batch=count))
        units = {d: ACCELERATION * self.flow.dt / u for d, u in self.units.items()}
        return {d: units[d] * self._across(found[n], d) for n, d in zip(layout.arrays, layout.dims, strict=True)}

    def _across(self, array, d: str) -> tf.Tensor:
        """What is stored of a component on all n + 1 faces, with the nearest value where a face is not."""
        array, axis = tf.convert_to_tensor(array), self.layout.axis(d)
        first, last = (_part(array, axis, s) for s in (slice(None, 1), slice(-1, None)))
        lower, upper = self.layout.missing(d)
        if self.layout.is_periodic(d):
            return tf.concat([last] * lower + [array] + [first] * upper, axis)
        return tf.concat([first] * lower + [array] + [last] * upper, axis)

    @cached_property
    def _smoothing(self) -> dict[str, list[np.ndarray]]:
        """
        For what lies between neighbours along an axis, by that: by axis the weights, in columns, in the mean of each
        cell, in rows.
        """
        between = {e: {d: self._near(d, 0.5 if d == e else 0.0) for d in self.layout.dims} for e in self.layout.dims}
        return {e: [*weights.values()] for e, weights in between.items()}

    def _near(self, d: str, shift: float) -> np.ndarray:
        n, periodic = self.layout.resolution[d], self.layout.is_periodic(d)
        places = np.arange(n - (shift > 0 and not periodic)) + shift
        apart = np.abs(np.arange(n)[:, None] - places)
        weights = np.exp(-(np.minimum(apart, n - apart) if periodic else apart) / SMOOTH)
        return weights / weights.sum(1, keepdims=True)

    @cached_property
    def _sides(self) -> list[np.ndarray]:
        """How near sides of each kind are, shape (1, *resolution)."""
        layout = self.layout
        near = {kind: np.zeros([1, *layout.resolution.values()]) for kind in SIDES}
        for d, n in layout.resolution.items():
            for upper in (False, True):
                kind = side_kind(layout, d, upper)
                cells = np.arange(n) + 0.5
                felt = np.exp(-(cells[::-1] if upper else cells) / REACH)
                if kind:
                    shape = [n if e == d else 1 for e in layout.dims]
                    near[kind] = np.maximum(near[kind], felt.reshape(1, *shape))
        return list(near.values())


def side_kind(layout: Layout, dim: str, upper: bool) -> str:
    """What of `SIDES` a side is; empty for a periodic one."""
    kind = layout.sides[dim][int(upper)]
    if kind in (PERIODIC, OPEN):
        return "open" if kind == OPEN else ""
    with math.NUMPY:
        values = layout.pad(np.zeros((1, *layout.shape(dim))), dim)
        entering = _part(values, layout.axis(dim), slice(-1, None) if upper else slice(None, 1))
        side = 2 * layout.dims.index(dim) + int(upper)
        along = [layout.leaves(c)[side] for c in layout.dims if c != dim]
    if np.any(np.asarray(entering) != 0) or layout.missing(dim)[int(upper)] == 0:
        return "inlet"
    return "sticking" if all(e == math.extrapolation.ZERO for e in along) else "slipping"


def _part(array, axis: int, where: slice):
    return array[(slice(None),) * axis + (where,)]
