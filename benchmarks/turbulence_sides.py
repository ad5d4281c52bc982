"""
Solvers of 2D turbulence from the same start, each for a process of its own: phi_sol, JAX-CFD and exponax.

All get the means of the velocity over the faces of a grid of n x n cells and give those over the faces of GRID x GRID
cells. Axes are y, x; component y is on the faces normal to y. Drag and Kolmogorov's force are those of the scene
`kolmogorov_2d`.
"""

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sides import Case

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "verification"))
from spectral_box import from_faces, from_vorticity, to_faces, to_vorticity

GRID = 64
WAVE_NUMBER, DRAG = 4, 0.1

Faces = dict[str, np.ndarray]
"""By component, shape (..., n, n)."""


def options(forced: bool) -> dict:
    """Of `PeriodicBox`."""
    return {"forcing": "kolmogorov", "drag": DRAG, "wave_number": WAVE_NUMBER} if forced else {}


def restricted(u: np.ndarray, along: str, size: int = GRID) -> np.ndarray:
    """Means over the faces of a coarser grid, shape (..., size, size): exact."""
    ratio = u.shape[-1] // size
    axis = {"y": -2, "x": -1}[along]
    across = {"y": -1, "x": -2}[along]
    u = np.take(u, range(0, u.shape[axis], ratio), axis)
    parts = [np.take(u, range(i, u.shape[across], ratio), across) for i in range(ratio)]
    return np.mean(parts, axis=0)


def cases(advance: Callable, start: list[Faces], frames: int, per_unit: int, faces: Callable) -> dict[str, Case]:
    """
    Of one solver.

    Args:
        advance: Of a state and a number of frames (or, for `per_unit`, of a unit of time); returns the state after it.
        start: One state of the solver's own per simulation.
        frames: How many are kept.
        per_unit: Frames per unit of time.
        faces: Of a state of the solver; returns `Faces` on GRID x GRID cells.
    """

    def one_unit() -> Faces:
        return faces(advance(start[0], per_unit))

    @functools.cache
    def all_frames() -> Faces:
        kept = []
        for state in start:
            kept.append([])
            for _ in range(frames):
                state = advance(state, 1)
                kept[-1].append(faces(state))
        return {d: np.stack([[f[d] for f in k] for k in kept], 1) for d in "yx"}

    def unit() -> dict[str, np.ndarray]:
        """Milliseconds of processor time of some calls that advance by a unit of time."""
        times: list[float] = []
        one_unit()
        while len(times) < 3 or (sum(times) < 2e3 and len(times) < 50):
            begin = time.process_time()
            one_unit()
            times.append(1e3 * (time.process_time() - begin))
        return {"ms": np.array(times)}

    return {"frames": all_frames, "unit": unit, "once": one_unit}


def phi_sol_cases(
    scheme: str, forced: bool, viscosity: float, start: list[Faces], steps: int, frame: float, frames: int
) -> dict[str, Case]:
    """`PeriodicBox`; `steps` per frame, a frame every `frame` units of time."""
    import tensorflow as tf
    from phi.math import NUMPY

    from phi_sol import PeriodicBox
    from phi_sol.stepping.arrays import pack

    n = start[0]["y"].shape[-1]
    flow = PeriodicBox(y=n, x=n, dt=frame / steps, advection=scheme, **options(forced))
    states = []
    for s in start:
        with NUMPY:
            state = flow.initial_state(viscosity=viscosity, velocity=[s["y"], s["x"]])
        arrays, parameters, _ = pack(flow, state)
        states.append(arrays)
    dt = tf.constant(flow.dt, tf.float32)

    def advance(arrays, count):
        return flow.loop.steps(arrays, parameters, dt, count * steps)

    def faces(arrays) -> Faces:
        return {d: restricted(arrays[f"velocity.{d}"].numpy()[0], d) for d in "yx"}

    return cases(advance, states, frames, round(1 / frame), faces)


def jax_cfd_cases(
    forced: bool, viscosity: float, start: list[Faces], steps: int, frame: float, frames: int
) -> dict[str, Case]:
    """JAX-CFD's finite volumes as they are by default: van Leer's limiter, explicit Euler steps. Axes x, y there."""
    import jax
    import jax_cfd.base as cfd

    n = start[0]["y"].shape[-1]
    grid = cfd.grids.Grid((n, n), domain=[(0.0, 2 * np.pi)] * 2)
    wave = cfd.forcings.kolmogorov_forcing(grid, 1.0, WAVE_NUMBER)

    def force(v):
        return tuple(f - DRAG * u.array for f, u in zip(wave(v), v, strict=True))

    step = cfd.equations.semi_implicit_navier_stokes(
        density=1.0, viscosity=viscosity, dt=frame / steps, grid=grid, forcing=force if forced else None
    )
    bc = cfd.boundaries.periodic_boundary_conditions(2)
    advance = jax.jit(lambda v, k: jax.lax.fori_loop(0, k * steps, lambda _, v: step(v), v))

    def given(s: Faces):
        parts = []
        for axis, d in enumerate("xy"):  # its faces are the upper ones of the cells
            data = np.float32(np.roll(s[d].T, -1, axis))
            parts.append(cfd.grids.GridVariable(cfd.grids.GridArray(data, grid.cell_faces[axis], grid), bc))
        return jax.device_put(tuple(parts))

    def faces(v) -> Faces:
        arrays = {d: np.roll(np.asarray(u.data), 1, axis).T for axis, (d, u) in enumerate(zip("xy", v, strict=True))}
        return {d: restricted(u, d) for d, u in arrays.items()}

    return cases(lambda v, k: advance(v, k), [given(s) for s in start], frames, round(1 / frame), faces)


def exponax_cases(
    forced: bool, viscosity: float, start: list[Faces], steps: int, frame: float, frames: int
) -> dict[str, Case]:
    """
    exponax's pseudo-spectral step (fourth-order exponential time differencing). What it calls vorticity turns the other
    way round: its field and its force have the opposite sign.
    """
    import exponax
    import jax

    n = start[0]["y"].shape[-1]
    common = dict(diffusivity=viscosity, order=4)
    if forced:
        kolmogorov = dict(drag=-DRAG, injection_mode=WAVE_NUMBER, injection_scale=-1.0)
        step = exponax.stepper.KolmogorovFlowVorticity(2, 2 * np.pi, n, frame / steps, **common, **kolmogorov)
    else:
        step = exponax.stepper.NavierStokesVorticity(2, 2 * np.pi, n, frame / steps, **common)
    advance = jax.jit(lambda u, k: jax.lax.fori_loop(0, k * steps, lambda _, u: step(u), u))

    def given(s: Faces):
        return jax.device_put(np.float32(-to_vorticity(from_faces([s["y"], s["x"]], n)).T[None]))

    def faces(u) -> Faces:
        return dict(zip("yx", to_faces(from_vorticity(-np.asarray(u)[0].T), GRID), strict=True))

    return cases(lambda u, k: advance(u, k), [given(s) for s in start], frames, round(1 / frame), faces)


BUILD = {
    "central": functools.partial(phi_sol_cases, "central"),
    "van_leer": functools.partial(phi_sol_cases, "van_leer"),
    "JAX-CFD": jax_cfd_cases,
    "exponax": exponax_cases,
}


def build(solver: str, *args) -> dict[str, Case]:
    """The cases of a solver by name."""
    return BUILD[solver](*args)
