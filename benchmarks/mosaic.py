"""
The tasks of a public benchmark of differentiable solvers (Mosaic, v0.2.0), done with phi_sol.

    python benchmarks/mosaic.py [TASK ...] [--data ../shared/mosaic] [--quick] [--images FOLDER] [--out FILE]

Tasks: cylinder, periodic_3d (both against reference fields in --data; left out where these are not there), vortices,
gradient, cost, horizon, recovery, drag. Each replaces its own entry in benchmarks/results/mosaic.json.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from common import five_digits, processor, read_json, show, skip, versions, write_json
from course import measuring
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "verification"))

HERE = Path(__file__).parent
FILE = HERE / "results" / "mosaic.json"
DATA = HERE.parents[1] / "shared" / "mosaic"


def relative(found, exact) -> float:
    """Relative L2 error of arrays, or of several together."""
    squares = [sum(float(np.sum(np.square(np.float64(a)))) for a in s) for s in
               ([np.float64(f) - e for f, e in zip(found, exact, strict=True)], exact)]  # fmt: skip
    return float(np.sqrt(squares[0] / squares[1]))


# --- the cylinder in a channel ---

SCHEMES = ("central", "van_leer", "mac_cormack", "semi_lagrangian")


def channel(kind: str, n: int, dt: float, scheme: str = "central", obstacles=None):
    """
    The square [0, 2π]² with the stream along y (the benchmark's x).

    Args:
        kind: `open`: walls at rest, both ends with zero gradient and p = 0; `walls`: the same with speed 1 entering;
            `periodic`: across, with speed 1 entering.
        obstacles: Instead of a cylinder of radius 0.2 π in the middle.
    """
    from channels import OpenChannel
    from phi.geom import Sphere

    from phi_sol import WakeFlow

    size = 2 * np.pi
    obstacles = Sphere(y=np.pi, x=np.pi, radius=0.1 * size) if obstacles is None else obstacles
    common = dict(y=n, x=n, size=dict(y=size, x=size), dt=dt, advection=scheme, obstacles=obstacles, radius=1.0)
    if kind == "open":
        return OpenChannel(**common)
    return WakeFlow(**common, walls="periodic" if kind == "periodic" else "no-slip")


VISCOSITIES = (0.05, 0.02, 0.01, 0.005)


def at_the_end(flow, coarse: int = 64) -> np.ndarray:
    """Velocity (stream, across) in cells at t = 5, means over coarser ones, shape (4, 2, n, n)."""
    from phi.math import NUMPY

    from phi_sol import metrics

    with NUMPY:
        start = flow.initial_state(reynolds=[1 / v for v in VISCOSITIES], poke=0.0)
    steps = round(5 / flow.dt)
    cells = metrics.centred(flow, metrics.arrays_of(flow, flow.rollout(start, steps, steps, False).last))
    both, r = np.stack([cells["y"], cells["x"]], 1), flow.resolution["y"] // coarse
    return both.reshape(len(VISCOSITIES), 2, coarse, r, coarse, r).mean((3, 5))


def cylinder(data: Path, quick: bool, images: Path | None) -> dict:
    """
    Relative L2 difference to OpenFOAM's fields (64 x 64 cells, dt = 0.01, t = 5) of three kinds of channels and four
    schemes; and, with the cylinder as the same 124 of 64 x 64 cells, of phi_sol's fields and of OpenFOAM's to those of
    phi_sol on 256 x 256 cells.
    """
    known = np.load(data / "cylinder_openfoam.npz")
    reference = np.stack([np.moveaxis(known[f"reference_{i}"][:, :, 0], -1, 0) for i in range(len(VISCOSITIES))])
    x = (np.arange(64) + 0.5) * 2 * np.pi / 64
    solid = (x[:, None] - np.pi) ** 2 + (x - np.pi) ** 2 < (0.2 * np.pi) ** 2
    own = at_the_end(channel("open", 64, 0.01))
    fields = {"open_central": own}
    if not quick:
        fields |= {f"{kind}_central": at_the_end(channel(kind, 64, 0.01)) for kind in ("walls", "periodic")}
        fields |= {f"open_{scheme}": at_the_end(channel("open", 64, 0.01, scheme)) for scheme in SCHEMES[1:]}
        fields |= {f"{n}": at_the_end(channel("open", n, 0.64 / n, obstacles=solid)) for n in (128, 256)}
    rows = []
    for i, viscosity in enumerate(VISCOSITIES):
        row = {"viscosity": viscosity} | {k: relative(f[i], reference[i]) for k, f in fields.items()}
        away = ~ndimage.binary_dilation(solid, iterations=3)
        row["open_central_away"] = relative(own[i][:, away], reference[i][:, away])
        if not quick:
            finest = fields["256"][i]
            row |= {"64_to_256": relative(own[i], finest), "128_to_256": relative(fields["128"][i], finest)}
        through = {"openfoam": reference, "own": own}
        row |= {f"through_{n}_{k}": float(f[i, 0, k].mean()) for n, f in through.items() for k in (0, 32, 63)}
        rows.append({k: five_digits(v) for k, v in row.items()})
    if images:
        from mosaic_figures import draw_cylinder

        draw_cylinder(list(zip(VISCOSITIES, reference, own, strict=True)), images / "periodic_cylinder.png")
    show("cylinder, relative L2 difference", rows)
    return {"rows": rows}


# --- vortices ---


def box(n: int, dims: str, dt: float, **options):
    from phi_sol import PeriodicBox

    return PeriodicBox(**dict.fromkeys(dims, n), dt=dt, **options)


def run(flow, viscosity: float, steps: int) -> tuple[list, list]:
    """The faces of the start and of the end, in float64 by NumPy."""
    from phi.math import NUMPY, precision, wrap

    with NUMPY, precision(64):
        start = state = flow.initial_state(viscosity=viscosity)
        for _ in range(steps):
            state = flow.integrate(state, wrap(flow.dt))
    dims = list(flow.resolution)
    return tuple([s.velocity.values[{"~vector": d}].numpy(dims) for d in dims] for s in (start, state))


def periodic_3d(data: Path, quick: bool, images: Path | None) -> dict:
    """
    3D Taylor-Green vortices until t = 0.5 (50 steps) against a spectral solver at 64³, of which 16³ points are given:
    compared as means over the faces of 16³ cells, for which finer grids are restricted.
    """
    from spectral_box import from_faces, resized, to_faces

    known, rows = np.load(data / "periodic_3d.npz"), []
    for i, viscosity in enumerate((0.001, 0.01, 0.05)[: 1 if quick else None]):
        given = known[f"reference_{i}"]  # x, y, z
        points = np.fft.rfftn(np.moveaxis(given, -1, 0), axes=(1, 2, 3), norm="forward")
        exact = to_faces(resized(points, 16), 16)
        row = {"viscosity": viscosity}
        for scheme, n in [("central", 16), ("van_leer", 16), *([] if quick else [("central", 32), ("central", 64)])]:
            measuring(f"3D vortices, viscosity {viscosity}, {scheme}, {n} cells")
            flow = box(n, "yxz", 0.01, advection=scheme, initial="taylor_green")
            _, end = run(flow, viscosity, 50)
            x_first = [np.moveaxis(u, 0, 1) for u in (end[1], end[0], end[2])]
            row[f"{scheme}_{n}"] = five_digits(relative(to_faces(from_faces(x_first, n), 16), exact))
        rows.append(row)
    show("3D vortices, relative L2 error", rows)
    return {"rows": rows}


def vortices(data: Path, quick: bool, images: Path | None) -> dict:
    """2D Taylor-Green vortices against their closed form: by viscosity, by grid, by number of steps."""

    def error(n, viscosity, dt, steps, scheme) -> float | None:
        """None for a step that is refused, as too long for the diffusion."""
        measuring(f"2D vortices, {n} cells, viscosity {viscosity}, {steps} steps, {scheme}")
        flow = box(n, "yx", dt, advection=scheme, initial="taylor_green")
        try:
            flow.check_stability(dt, 0, viscosity)
        except InputError:
            return None
        start, end = run(flow, viscosity, steps)
        decay = np.exp(-2 * viscosity * dt * steps)
        return five_digits(relative(end, [u * decay for u in start]))

    from phi_sol import InputError

    schemes = SCHEMES[:1] if quick else SCHEMES
    viscosities = (1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2)[: 1 if quick else None]
    by_viscosity = [{"viscosity": v} | {s: error(64, v, 0.05, 20, s) for s in schemes} for v in viscosities]
    grids, counts = (16, 32) if quick else (16, 32, 64, 128), (1, 5) if quick else (1, 5, 10, 20, 50, 100)
    by_grid = [{"cells": n} | {s: error(n, 0.05, 0.01, 20, s) for s in schemes} for n in grids]
    by_steps = [{"steps": k} | {s: error(64, 0.05, 0.01, k, s) for s in schemes} for k in counts]
    tables = {"by_viscosity": by_viscosity, "by_grid": by_grid, "by_steps": by_steps}
    for name, rows in tables.items():
        show(f"2D vortices, relative L2 error {name}", rows)
    return tables


# --- all ---


def main(arguments: list[str] | None = None):
    import mosaic_gradients as gradients

    forward = {"cylinder": cylinder, "periodic_3d": periodic_3d, "vortices": vortices}
    tasks = forward | {n: getattr(gradients, n) for n in ("gradient", "cost", "horizon", "recovery", "drag")}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(tasks)}; all by default")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the reference fields")
    parser.add_argument("--quick", action="store_true", help="the smallest case of each, to see that it works")
    parser.add_argument("--images", type=Path, help="where pictures go")
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE", help="default: %(default)s")
    given = parser.parse_args(arguments)
    if unknown := [t for t in given.tasks if t not in tasks]:
        parser.error(f"unknown task {unknown[0]!r}; known: {', '.join(tasks)}")
    results = read_json(given.out, {})
    for name in given.tasks or tasks:
        if name in ("cylinder", "periodic_3d") and not given.data.is_dir():
            skip(name, f"the reference fields are not in {given.data}")
            continue
        begin = time.perf_counter()
        measuring(name)
        found = tasks[name](given.data, given.quick, given.images)
        facts = {"seconds": round(time.perf_counter() - begin), "processor": processor(), "versions": versions()}
        results[name] = found | facts
        write_json(given.out, results)


if __name__ == "__main__":
    main()
