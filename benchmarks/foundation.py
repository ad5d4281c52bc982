"""
How far a corrector of `wake_2d` carries: the error of the corrected source relative to the source's, in flows that it
was not trained for, over 200 units of time from a developed wake; with `--dimensions 3` the same around `wake_3d`.

    python benchmarks/foundation.py --run one-flow=phi_sol/correctors/shipped/wake_2d/pretrained \
        --run foundation=phi_sol/correctors/shipped/foundation_2d/pretrained --data data

With `--data`, a folder with the test data of the flows in `benchmarks/flows` by name, also the error relative to the
source's in each of those, over 20 steps and over 40, and what a step costs; of a corrector that was not trained in a
flow also with the gain that its first training simulation says (`calibrated`), and with that of a reference of twice
the cells, which needs no recorded data.

A corrector that can't be used in a flow (other cells, another time step) has no number there. `outside`: the share of
cells, in percent, that look like nothing in the training of the last run, and `shift`: how far all of them together are
from its distribution, in deviations (`Validity`).
"""

import argparse
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from common import read_json, show, versions, write_json
from phi.geom import Box, Sphere

import phi_sol as ps
from phi_sol.evaluation.timing import runner, time_alternately
from phi_sol.stepping.arrays import pack
from phi_sol.tasks.correction.validation import rollout_error

FLOWS = Path(__file__).parent / "flows"


@dataclass(frozen=True)
class Around:
    """A scene of wakes, and the flows around it by name: options beside its own, and Reynolds numbers."""

    scene: str
    warmup: int  # steps, to a developed wake
    flows: dict[str, tuple[dict, tuple[float, ...]]]

    @cached_property
    def own(self) -> ps.Experiment:
        return ps.load_experiment(self.scene)

    @property
    def steps(self) -> int:
        return round(200 / self.own.options["dt"])

    def pair(self, options: dict) -> ps.SolverPair:
        own = {n: v for n, v in self.own.options.items() if n != "obstacle" or "obstacles" not in options}
        given = {n: v for n, v in options.items() if n not in self.own.source}
        cells = {d: options.get(d, n) for d, n in self.own.source.items()}
        return replace(self.own, source=cells, options=own | given).pair


def ellipse(y: float, x: float) -> np.ndarray:
    """Cells of a grid of 512x256 within half axes y and x around (50, 50)."""
    places = [(np.arange(n) + 0.5) * size / n for n, size in ((512, 200), (256, 100))]
    return ((places[0][:, None] - 50) / y) ** 2 + ((places[1] - 50) / x) ** 2 < 1


def around_2d() -> Around:
    reynolds = (150.0, 400.0, 800.0)
    two = [Sphere(y=50.0, x=30.0, radius=8.0), Sphere(y=50.0, x=70.0, radius=8.0)]
    flows: dict[str, tuple[dict, tuple[float, ...]]] = {
        "as trained": ({}, reynolds),
        "square": ({"obstacles": Box(y=(41, 59), x=(41, 59))}, reynolds),
        "ellipse": ({"obstacles": ellipse(16, 8)}, reynolds),
        "two cylinders": ({"obstacles": two}, reynolds),
        "off the centre": ({"center": {"y": 50.0, "x": 62.0}}, reynolds),
        "twice as long": ({"size": {"y": 400.0, "x": 100.0}, "center": {"y": 50.0, "x": 50.0}, "y": 128}, reynolds),
        "half the speed": ({"speed": 0.5}, reynolds),
        "twice the speed": ({"speed": 2.0}, reynolds),
        "0.6 times the speed": ({"speed": 0.6}, reynolds),
        "1.7 times the speed": ({"speed": 1.7}, reynolds),
        "1.5 times the cells": ({"y": 96, "x": 48, "dt": 10.0 / 1.5}, reynolds),
        "half the least Re": ({}, (50.0,)),
        "twice the greatest Re": ({}, (2000.0,)),
    }
    return Around("wake_2d", 60, flows)


def around_3d() -> Around:
    """The flow as trained, and what is not among the recorded ones."""
    reynolds = (69.0, 181.2)
    two = [Sphere(y=50.0, x=32.0, z=50.0, radius=10.0), Sphere(y=50.0, x=68.0, z=50.0, radius=10.0)]
    longer = {"size": {"y": 400.0, "x": 100.0, "z": 100.0}, "center": {"y": 50.0, "x": 50.0, "z": 50.0}, "y": 64}
    flows: dict[str, tuple[dict, tuple[float, ...]]] = {
        "as trained": ({}, reynolds),
        "plate": ({"obstacles": Box(y=(46, 54), x=(30, 70), z=(35, 65))}, reynolds),
        "two spheres": ({"obstacles": two}, reynolds),
        "off the centre": ({"center": {"y": 50.0, "x": 62.0, "z": 50.0}}, reynolds),
        "twice as long": (longer, reynolds),
        "0.7 times the speed": ({"speed": 0.7}, reynolds),
        "1.3 times the speed": ({"speed": 1.3}, reynolds),
        "1.25 times the cells": ({"y": 40, "x": 20, "z": 20, "dt": 6.4}, reynolds[1:]),
        "half the least Re": ({}, (25.0,)),
        "twice the greatest Re": ({}, (500.0,)),
    }
    return Around("wake_3d", 38, flows)


def off(frames, right) -> float:
    """MAE of the velocity over all frames."""
    names = [n for n in right.arrays if n.startswith("velocity")]
    return float(np.mean([np.abs(frames.arrays[n] - right.arrays[n]).mean() for n in names]))


def strangeness(known, seen: np.ndarray) -> dict:
    """What a corrector says of the channels of states, see `Validity`."""
    return {"outside": 100 * float(known.outside(seen).mean()), "shift": max(known.shifts(seen).values())}


def measured(around: Around, name: str, correctors: dict) -> dict:
    options, reynolds = around.flows[name]
    pair = around.pair(options)
    begin = pair.reference.initial_state(reynolds=list(reynolds))
    dt = around.own.options["dt"]
    warm = int(around.warmup * dt / pair.source.dt / pair.source.speed)
    fine = pair.fine.rollout(begin, warm, keep_every=warm, progress=False).last
    steps = round(around.steps * dt / pair.source.dt)
    right, start = pair.restrict(pair.fine.rollout(fine, steps, progress=False)), pair.restrict(fine)
    first = {n: a[:, 0] for n, a in right.arrays.items()}  # all frames of the first Reynolds number
    parameters = {"reynolds": np.full(len(right), reynolds[0], np.float32)}
    row = {"flow": name, "SRC": off(pair.source.rollout(start, steps, progress=False), right)}
    for label, corrector in correctors.items():
        try:
            solver = ps.HybridSolver(pair.source, corrector, strict=False)
        except ps.InputError:
            row[label] = None
            continue
        row[label] = off(solver.rollout(start, steps, progress=False), right) / row["SRC"]
        if solver.corrector.validity is not None:
            row |= strangeness(solver.corrector.validity, solver.corrector.look_at(pair.source, first, parameters))
    print(row, flush=True)
    return row


def calibrations(corrector: ps.Corrector, scene, first: ps.Dataset) -> dict[str, ps.Corrector]:
    """The corrector with the gain of one simulation, and with that which needs no data."""
    return {"calibrated": ps.calibrated(corrector, first), "without data": ps.calibrated(corrector, scene)}


def scene_of(name: str) -> ps.Experiment:
    return ps.load_experiment(str(FLOWS / f"{name}.py"))


def names_of(dimensions: int) -> list[str]:
    """Of the flows in `benchmarks/flows`."""
    return sorted(p.stem for p in FLOWS.glob(f"*_{dimensions}d.py"))


def is_at_home(corrector: ps.Corrector, flow: ps.Flow) -> bool:
    try:
        corrector.check_flow(flow)
    except ps.InputError:
        return False
    return True


def with_gains(label: str, corrector: ps.Corrector, scene, first: ps.Dataset) -> dict[str, ps.HybridSolver]:
    """
    A corrector in a flow as it is and, where it was not trained there, with the gain of one simulation and with that
    which needs no data; nothing where it can't be used.
    """
    source = scene.pair.source
    try:
        found = {label: ps.HybridSolver(source, corrector, strict=False)}
    except ps.InputError:
        return {}
    if not is_at_home(corrector, source):
        for how, told in calibrations(corrector, scene, first).items():
            found[f"{label}, {how}"] = ps.HybridSolver(source, told, strict=False)
    return found


def recorded(folder: Path, correctors: dict, flows: list[str]) -> list[dict]:
    """The error relative to the source's on the test simulations of every flow, over 20 steps and all 40."""
    rows = []
    for flow in flows:
        scene = scene_of(flow)
        data, source = ps.Dataset.load(scene.pair, folder / flow, "test"), scene.pair.source
        first = ps.Dataset.load(scene.pair, folder / flow, "train").only([0])
        known = {n: with_gains(n, c, scene, first) for n, c in correctors.items()}
        chosen = list(range(len(data)))
        for frames in (20, 40):
            names = [n for n in data.arrays if n.startswith("velocity")]
            plain = rollout_error(source, data, chosen, frames, names)
            row = {"flow": flow, "steps": frames, "SRC": plain}
            for label, solvers in known.items():
                row |= {label: None} if not solvers else {}
                for name, solver in solvers.items():
                    row[name] = rollout_error(solver, data, chosen, frames, names) / plain
                    row |= {f"gain, {name}": solver.corrector.gain} if name != label else {}
            print(row, flush=True)
            rows.append(row)
    return rows


def costs(around: Around, correctors: dict) -> dict[str, float]:
    """Of a step of the wake, with and without corrections, all in turn, in milliseconds."""
    source = around.pair({}).source
    state = source.initial_state(reynolds=[around.flows["as trained"][1][0]])
    arrays, parameters, _ = pack(source, state)
    solvers = {"SRC": source} | {n: ps.HybridSolver(source, c, strict=False) for n, c in correctors.items()}
    return time_alternately({n: runner(s, arrays, parameters, choose=True) for n, s in solvers.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", required=True, help="NAME=FOLDER of a run")
    parser.add_argument("--data", type=Path, help="folder of the test data of the flows in benchmarks/flows")
    parser.add_argument("--dimensions", type=int, choices=(2, 3), default=2, help="around wake_2d, or wake_3d")
    parser.add_argument("--flows", nargs="+", help="of those in --data only these (2D or 3D), and nothing else")
    parser.add_argument("--symmetric", action="append", default=[], help="NAME of a run: averaged over mirrors, too")
    given = parser.parse_args()
    correctors = {n: ps.Corrector.load(folder) for n, _, folder in (r.partition("=") for r in given.run)}
    correctors |= {f"{n}, symmetric": correctors[n].symmetric() for n in given.symmetric}
    if given.flows:
        rows = recorded(given.data, correctors, given.flows)
        return show(
            "error relative to SRC in recorded flows", [{n: v for n, v in r.items() if v is not None} for r in rows]
        )
    around = around_2d() if given.dimensions == 2 else around_3d()
    rows = [measured(around, name, correctors) for name in around.flows]
    show("error relative to SRC", [{n: "-" if v is None else v for n, v in r.items()} for r in rows])
    flows, step = ("flows", "ms per step") if given.dimensions == 2 else ("flows 3d", "ms per step 3d")
    found = {around.scene: rows}
    if given.data:
        found |= {flows: recorded(given.data, correctors, names_of(given.dimensions)), step: costs(around, correctors)}
        show("error relative to SRC in recorded flows", found[flows])
        show("ms per step", [found[step]])
    place = Path(__file__).parent / "results" / "foundation.json"
    write_json(place, read_json(place, {}) | found | {"versions": versions()})


if __name__ == "__main__":
    main()
