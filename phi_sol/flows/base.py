"""What every flow has: a grid, fields, parameters and one step of physics."""

import inspect
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from phi import math
from phi.field import CenteredGrid, Field, StaggeredGrid
from phi.geom import Box, Geometry
from phi.math import Shape, Tensor, spatial
from phi.math.extrapolation import Extrapolation

from ..displays import drawn, facts, together
from ..errors import InputError, check_name, integer, positive, quoted, suggestion
from ..grids.layout import Layout, by_side, native_of
from ..limits import check_grid
from ..pressure import Projection
from ..stepping.arrays import check_state, native_arrays, native_tensor
from ..stepping.solver import Solver
from ..stepping.state import State
from ..stepping.system import System
from .advection import SCHEMES
from .definition import definition
from .facts import told
from .geometry import bodies as as_obstacles
from .geometry import covered_fraction, lengths
from .immersed import Immersed
from .options import Options
from .parameters import SEED, parameter_tensors
from .steps import Steps

__all__ = ["SEED", "Flow"]


class Flow(Options, Steps, Immersed, Solver, System):
    """
    One PDE system with its domain, boundary conditions, obstacles, parameters and time step, on a grid.

    A subclass names its `fields` and `parameters`, gives the domain and boundaries, and writes `initial_state` and
    `physics` with PhiFlow operators. The resolution decides whether it is 2D or 3D. Everything here runs on any PhiFlow
    backend; `step` uses the compiled form of `physics` for TensorFlow fields.

    Examples:
        >>> isinstance(flow, ps.Flow), flow.resolution, flow.size, flow.parameters
        (True, {'y': 16, 'x': 8}, {'y': 200.0, 'x': 100.0}, ('reynolds',))
        >>> flow.step(start, dt=0.5)
        State(velocity staggered 16x8, marker 16x8, reynolds=300)
    """

    fields: tuple[str, ...] = ("velocity", "marker")
    """Names of the fields that a step advances, in order."""
    staggered: tuple[str, ...] = ("velocity",)
    """Those of `fields` that live on faces."""
    prescribed: tuple[str, ...] = ()
    """Those of `fields` that are known beforehand (a forcing, the time): a step advances them, no corrector does."""
    inputs: tuple[str, ...] = ()
    """Those of `prescribed` that networks see, besides the fields that they correct."""
    parameters: tuple[str, ...] = ()
    """Those that may differ between simulations: positive ones, any finite ones of the `signed`, and `seed` >= 0,
    which random states are drawn from."""
    profiles: Mapping[str, Mapping[str, int]] = {}
    """Arrays that a state may have among its parameters, one value per face along some axes each (their numbers),
    such as `inlet`: by simulation, with gradients. Where a state has none, the flow's own holds."""
    drawn: tuple[str, ...] = ("x", "y", "z")
    """Axes in the order in which pictures show them: of those that a slice leaves, the first to the right."""
    _made_anew = ("loop", "compiled", "projection", "layouts", "templates")
    size: dict[str, float]
    """By axis, in domain units; of a flow its own axes. With the first two of three axes a flow is 2D."""

    dt: float = 1.0

    def __init__(
        self,
        dt: float | None = None,
        advection: str | None = None,
        *,
        size: dict[str, float] | None = None,
        obstacles=None,
        bodies=None,
        **resolution: int,
    ):
        """
        Args:
            dt: Default time step in domain units; None: that of the class.
            advection: `semi_lagrangian` (first order, the paper's), `mac_cormack` (second order, limited), or fluxes:
                `central` (second order, keeps the energy) or `van_leer` (second order, limited), with a Runge-Kutta
                method in time; None: that of the class, by default the first.
            size: Size of the domain by axis, in domain units; axes that are left out have that of the class.
            obstacles: Of an incompressible flow, instead of those of the class: one or a sequence of PhiFlow geometries
                and boolean arrays over the whole domain, of any resolution, in the order of the axes. A cell is solid
                if its centre lies inside.
            bodies: Of a flow with a velocity one or several smooth `Body`s, whose free numbers become parameters.
            resolution: Cells per axis, e.g. `y=64, x=32`.

        Raises:
            InputError: for an unknown advection scheme, axis names that do not fit, a size, resolution or dt that is
                not positive, and obstacles or bodies that are none, lie outside, are too thin or fill all.
        """
        dt = self.dt if dt is None else dt
        advection = self.advection if advection is None else advection
        name, axes = type(self).__name__, list(self.size)
        for strange in resolution.keys() - axes:
            takes = inspect.signature(type(self)).parameters
            hint = suggestion(strange, takes) if len(strange) > 1 else ""
            raise InputError(f"{name} has no argument {strange!r}.{hint} Its axes: {', '.join(axes)}.")
        if set(resolution) not in (set(axes), set(axes[:2])):
            known = f"{', '.join(axes[:2])}{f' (and {axes[2]} in 3D)' if axes[2:] else ''}"
            given, cells = ", ".join(resolution) or "none", ", ".join(f"{d}=64" for d in axes[:2])
            raise InputError(f"{name} needs a resolution for the axes {known}, not for {given}: {name}({cells}).")
        if not (isinstance(advection, str) and advection in SCHEMES):
            raise InputError(f"Unknown advection scheme {quoted(advection)}. Known: {', '.join(SCHEMES)}.")
        resolution = {d: integer(f"The resolution {d}={quoted(n)} of {name}", n, 4) for d, n in resolution.items()}
        for named in (*self.fields, *self.parameters):
            check_name(f"A field or parameter of {name}", named)
        check_grid(name, resolution, sum(len(resolution) if f in self.staggered else 1 for f in self.fields))
        self.dt, self.advection = positive("The time step", dt), advection
        usual = {d: float(self.size[d]) for d in axes if d in resolution}
        self.size = lengths(f"The size of a {name}", {} if size is None else size, usual)
        self._stretch = {d: s / usual[d] for d, s in self.size.items()}  # against the class's domain
        self.resolution = {d: resolution[d] for d in self.size}
        if obstacles is not None:
            if not self.incompressible or isinstance(inspect.getattr_static(type(self), "obstacles"), property):
                why = "has obstacles of its own" if self.incompressible else "has no pressure that could go around them"
                raise InputError(f"{name} takes no obstacles: it {why}.")
            vars(self)["obstacles"] = as_obstacles(name, self.size, self.shape, self.bounds, obstacles)
            self.say(obstacles=self.obstacles)
        if bodies is not None:
            self._immerse(bodies)
            self.say(bodies=self.bodies or None)

    # --- what a subclass defines ---

    @property
    @abstractmethod
    def boundaries(self) -> dict[str, Extrapolation]:
        """Boundary condition per field."""

    @cached_property
    def obstacles(self) -> Sequence[Geometry]:
        """Static obstacles; the constructor may have put others in their place."""
        return ()

    @abstractmethod
    def initial_state(self, **parameters) -> State:
        """The state at t = 0 for the given parameters (numbers, lists for a batch, or PhiML tensors)."""

    def check_stability(self, dt: float, **parameters: float):
        """
        Raises InputError if explicit terms are unstable at these parameters on this grid, or what is to be expected is
        too fast for it; here: as `check_diffusion`.
        """
        self.check_diffusion(dt, **parameters)

    def own_profile(self, name: str) -> np.ndarray:
        """What holds where a state has no such profile (one of `profiles`), by face."""
        raise NotImplementedError

    # --- what every flow can do ---

    def step(self, state: State, dt: Any = None) -> State:
        """
        As `Solver.step`: TensorFlow fields, parameters or time steps go through a step that is compiled once per batch
        size and precision (`CompiledFlow`), those of other backends through PhiFlow's operators.
        """
        check_state(self, state)
        if "tensorflow" in sys.modules:
            tensors = [*(f.values for f in state.fields.values()), *state.parameters.values()]
            tensors += [dt] if isinstance(dt, Tensor) else []
            backends = [math.backend.default_backend(), *(t.default_backend for t in tensors)]
            if any(b.name == "tensorflow" for b in backends) or native_tensor(dt) is not None:
                return super().step(state, dt)
        if not isinstance(dt, Tensor):
            self.check_dt(dt)
            arrays = native_arrays(self, state, state.batch_shape)
            parameters = {n: native_of(state.parameters[n], state.batch_shape) for n in self.parameters}
            if all(isinstance(a, np.ndarray) for a in (*arrays.values(), *parameters.values())):
                self.check_start(arrays, parameters, self.dt if dt is None else dt)
        state = self.integrate(state, math.wrap(self.dt if dt is None else dt))
        return state.with_fields(**{n: self.templates[n].with_values(state.fields[n].values) for n in self.fields})

    @property
    def flow(self) -> "Flow":
        """Itself: the flow whose states it steps."""
        return self

    @cached_property
    def compiled(self):
        """The compiled step on native TensorFlow arrays, a `phi_sol.stepping.compiled.CompiledFlow`."""
        from ..stepping.compiled import CompiledFlow

        return CompiledFlow(self)

    def advance(
        self, arrays: dict, parameters: dict, dt, *, correction: dict | None = None, only: Sequence[str] | None = None
    ) -> dict:
        """One step of native arrays, see `Solver.advance`; `correction` and `only` are those of `CompiledFlow`."""
        return self.compiled(arrays, parameters, dt, correction, only)

    def __call__(self, arrays: dict, parameters: dict, dt=None) -> dict:
        """One compiled step of native arrays."""
        return self.compiled(arrays, parameters, self._native_dt(arrays) if dt is None else dt)

    @cached_property
    def shape(self) -> Shape:
        """Resolution as a PhiML shape."""
        return spatial(**self.resolution)

    @cached_property
    def bounds(self) -> Box:
        """The domain, from the origin, as PhiFlow's box."""
        with math.NUMPY, math.precision(64):
            return Box(**self.size)

    @property
    def spacing(self) -> dict[str, float]:
        """Cell size per axis, in domain units."""
        return {d: self.size[d] / n for d, n in self.resolution.items()}

    @cached_property
    def templates(self) -> dict[str, Field]:
        """A zero field per name, with NumPy values, that carries grid and boundary."""
        with math.NUMPY:
            make = {f: StaggeredGrid if f in self.staggered else CenteredGrid for f in self.fields}
            sides = {f: by_side(b, list(self.size)) for f, b in self.boundaries.items()}
            fields = {f: make[f](0.0, sides[f], self.bounds, self.shape) for f in self.fields}
            for f in fields.values():  # cached geometry first computed inside a trace would leak a symbolic tensor
                _ = f.points, f.geometry.center, f.dx
                for component in f.vector if f.is_staggered else ():
                    _ = component.points
        return fields

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        """The layout of each field."""
        return {n: Layout(n, t, self.size) for n, t in self.templates.items()}

    @cached_property
    def projection(self) -> Projection:
        """The pressure projection of this flow's velocity."""
        if "velocity" not in self.fields:
            raise InputError(f"{type(self).__name__} has no velocity to project: it must say incompressible = False.")
        return Projection(self.templates["velocity"], self.obstacles)

    def field(self, name: str, values) -> Field:
        """A field of this flow from anything that PhiFlow's grids accept: numbers, functions, geometries, tensors."""
        grid = StaggeredGrid if name in self.staggered else CenteredGrid
        return grid(values, self.templates[name].boundary, self.bounds, self.shape)

    def covered_fraction(self, box: dict[str, tuple[float, float]]) -> Tensor:
        """Fraction of each cell that lies in an axis-aligned box, exactly; its integral does not depend on the grid."""
        return covered_fraction(box, self.size, self.resolution)

    def parameter_tensors(self, given: dict) -> dict[str, Tensor]:
        """Checked parameter values as tensors, lists with a batch dimension; see `phi_sol.flows.parameters`."""
        name, given = type(self).__name__, self.free_numbers(given)
        return self.inside(parameter_tensors(name, self.parameters, given, self.signed))

    def config(self) -> dict:
        """All that defines this flow, as JSON-ready data; its `definition` is found without the author's doing."""
        grid = {"resolution": dict(self.resolution), "size": dict(self.size)}
        step = {"dt": self.dt, "advection": self.advection}
        return {"type": type(self).__name__} | grid | step | {"definition": definition(self)}

    def _told(self) -> dict:
        return told(self)

    def _shown(self) -> str:
        return together(facts(type(self).__name__, self._told()), drawn(self))

    def __repr__(self):
        resolution = ", ".join(f"{d}={n}" for d, n in self.resolution.items())
        return f"{type(self).__name__}({resolution}, dt={self.dt:g}, advection={self.advection!r})"
