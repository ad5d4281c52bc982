"""
Other solvers: PhiFlow's own operators with TensorFlow and with JAX, and JAX-CFD. Imported by the process that runs one.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sides import Case

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "verification"))

Arrays = dict[str, np.ndarray]

TOLERANCE = 1e-3
"""Of PhiFlow's conjugate gradients, relative and absolute: generous to PhiFlow; phi_sol solves to round-off."""


def phiflow_peer(flow):
    """
    PhiFlow's operators (`tests/verification/phiflow_wake.py`) on the domain of a wake flow of phi_sol, in 2D or 3D.
    """
    from phi import math
    from phi.field import Field, StaggeredGrid, stagger
    from phi.geom import union
    from phi.math import extrapolation
    from phiflow_wake import PhiFlowWake

    class Peer(PhiFlowWake):
        def __init__(self):
            self.tolerance, self.res, self.bounds, self.inflow = TOLERANCE, flow.resolution, flow.bounds, flow.inflow
            self.boundary, self.marker_boundary = flow.boundaries["velocity"], flow.boundaries["marker"]
            kinds = {f"{d}{s}": side_type(self.boundary, d, s) for d in flow.resolution for s in "-+"}
            outside = {"zero-gradient": extrapolation.ONE, "periodic": extrapolation.PERIODIC}
            pressure = {"zero-gradient": extrapolation.ZERO, "periodic": extrapolation.PERIODIC}
            self.pressure_boundary = {
                side: pressure.get(kind, extrapolation.ZERO_GRADIENT) for side, kind in kinds.items()
            }
            with math.NUMPY:
                grid = StaggeredGrid(0, self.boundary, self.bounds, **self.res)
                beyond = extrapolation.combine_sides(
                    {side: outside.get(kind, extrapolation.ZERO) for side, kind in kinds.items()}
                )
                fluid = Field(grid.geometry, ~union(list(flow.obstacles)), beyond)
                self.fluid = fluid.with_boundary(extrapolation.NONE)
                self.open = stagger(fluid, math.minimum, grid.boundary, at="face", dims=list(self.res))

    return Peer()


def side_type(boundary, dim: str, side: str) -> str:
    """PhiFlow's name of a velocity boundary at one side, e.g. `zero-gradient` where the flow leaves."""
    sides = boundary.to_dict()["dims"]
    return sides.get(dim + side, sides.get(dim))["type"]


def phiflow_step(peer, library) -> Callable:
    """PhiFlow's step as a function of native arrays, reynolds and dt, to be traced; `library` is a PhiML backend."""
    from phi import math
    from phi.math import batch, dual, spatial

    dims = list(peer.res)
    shape = [batch("batch"), *map(spatial, dims)]
    for field in (
        peer.open,
        peer.inflow,
        peer.fluid,
        peer.velocity(0),
        peer.marker(0),
    ):  # geometry caches, not to be filled in a trace
        _ = field.points, field.geometry.center, field.dx
        for part in field.vector if field.is_staggered else ():
            _ = part.points

    def step(arrays, reynolds, dt):
        with library:
            parts = {n: math.reshaped_tensor(a, shape, convert=False) for n, a in arrays.items()}
            velocity = peer.velocity(math.stack([parts[f"velocity.{d}"] for d in dims], dual(vector=dims)))
            reynolds = math.reshaped_tensor(reynolds, [batch("batch")])
            velocity, marker = peer.step(velocity, peer.marker(parts["marker"]), reynolds, math.reshaped_tensor(dt, []))
            values = {f"velocity.{d}": velocity.values[{"~vector": d}].native(["batch", *dims]) for d in dims}
            return values | {"marker": marker.values.native(["batch", *dims])}

    return step


def tensorflow_case(peer, arrays: Arrays, reynolds: np.ndarray, dt: float) -> Case:
    """
    PhiFlow's step in a TensorFlow graph, traced without AutoGraph: `math.jit_compile` would take minutes to compile.
    """
    import tensorflow as tf
    from phi.tf import TENSORFLOW

    compiled = tf.function(phiflow_step(peer, TENSORFLOW), autograph=False)
    given = (
        {n: tf.constant(a) for n, a in arrays.items()},
        tf.constant(reynolds, tf.float32),
        tf.constant(dt, tf.float32),
    )

    def case() -> dict:
        result = compiled(*given)
        result["marker"].numpy()  # waits for the result
        return result

    return case


def jax_case(peer, arrays: Arrays, reynolds: np.ndarray, dt: float) -> Case:
    """PhiFlow's step compiled by `jax.jit` itself, without the cost of PhiML's wrapper around it."""
    import jax
    from phi.jax import JAX

    compiled = jax.jit(phiflow_step(peer, JAX))
    given = jax.device_put(
        ({n: np.asarray(a, np.float32) for n, a in arrays.items()}, np.float32(reynolds), np.float32(dt))
    )
    return lambda: jax.block_until_ready(compiled(*given))


def jax_cfd_cases(
    size: dict[str, float], resolution: dict[str, int], batch: int, viscosity: float, steps: int
) -> dict[str, Case]:
    """
    JAX-CFD's finite-volume step (van Leer advection, fast diagonalisation) on the same grid: periodic, no obstacle, no
    marker.

    Its time step is the largest stable one, which does not change the cost of a step.
    """
    import jax
    import jax_cfd.base as cfd

    grid = cfd.grids.Grid(tuple(resolution.values()), domain=[(0.0, s) for s in size.values()])
    dt = cfd.equations.stable_time_step(1.0, 0.5, viscosity, grid)
    step = cfd.equations.semi_implicit_navier_stokes(density=1.0, viscosity=viscosity, dt=dt, grid=grid)
    velocity = cfd.initial_conditions.filtered_velocity_field(
        jax.random.PRNGKey(0), grid, maximum_velocity=1.0, peak_wavenumber=3
    )
    return _jax_cfd_cases(step, velocity, batch, steps)


def jax_cfd_box_cases(
    length: float, resolution: dict[str, int], batch: int, viscosity: float, dt: float, advection: str, steps: int
) -> dict[str, Case]:
    """`steps` steps of JAX-CFD in a periodic box, by Heun's method with `central` or `van_leer` advection."""
    import jax
    import jax_cfd.base as cfd

    scheme = {"central": cfd.advection.advect_linear, "van_leer": cfd.advection.advect_van_leer}[advection]
    grid = cfd.grids.Grid(tuple(resolution.values()), domain=[(0.0, length)] * len(resolution))
    step = cfd.equations.semi_implicit_navier_stokes(
        density=1.0,
        viscosity=viscosity,
        dt=dt,
        grid=grid,
        convect=lambda v: tuple(scheme(u, v, dt) for u in v),
        time_stepper=cfd.time_stepping.heun_rk2,
    )
    velocity = cfd.initial_conditions.filtered_velocity_field(
        jax.random.PRNGKey(0), grid, maximum_velocity=1.0, peak_wavenumber=4
    )
    return {"loop": _jax_cfd_cases(step, velocity, batch, steps)["loop"]}


def _jax_cfd_cases(step: Callable, velocity, batch: int, steps: int) -> dict[str, Case]:
    """A step and a loop of `steps` of them, of one simulation or of as many equal ones as the batch."""
    import jax
    import jax_cfd.base as cfd

    if batch > 1:
        step = jax.vmap(step)
        velocity = jax.tree_util.tree_map(lambda a: jax.numpy.stack([a] * batch), velocity)
    compiled = {"step": jax.jit(step), "loop": jax.jit(cfd.funcutils.repeated(step, steps))}
    return {name: _jax_cfd_case(function, velocity) for name, function in compiled.items()}


def _jax_cfd_case(function: Callable, velocity) -> Case:
    import jax

    return lambda: {str(i): u.data for i, u in enumerate(jax.block_until_ready(function(velocity)))}
